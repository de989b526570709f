"""The translation of paths as classic modules call it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache

from afcore import pathmap
from afrender.classic.config import VARS

__all__ = ["PathMap"]


@lru_cache(maxsize=8)
def _map_of(pairs: tuple[tuple[str, str], ...], unix_separators: bool) -> pathmap.PathMap:
    """Return the map; every service makes one for itself, and all of them are the same."""
    return pathmap.PathMap(pairs, windows=sys.platform == "win32", unix_separators=unix_separators)


class PathMap:
    """Translates between this machine and the farm by the setting ``pathsmap``."""

    def __init__(self, UnixSeparators: bool = False, Verbose: bool = False) -> None:
        pairs = tuple((str(client), str(server)) for client, server in VARS.get("pathsmap", ()))
        self.initialized = bool(pairs)
        self._map = _map_of(pairs, UnixSeparators)

    def toServer(self, path: str, Verbose: bool = False) -> str:
        """Return ``path`` as the farm knows it."""
        return self._map.to_server(path)

    def toClient(self, path: str, Verbose: bool = False) -> str:
        """Return ``path`` as this machine knows it."""
        return self._map.to_client(path)

    def toServerFile(self, infile: str, outfile: str, SearchStrings: Sequence[str] = (), Verbose: bool = False) -> None:
        """Write ``infile`` to ``outfile`` with the farm's paths, in lines that hold one of ``SearchStrings``."""
        self._file(infile, outfile, SearchStrings, self._map.to_server)

    def toClientFile(self, infile: str, outfile: str, SearchStrings: Sequence[str] = (), Verbose: bool = False) -> None:
        """Write ``infile`` to ``outfile`` with this machine's paths, in lines that hold one of ``SearchStrings``."""
        self._file(infile, outfile, SearchStrings, self._map.to_client)

    @staticmethod
    def _file(infile: str, outfile: str, words: Sequence[str], swap: Callable[[str], str]) -> None:
        with open(infile, encoding="utf-8", errors="surrogateescape", newline="") as source:
            lines = [swap(line) if not words or any(word in line for word in words) else line for line in source]
        with open(outfile, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
            target.writelines(lines)
