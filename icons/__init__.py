"""The icons of Afwatch, drawn for it: 16 × 16 boxes, one stroke, the colour of the text around them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["names", "path"]

_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of all icons, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.svg"))


def path(name: str) -> Path:
    """Return the SVG file of the icon; raise KeyError, naming what there is, when there is none of that name."""
    file = _FOLDER / f"{name}.svg"
    if name not in names():
        raise KeyError(f"there is no icon {name!r}; there are: {', '.join(names())}")
    return file
