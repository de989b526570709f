"""``python -m afnet.demo``: a farm on this machine renders an animation, and is gone again."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console

from afcore.errors import AfError
from afnet.demo.farm import DemoError
from afnet.demo.run import Options, run_demo


def _frames(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= 2000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames from 1 to 2000")
    return number


def _size(text: str) -> str:
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if match is None or min(int(match[1]), int(match[2])) < 16:
        raise argparse.ArgumentTypeError(f"{text!r} is no picture size; write WIDTHxHEIGHT, both at least 16")
    return text


def main(argv: list[str] | None = None) -> int:
    """Run the demo from the command line; 0 when there is a movie, 1 when not, 130 when it was interrupted."""
    plain = Options()
    parser = argparse.ArgumentParser(
        prog="python -m afnet.demo",
        description="Start a farm of one server and two agents on this machine, render an animation, clean up.",
    )
    parser.add_argument("--frames", type=_frames, default=plain.frames, help=f"frames to render ({plain.frames})")
    parser.add_argument("--size", type=_size, default=plain.size, help=f"WIDTHxHEIGHT of the frames ({plain.size})")
    parser.add_argument("--samples", type=int, default=plain.samples, help=f"rays per pixel at edges ({plain.samples})")
    parser.add_argument("--output", type=Path, help="folder for frames and movie (demo-output/<time>)")
    parser.add_argument("--keep", action="store_true", help="keep the farm's own folder with its logs and database")
    parser.add_argument("--timeout", type=float, default=plain.timeout, help="seconds after which to give up")
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    try:
        run_demo(Options(**vars(options)), console)
    except (DemoError, AfError, OSError) as error:
        Console(stderr=True, highlight=False).print(f"The demo failed. {error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"Stopped. The farm's processes are ended{'' if options.keep else ' and its folder is removed'}.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
