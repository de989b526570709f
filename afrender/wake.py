"""``python -m afrender.wake``: wakes machines by their network cards' numbers, as the service ``wakeonlan`` asks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from wakeonlan import create_magic_packet, wake

__all__ = ["main"]

PORT = 9


def main(words: Sequence[str] | None = None) -> int:
    """Send a magic packet for each card; return 1 when a number is wrong or nothing could be sent."""
    parser = argparse.ArgumentParser(prog="afrender.wake", description="Wakes machines.")
    parser.add_argument("cards", nargs="+", metavar="CARD", help="number of a network card, twelve hexadecimal digits")
    parser.add_argument("--wake", action="store_true", help="what is done anyway")
    parser.add_argument("--ip", default="", help="address of the machine, for the log")
    parser.add_argument("--hostname", default="", help="name of the machine, for the log")
    parser.add_argument("--broadcast", default="255.255.255.255", help="address that reaches everybody")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args(words)
    try:
        for card in given.cards:
            try:
                create_magic_packet(card)
            except ValueError:
                raise ValueError(f"{card!r} is no number of a network card: twelve hexadecimal digits are") from None
        wake(*given.cards, host=given.broadcast, port=given.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"afrender.wake: {error}\n")
        return 1
    sys.stdout.write(f"Woke {given.hostname or given.ip or 'the machine'} by {len(given.cards)} cards.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
