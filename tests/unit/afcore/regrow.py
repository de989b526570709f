"""The golden journal: files of this format that every later version must read, and the digests of what they make.

The first file is as it was written once.  A new kind of fact is a chapter of its own that goes on from the first file,
so that chapters written at the same time do not meet.  To write one, add what is to happen to ``CHAPTERS`` and run

    python -m tests.unit.afcore.regrow NAME
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from afcore import commands
from afcore.codec import BODY_FORMAT
from afcore.farmfile import parse_farm
from afcore.hostpatterns import described
from afcore.replay import recover
from tests.unit.afcore.plays import FarmPlay

__all__ = ["CHAPTERS", "golden_journals"]

GOLDEN = Path(__file__).parent / "golden"
_FIRST = GOLDEN / f"journal-{BODY_FORMAT}.msgpack"


def _farm_file(farm: FarmPlay) -> None:
    text = (Path(__file__).parents[2] / "data" / "farm.xml").read_text(encoding="utf-8")
    farm.do(commands.DescribeFarm(described(parse_farm(text))))


CHAPTERS: dict[str, Callable[[FarmPlay], None]] = {
    "farmfile": _farm_file,
}
"""What happens in each chapter, by its name."""


def golden_journals() -> Iterator[tuple[str, list[bytes], str]]:
    """Yield name, bodies and digest of the first file alone, then of it with each chapter."""
    first = _FIRST.read_bytes()
    for path in sorted(GOLDEN.glob(f"journal-{BODY_FORMAT}*.msgpack")):
        bodies = [first] if path == _FIRST else [first, path.read_bytes()]
        yield path.stem, bodies, path.with_suffix(".digest").read_text(encoding="ascii").strip()


def _write(name: str) -> None:
    path = GOLDEN / f"journal-{BODY_FORMAT}-{name}.msgpack"
    if path.exists():
        raise SystemExit(f"{path.name} is there: a chapter is written once and stays as it is")
    farm = FarmPlay()
    farm.core = recover(None, [_FIRST.read_bytes()])
    farm.at += 1_000_000.0
    CHAPTERS[name](farm)
    path.write_bytes(bytes([0xDD]) + len(farm.entries).to_bytes(4, "big") + b"".join(farm.entries))
    path.with_suffix(".digest").write_text(farm.core.digest() + "\n", encoding="ascii")


if __name__ == "__main__":
    _write(sys.argv[1])
