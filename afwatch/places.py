"""The places of the sidebar as data: what each is called, what it counts, for whom it is, and how its pane is made.

Rules of this file:
- Another module adds a place by ``add_place`` when it is imported; ``load_places`` imports those that ship.
- A pane is made when it is first gone to.  Its ``figures`` are counted whether it was made or not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtWidgets import QWidget

from afcore.states import Role

if TYPE_CHECKING:
    from afwatch.actions import Asking
    from afwatch.session import Session
    from afwatch.theme.paint import Theme

__all__ = ["Pane", "Place", "add_place", "load_places", "place_of", "places", "remove_place"]

_MODULES = (
    "afwatch.views.jobs", "afwatch.views.work", "afwatch.views.farm", "afwatch.views.people",
    "afwatch.views.monitors", "afwatch.views.systemjob", "afwatch.views.history",
)  # fmt: skip


class Pane(Protocol):
    """What the window needs of a pane; a QWidget that has these."""

    noun: str
    """What one of its rows is called."""
    actions: tuple[Any, ...]
    """The actions on its rows."""
    chosen: Any
    """Signal: the rows that are selected."""
    opened: Any
    """Signal: a row was opened."""
    told: Any
    """Signal: a sentence for the status bar."""

    def selected(self) -> list[Any]:
        """Return the selected rows."""

    def do(self, action: Any) -> None:
        """Do an action to what is selected, or say why not."""

    def focus(self) -> None:
        """Take the keyboard."""

    def begin_search(self) -> None:
        """Put the keyboard into the search line."""


def _no_figures(session: Session) -> tuple[int, int]:
    return 0, 0


@dataclass(frozen=True, slots=True)
class Place:
    """One place to go to."""

    key: str
    title: str
    icon: str
    make: Callable[[Asking, Theme], QWidget]
    """Makes its pane, which is a ``Pane``."""
    figures: Callable[[Session], tuple[int, int]] = _no_figures
    """How many there are (-1: nothing is counted), and how many need somebody."""
    order: int = 100
    role: Role = Role.USER
    """The least mode in which it can be gone to."""


_PLACES: dict[str, Place] = {}


def add_place(place: Place) -> None:
    """Add a place, or replace the one of this key."""
    _PLACES[place.key] = place


def remove_place(key: str) -> None:
    """Take a place away; nothing happens when there is none of this key."""
    _PLACES.pop(key, None)


def load_places(modules: Iterable[str] = _MODULES) -> list[Place]:
    """Import the modules that add places; return all there are, in order."""
    for module in modules:
        importlib.import_module(module)
    return places()


def places() -> list[Place]:
    """Return every place, in order."""
    return sorted(_PLACES.values(), key=lambda place: place.order)


def place_of(key: str) -> Place | None:
    """Return a place by its key."""
    return _PLACES.get(key)
