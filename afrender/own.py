"""Finds services and parsers of a studio's own: files in the folders ``services`` and ``parsers`` of one folder.

Rules of this file:
- only names of files that are there are ever imported, whatever a job says;
- nothing of theirs is imported by the agent: it looks at names, a helper loads the files.
"""

from __future__ import annotations

import os

__all__ = ["KINDS", "own_names", "signature"]

KINDS = ("services", "parsers")


def own_names(folder: str) -> dict[str, frozenset[str]]:
    """Return the names of modules of each kind; none when there is no such folder."""
    return {kind: frozenset(name for name, _, _ in _files(folder, kind)) for kind in KINDS}


def signature(folder: str) -> tuple[tuple[str, int, int], ...]:
    """Return what changes whenever a file is added, removed or written."""
    return tuple(one for kind in KINDS for one in sorted(_files(folder, kind)))


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
