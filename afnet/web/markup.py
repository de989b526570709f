"""HTML and SVG put together so that nothing can be forgotten to escape: text is text unless it was made here.

Rules of this file:
- A ``str`` is somebody's text and is escaped; only ``Markup`` is taken as it is, and only ``el`` and ``join`` make it.
- No attribute holds a script or a style: the pages' policy forbids both.
"""

import html
from collections.abc import Iterable
from typing import Any

__all__ = ["EMPTY", "Markup", "el", "join"]

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY = Markup("")
"""Nothing."""


def join(*parts: Any) -> Markup:
    """Return parts one after the other: markup as it is, lists flat, None left out, all else as escaped text."""
    return Markup("".join(_text(part) for part in parts))


def _text(part: Any) -> str:
    if part is None:
        return ""
    if isinstance(part, Markup):
        return part
    if isinstance(part, str):
        return html.escape(part)
    if isinstance(part, Iterable):
        return "".join(_text(one) for one in part)
    return html.escape(str(part))


def el(tag: str, *parts: Any, **attributes: Any) -> Markup:
    """Return an element. ``class_`` and ``for_`` lose their end, other ``_`` become ``-``; True stands alone, None and
    False are left out."""
    said = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        said.append(name if value is True else f'{name}="{html.escape(str(value))}"')
    opened = f"<{' '.join(said)}>"
    return Markup(opened if tag in _VOID else f"{opened}{join(*parts)}</{tag}>")
