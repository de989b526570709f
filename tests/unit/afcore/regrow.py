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
from afcore.states import RunStatus
from tests.unit.afcore.plays import FarmPlay, block, job

__all__ = ["CHAPTERS", "golden_journals"]

GOLDEN = Path(__file__).parent / "golden"
_FIRST = GOLDEN / f"journal-{BODY_FORMAT}.msgpack"


def _farm_file(farm: FarmPlay) -> None:
    text = (Path(__file__).parents[2] / "data" / "farm.xml").read_text(encoding="utf-8")
    farm.do(commands.DescribeFarm(described(parse_farm(text))))


def _system_job(farm: FarmPlay) -> None:
    farm.do(commands.AcceptRestart())
    for name in ("system-a", "system-b"):
        farm.register(name, cores=60)
    shot = farm.submit(job(name="golden", user="gold", command_pre="make a", command_post="rm a"))
    farm.do(commands.SetJobs([1, shot.id], {"hosts_mask": "system-.*"}))
    for key in farm.solve():
        farm.report(key, RunStatus.ERROR if key.job == 1 else RunStatus.SUCCESS)
    farm.run_all()
    farm.do(commands.DeleteJobs([shot.id]))
    farm.solve()
    for number in range(3):
        gone = farm.submit(job(name=f"golden-{number}", user="gold", command_post="rm b", offline=True))
        farm.do(commands.DeleteJobs([gone.id]))
    farm.do(commands.RestartJobs([1]))


def _sleep(farm: FarmPlay) -> None:
    farm.do(commands.AcceptRestart())
    farm.register("sleep-a", interfaces=[{"name": "e0", "mac": "00:11:22:33:44:55"}])
    farm.do(commands.SetRenders(["sleep-a"], {"NIMBY": True}))
    farm.do(commands.SleepRenders(["sleep-a"]))
    farm.tick(100)
    farm.do(commands.WakeRenders(["sleep-a"]))
    farm.tick(400)


def _several_hosts(farm: FarmPlay) -> None:
    for number in range(3):
        farm.register(f"many-{number}", cores=60)
    words = {"multihost_service": "serve", "multihost_service_wait": 5, "tickets": {"LIC": 1}, "hosts_mask": "many-.*"}
    wide = block(multihost_min=3, multihost_max=3, last=1, **words)
    wide.settle()
    shot = farm.submit(job(wide, name="wide", user="gold"))
    farm.do(commands.Solve())
    key = next(key for key in farm.core.farm.runs if key.job == shot.id)
    farm.tick(6.0)
    held = farm.core.farm.runs[key].captured[0].render
    farm.report(key, RunStatus.ERROR, render=held, errors_text="no port")
    farm.report(key, RunStatus.STOPPED)
    farm.do(commands.Solve())


CHAPTERS: dict[str, Callable[[FarmPlay], None]] = {
    "farmfile": _farm_file,
    "sysjob": _system_job,
    "sleep": _sleep,
    "hosts": _several_hosts,
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
