"""The classic browser interface, from a folder that the administrator names.

Rules of this file:
- The folder is listed once, at the start and when somebody asks for it; a request is looked up in that list and never
  joined to a path, so nothing else of the disk can be named.
- Only ``afanasy/browser``, ``lib`` and ``icons`` are listed: no hidden files, no configuration (``.json``), no password
  files, no links.
- A file is read when it is asked for; one that is gone since is not there.
"""

import logging
import os
import stat
from pathlib import Path
from typing import NamedTuple

__all__ = ["ClassicPages", "Page", "content_type"]

_SHOWN = ("afanasy/browser", "lib", "icons")
"""Folders below the one that is served."""

_MOST_FILES = 20_000
_MOST_BYTES = 32 << 20

_REFUSED = ("htdigest", "htaccess", "htpasswd", ".json")

_TYPES = {
    ".html": "text/html; charset=UTF-8",
    ".htm": "text/html; charset=UTF-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=UTF-8",
}

_INDEX = "index.html"
_FRONT = "/afanasy/browser/index.html"

_log = logging.getLogger(__name__)


class Page(NamedTuple):
    """A file to send."""

    data: bytes
    content_type: str
    cache_seconds: int


def content_type(name: str) -> str:
    """Return what browsers are told of a file with this name."""
    return _TYPES.get(os.path.splitext(name)[1].lower(), "application/octet-stream")


class ClassicPages:
    """The files below one folder, by address; none without a folder."""

    def __init__(self, folder: str, *, front: bool = False) -> None:
        """``front`` says whether the address ``/`` is the classic page."""
        self.front = bool(folder) and front
        """Whether the address ``/`` is the classic page."""
        self._folder = Path(folder) if folder else None
        self._files: dict[str, Path] = {}
        self.reload()

    def __len__(self) -> int:
        return len(self._files)

    @property
    def served(self) -> bool:
        """Whether a folder was named."""
        return self._folder is not None

    def reload(self) -> int:
        """List the folder again and return how many files there are; for any thread, the old list counts meanwhile."""
        files: dict[str, Path] = {}
        if self._folder is not None:
            for shown in _SHOWN:
                _list(self._folder.joinpath(*shown.split("/")), f"/{shown}", files)
            if not files:
                _log.warning("af_http_serve_dir: below %s there is none of %s", self._folder, ", ".join(_SHOWN))
        self._files = files
        return len(files)

    def names_in(self, folder: str) -> list[str]:
        """Return the names of the listed files directly in a folder, such as ``icons/tickets``."""
        beginning = f"/{folder.strip('/')}/"
        return [path.name for address, path in self._files.items() if address.rpartition("/")[0] + "/" == beginning]

    def find(self, address: str) -> Path | None:
        """Return the file of an address, None when there is none; folders mean their ``index.html``."""
        if address == "/":
            return self._files.get(_FRONT)
        if address.endswith("/"):
            address += _INDEX
        elif "." not in address:
            address += "/" + _INDEX
        return self._files.get(address)

    @staticmethod
    def read(path: Path) -> Page | None:
        """Return a listed file; None when it is gone, or no plain file any more.  For any thread."""
        try:
            opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
            with open(opened, "rb") as file:
                found = os.fstat(opened)
                if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
                    return None
                data = file.read(_MOST_BYTES)
        except OSError:
            return None
        kind = content_type(path.name)
        return Page(data, kind, 0 if kind.startswith("text/html") else 3600)


def _list(folder: Path, address: str, files: dict[str, Path]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink() or not entry.name.isprintable():
            continue
        if entry.is_dir(follow_symlinks=False):
            _list(Path(entry.path), f"{address}/{entry.name}", files)
        elif entry.is_file(follow_symlinks=False) and not any(word in entry.name.lower() for word in _REFUSED):
            if len(files) >= _MOST_FILES:
                _log.warning("af_http_serve_dir: only the first %d files are served", _MOST_FILES)
                return
            files[f"{address}/{entry.name}"] = Path(entry.path)
