"""``python -m afrender.wake``: wakes machines by their network cards' numbers, as the service ``wakeonlan`` asks.

A magic packet is six bytes of ones and sixteen times the number of the card, sent to everybody's port 9.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence

__all__ = ["magic_packet", "main"]

PORT = 9


def magic_packet(card: str) -> bytes:
    """Return the packet for a card's number: twelve hexadecimal digits, colons and dashes may be between.

    Raises ValueError for anything else.
    """
    number = bytes.fromhex(card.replace(":", "").replace("-", ""))
    if len(number) != 6:
        raise ValueError(f"{card!r} is no number of a network card: twelve hexadecimal digits are")
    return b"\xff" * 6 + number * 16


def main(words: Sequence[str] | None = None) -> int:
    """Send a packet for each card; return 1 when a number is wrong or nothing could be sent."""
    parser = argparse.ArgumentParser(prog="afrender.wake", description="Wakes machines.")
    parser.add_argument("cards", nargs="+", metavar="CARD", help="number of a network card, twelve hexadecimal digits")
    parser.add_argument("--wake", action="store_true", help="what is done anyway")
    parser.add_argument("--ip", default="", help="address of the machine, for the log")
    parser.add_argument("--hostname", default="", help="name of the machine, for the log")
    parser.add_argument("--broadcast", default="255.255.255.255", help="address that reaches everybody")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args(words)
    try:
        packets = [magic_packet(card) for card in given.cards]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for packet in packets:
                out.sendto(packet, (given.broadcast, given.port))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"afrender.wake: {error}\n")
        return 1
    sys.stdout.write(f"Woke {given.hostname or given.ip or 'the machine'} by {len(packets)} cards.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
