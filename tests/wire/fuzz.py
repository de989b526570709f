"""Fuzzing guided by coverage: every test of ``test_fuzz`` driven by atheris instead of by chance (``make fuzz``).

Usage: ``python -m tests.wire.fuzz [SECONDS [NAME…]]``. Each decoder is a process of its own for that long, with bounded
memory; what breaks one is told with the bytes that did it, which ``--again NAME FILE`` repeats.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["main", "targets"]

SECONDS = 20
MEMORY_MB = 1024
LONGEST_S = 10
"""Seconds that one input may take."""


def targets() -> dict[str, Any]:
    """Return every test that draws its input, by name."""
    from tests.wire import test_fuzz

    return {name: test for name, test in vars(test_fuzz).items() if hasattr(test, "hypothesis")}


def _drive(name: str, arguments: Sequence[str]) -> None:
    """Be the process of one decoder; does not return."""
    atheris = importlib.import_module("atheris")  # `make fuzz` installs it where it can be

    with atheris.instrument_imports(include=["afcore", "afnet"]):
        found = targets()[name].hypothesis.fuzz_one_input

    def one(data: bytes) -> None:
        found(data)

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def _fuzz(name: str, seconds: int, folder: Path) -> bool:
    """Fuzz one decoder; return whether it held."""
    place = folder / name
    place.mkdir()
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.wire.fuzz", "--drive", name, f"-max_total_time={seconds}",
            f"-rss_limit_mb={MEMORY_MB}", f"-timeout={LONGEST_S}", f"-artifact_prefix={place}{os.sep}", "-seed=1",
            "-max_len=4096", "-print_final_stats=1",
        ],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    print(f"  {'held  ' if done.returncode == 0 else 'BROKE '} {name}: {runs} inputs in {seconds} s", flush=True)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-40:]))
        print(f"  kept in {place}")
    return done.returncode == 0


def main(words: Sequence[str]) -> int:
    """Fuzz the decoders that are named, all by default; 0 when every one held."""
    if words[:1] == ["--drive"]:
        _drive(words[1], words[2:])
    if words[:1] == ["--again"]:
        targets()[words[1]].hypothesis.fuzz_one_input(Path(words[2]).read_bytes())
        return 0
    try:
        importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed here; Hypothesis alone tries the decoders (tests/wire/test_fuzz.py).")
        return 0
    seconds = int(words[0]) if words else SECONDS
    names = list(words[1:]) or list(targets())
    folder = Path(tempfile.mkdtemp(prefix="afwatch-fuzz-"))
    broke = [name for name in names if not _fuzz(name, seconds, folder)]
    print(f"{len(names) - len(broke)} of {len(names)} decoders held")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
