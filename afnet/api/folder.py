"""Writes a self-contained copy of ``af`` into a folder, for applications that have nothing of Afwatch installed.

The copy is a package ``af``: the modules of ``afnet.api`` and what they import of ``afcore`` lie in it under
``_parts``, with their imports rewritten to lie there.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from afcore.errors import ConfigError

__all__ = ["af_folder"]

_ROOT = Path(__file__).resolve().parents[2]
_IMPORT = re.compile(r"^(\s*)from (afcore|afnet)(\.[\w.]+)? import", re.MULTILINE)
_MODULE = re.compile(r"^\s*from ((?:afcore|afnet)\.[\w.]+) import", re.MULTILINE)
_PARTS = "_parts"
_INIT = '''"""The submitter API, self-contained: written by ``afcmd af-folder``; write it anew, do not edit."""

from af._parts.afnet.api import *  # noqa: F403
from af._parts.afnet.api import __all__  # noqa: F401
'''


def af_folder(folder: str | Path) -> Path:
    """Write the package ``af`` into ``folder`` and return its path; put ``folder`` on PYTHONPATH to import it.

    A copy that was written before is replaced. Raises ConfigError when ``folder`` holds another ``af``, or can not be
    written; nothing half-done is left.
    """
    target = Path(folder, "af")
    if target.exists() and not (target / _PARTS).is_dir():
        hint = "choose another folder, or move it away"
        raise ConfigError(str(target), "", "is there already and was not written by af-folder", hint=hint)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".af-", dir=str(folder)) as scratch:
            fresh = Path(scratch, "new")
            _write(fresh)
            if target.exists():
                target.rename(Path(scratch, "old"))
            fresh.rename(target)
    except OSError as error:
        raise ConfigError(str(folder), "", f"can not be written: {error.strerror or error}") from None
    return target


def _write(package: Path) -> None:
    """Write the package into a folder that is not there yet."""
    parts = package / _PARTS
    for module in _needed():
        source = _path(module)
        target = parts / source.relative_to(_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        target.write_text(_IMPORT.sub(rf"\1from af.{_PARTS}.\2\3 import", text), encoding="utf-8")
    (package / "__init__.py").write_text(_INIT, encoding="utf-8")
    (parts / "__init__.py").write_text('"""The modules that ``af`` is made of."""\n', encoding="utf-8")
    for name in ("afcore", "afnet"):
        shutil.copyfile(_ROOT / name / "__init__.py", parts / name / "__init__.py")


def _needed() -> list[str]:
    """Return ``afnet.api`` and every own module that it imports, directly or through others."""
    found: list[str] = []
    waiting = ["afnet.api"]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.append(module)
            waiting += _MODULE.findall(_path(module).read_text(encoding="utf-8"))
    return sorted(found)


def _path(module: str) -> Path:
    """Return the file of a module."""
    place = _ROOT.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
