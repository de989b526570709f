"""The icons of Afwatch, drawn for it (16 × 16 boxes, one stroke, the colour of the text around them), and its tokens.

``tokens.json`` is the one source of the look: colours, words and glyphs of states, for the monitor and the tray.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["names", "path", "tokens"]

_FOLDER = Path(__file__).resolve().parent


@cache
def _names() -> dict[str, None]:
    return dict.fromkeys(sorted(file.stem for file in _FOLDER.glob("*.svg")))


def names() -> list[str]:
    """Return the names of all icons, sorted."""
    return list(_names())


def path(name: str) -> Path:
    """Return the SVG file of the icon; raise KeyError, naming what there is, when there is none of that name."""
    file = _FOLDER / f"{name}.svg"
    if name not in _names():
        raise KeyError(f"there is no icon {name!r}; there are: {', '.join(names())}")
    return file


@cache
def tokens() -> dict[str, Any]:
    """Return the tokens of the look; whoever gets them changes nothing in them."""
    data: dict[str, Any] = json.loads((_FOLDER / "tokens.json").read_text("utf-8"))
    return data
