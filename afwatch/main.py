"""Entry of the ``afwatch`` command: for now it says where the farm can be looked at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Say in one sentence that the window is not there yet; return the exit code 2, because nothing was opened."""
    parser = argparse.ArgumentParser(prog="afwatch", description="The monitor window of an Afwatch farm.")
    parser.parse_args(arguments)
    print(
        "The monitor window comes in a later version; until then `afcmd job watch` shows the farm in the terminal.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
