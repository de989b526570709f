"""Views of lists: search, states, columns and order; those with a name stand in the sidebar, the others come back.

Rules of this file:
- Every list comes back as it was left; what was kept and cannot be read is left out, and the list is as if new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from afwatch.places import Place, add_place, place_of, remove_place
from afwatch.settings import Settings

if TYPE_CHECKING:
    from afwatch.actions import Asking
    from afwatch.theme.paint import Theme

__all__ = ["SavedView", "forget_view", "keep_lists", "kept_list", "load_views", "save_view"]

_KEY, _LISTS = "views", "lists"
_ORDER = 1000


@dataclass(slots=True)
class SavedView:
    """What a list shows and how."""

    name: str
    place: str
    query: str = ""
    states: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Keys of columns that are not shown."""
    column: str = ""
    """Key of the column it is ordered by."""
    descending: bool = False
    style: str = ""
    """``table``, ``compact`` or ``items``; empty: the one of the window."""
    widths: dict[str, int] = field(default_factory=dict)
    """Pixels of columns that are not as wide as they came, by key."""
    order: list[str] = field(default_factory=list)
    """Keys of the columns from left to right; empty: as they came."""


def keep_lists(settings: Settings, views: Iterable[SavedView]) -> None:
    """Keep how lists stand, by their places; what was kept of other places stays."""
    settings.put_table(_LISTS, settings.table(_LISTS) | {view.place: asdict(view) for view in views})


def kept_list(settings: Settings, place: str) -> SavedView | None:
    """Return how the list of a place stood; None where nothing is known of it."""
    try:
        return _view(dict(settings.table(_LISTS)[place]))
    except (KeyError, TypeError, ValueError):
        return None


def _view(kept: dict[str, Any]) -> SavedView:
    """Return a view from what was kept of it; TypeError where that is none."""
    # Before there were styles a view was compact or not.
    style = "compact" if kept.pop("compact", False) else kept.pop("style", "")
    return SavedView(**{**kept, "style": style})


def load_views(settings: Settings) -> list[SavedView]:
    """Add a place for every view that is kept, and return them; what cannot be read is left out."""
    try:
        kept = json.loads(settings.text(_KEY, "[]"))
        views = [_view(each) for each in kept]
    except (ValueError, TypeError, AttributeError):
        return []
    for number, view in enumerate(views):
        _add(view, number)
    return views


def save_view(settings: Settings, view: SavedView) -> str:
    """Keep a view, in place of one of the same name; returns the key of its place."""
    views = [each for each in load_views(settings) if each.name != view.name] + [view]
    settings.put(_KEY, json.dumps([asdict(each) for each in views]))
    settings.save()
    for number, each in enumerate(views):
        _add(each, number)
    return _key(view.name)


def forget_view(settings: Settings, name: str) -> None:
    """Take a view away."""
    views = [each for each in load_views(settings) if each.name != name]
    settings.put(_KEY, json.dumps([asdict(each) for each in views]))
    settings.save()
    remove_place(_key(name))


def _key(name: str) -> str:
    return f"view:{name}"


def _add(view: SavedView, number: int) -> None:
    base = place_of(view.place)
    if base is None:
        return

    def make(window: Asking, theme: Theme) -> QWidget:
        pane: Any = base.make(window, theme)
        pane.apply_view(view)
        return pane  # type: ignore[no-any-return]

    add_place(Place(_key(view.name), view.name, "star", make, base.figures, _ORDER + number, base.role))
