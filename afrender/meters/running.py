"""Runs a program beside a meter: each update reads what the run before it printed, and nobody waits."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

__all__ = ["ProgramMeter"]

from afrender.meters.base import Meter

LIMIT = 60.0
"""Seconds after which a program that does not end is ended."""


class ProgramMeter(Meter):
    """A meter that shows what the program ``words`` prints; ``show`` is given the text."""

    words: Sequence[str] = ()

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.valid = True
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._output = tempfile.TemporaryFile()
        self._begun = 0.0

    def update(self) -> None:
        """Show the output of a run that ended, and begin the next. Raises OSError when the program is missing."""
        process = self._process
        if process is not None and process.poll() is None:
            if self._clock() - self._begun <= LIMIT:
                return
            process.kill()
            process.wait()
        if process is not None:
            self._output.seek(0)
            text = self._output.read().decode("utf-8", "replace")
            self._process = None
            if process.returncode:
                raise RuntimeError(f"{self.words[0]} ended with status {process.returncode}: {text.strip()[-500:]}")
            self.show(text)
        self._output.seek(0)
        self._output.truncate()
        self._begun = self._clock()
        self._process = subprocess.Popen(
            self.words, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
        )

    def show(self, text: str) -> None:
        """Set the members from the output."""

    def close(self) -> None:
        """End what still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._output.close()
