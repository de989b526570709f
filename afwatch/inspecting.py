"""The pages of the inspector as data: for which kinds of rows each is, and how it is made.

Rules of this file:
- Another module adds a page by ``add_page`` when it is imported; ``load_pages`` imports those that ship.
- A page is made when it is first shown, and told the selected rows only while it is seen.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from afwatch.actions import Asking
    from afwatch.theme.paint import Theme

__all__ = ["InspectorPage", "Page", "add_page", "load_pages"]

_MODULES = ("afwatch.views.overview", "afwatch.views.parameters", "afwatch.views.why", "afwatch.views.logs",
            "afwatch.views.renderlive")

EVERY = ("job", "render", "user", "pool", "branch")


class Page(Protocol):
    """What the inspector needs of a page; a QWidget that has these."""

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show what is selected; also when the same rows changed."""


@dataclass(frozen=True, slots=True)
class InspectorPage:
    """One page."""

    key: str
    title: str
    make: Callable[[Asking, Theme], QWidget]
    """Makes the widget, which is a ``Page``."""
    kinds: tuple[str, ...] = EVERY
    """For which rows it is."""
    order: int = 100


_PAGES: dict[str, InspectorPage] = {}


def add_page(page: InspectorPage) -> None:
    """Add a page, or replace the one of this key."""
    _PAGES[page.key] = page


def load_pages(modules: Iterable[str] = _MODULES) -> list[InspectorPage]:
    """Import the modules that add pages; return all there are, in order."""
    for module in modules:
        importlib.import_module(module)
    return sorted(_PAGES.values(), key=lambda page: page.order)
