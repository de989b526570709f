"""A display of X11 that nobody sees."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

__all__ = ["Display"]


class Display:
    """Starts Xvfb; gives the display's name. Skips the test where it is not installed."""

    def __enter__(self) -> str:
        program = shutil.which("Xvfb")
        if program is None:
            pytest.skip("Xvfb is not installed")
        read, write = os.pipe()
        # Without -noreset it begins anew whenever its last client leaves, and lets nobody in meanwhile.
        words = [program, "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"]
        self._process = subprocess.Popen(words, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as ready:
            number = ready.readline().strip()
        assert number, "Xvfb did not start"
        return f":{number}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
