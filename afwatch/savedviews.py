"""Named views: a place with its search, states, columns and order, kept in the settings and shown in the sidebar."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from afwatch.places import Place, add_place, place_of, remove_place
from afwatch.settings import Settings

if TYPE_CHECKING:
    from afwatch.actions import Asking
    from afwatch.theme.paint import Theme

__all__ = ["SavedView", "forget_view", "load_views", "save_view"]

_KEY = "views"
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
    compact: bool = False


def load_views(settings: Settings) -> list[SavedView]:
    """Add a place for every view that is kept, and return them; what cannot be read is left out."""
    try:
        kept = json.loads(settings.text(_KEY, "[]"))
        views = [SavedView(**each) for each in kept]
    except (ValueError, TypeError):
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
