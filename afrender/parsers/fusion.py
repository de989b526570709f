"""The parser of Fusion, which writes its progress into a file of its own."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from typing import Any

from afrender.parsers.base import Parser, on, words

__all__ = ["fusion"]


_LOG = "fusion_render.log"
_MOST = 65536
"""Bytes of the file that are read at once."""


class fusion(Parser):
    """Reads ``fusion_render.log`` in the folder for temporary files, from where it ended when the task began."""

    str_error = words(
        "Error ",
    )
    str_finishedsuccess = words(
        "Closing outstanding documents",
    )

    def __init__(self) -> None:
        super().__init__()
        self._path = os.path.join(tempfile.gettempdir(), _LOG)
        self._at = self._size()
        self._rest = ""

    def do(self, i_args: dict[str, Any]) -> str | None:
        """Read what was added to the file."""
        size = self._size()
        if size < self._at:
            self._at = 0
        if size > self._at:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                data = file.read(_MOST)
            self._at += len(data)
            lines = (self._rest + data.decode("utf-8", "replace")).split("\n")
            self._rest = lines.pop()[-_MOST:]
            for line in lines:
                self._keywords(line)
                self._read_lines(line, self._rules)
            self.progress_changed = True
        return None

    def _size(self) -> int:
        """Return the size of the file, 0 when there is none or when it is no plain file."""
        try:
            state = os.stat(self._path)
        except OSError:
            return 0
        return state.st_size if stat.S_ISREG(state.st_mode) else 0

    @on("Rendered frame ", r"Rendered frame -?\d{1,9} \((\d{1,9}) of (\d{1,9})")
    def _frame(self, found: re.Match[str]) -> None:
        self.frame, self.numframes = int(found[1]), max(1, int(found[2]))
        self.percentframe = 100
        self.calculate()

    @on("Render completed")
    def _completed(self, found: re.Match[str]) -> None:
        self.finishedsuccess = True
