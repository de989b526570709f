"""The project's own files, and parsed once each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PACKAGES", "ROOT", "SLICE", "documents", "module_name", "parsed", "sources"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("afcore", "afnet", "afrender", "afwatch")
SLICE = (
    "afcore.config",
    "afcore.errors",
    "afcore.expressions",
    "afcore.farmfile",
    "afcore.frameorder",
    "afcore.frames",
    "afcore.jobcheck",
    "afcore.jobjson",
    "afcore.jobspec",
    "afcore.masks",
    "afcore.pathmap",
    "afcore.servicetable",
    "afcore.settings",
    "afcore.tasktexts",
    "afcore.textcolumn",
    "afnet.api",
)


@cache
def sources(*folders: str) -> tuple[Path, ...]:
    """Return the Python files below the given folders of the project, sorted."""
    return tuple(
        sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)
    )


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """Return the dotted name of a file: ``afcore/model/__init__.py`` is ``afcore.model``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def documents() -> Iterator[Path]:
    """Yield the project's Markdown files."""
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))
