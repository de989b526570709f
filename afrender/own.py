"""Finds services and parsers of a studio's own: files in the folders ``services`` and ``parsers`` of one folder.

Rules of this file:
- only names of files that are there are ever imported, whatever a job says;
- nothing of theirs is imported by the agent: it looks at names, a helper loads the files.
"""

from __future__ import annotations

import os

__all__ = ["KINDS", "Signature", "own_names"]

KINDS = ("services", "parsers")


def own_names(folder: str) -> dict[str, frozenset[str]]:
    """Return the names of modules of each kind; none when there is no such folder."""
    return {kind: frozenset(name for name, _, _ in _files(folder, kind)) for kind in KINDS}


class Signature:
    """Tells cheaply whether a file was added, removed or written: by the times of folders and known files."""

    def __init__(self, folder: str) -> None:
        folders = [os.path.join(folder, kind) for kind in KINDS]
        files = [os.path.join(place, f"{name}.py") for place, kind in zip(folders, KINDS, strict=True)
                 for name, _, _ in sorted(_files(folder, kind))]  # fmt: skip
        self._paths = folders + files
        self._state = self._look()

    def same(self) -> bool:
        """Say whether all is as it was when this was made."""
        return self._look() == self._state

    def _look(self) -> list[tuple[int, int]]:
        found = []
        for path in self._paths:
            try:
                state = os.stat(path)
                found.append((state.st_mtime_ns, state.st_size))
            except OSError:
                found.append((0, 0))
        return found


def _files(folder: str, kind: str) -> list[tuple[str, int, int]]:
    """Return name, time of change and size of every module of a kind."""
    found = []
    try:
        with os.scandir(os.path.join(folder, kind)) as entries:
            for entry in entries:
                name, extension = os.path.splitext(entry.name)
                if extension == ".py" and name.isidentifier() and not name.startswith("_"):
                    state = entry.stat()
                    found.append((name, state.st_mtime_ns, state.st_size))
    except OSError:
        return []
    return found
