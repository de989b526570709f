"""What a window keeps of how it stands when it is closed, and finds again: place, lists, areas, pages, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray

from afwatch.places import place_of
from afwatch.savedviews import keep_lists
from afwatch.views.pane import ListPane

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["come_back", "keep"]


def keep(window: MainWindow) -> None:
    """Keep how the window stands, and write it."""
    settings = window.settings
    settings.put("geometry", bytes(window.saveGeometry().toBase64().data()).decode())
    settings.put("text", window.theme.size_percent)
    sizes = window.splitter.sizes() if window.inspector.isVisible() else window.areas
    settings.put_table("areas", {"view": sizes[0], "inspector": sizes[1]})
    settings.put("inspector", window.wants_inspector)
    settings.put("inspector page", window.inspector.page)
    settings.put("sidebar", window.sidebar.isVisibleTo(window))
    settings.put("messages", window.messages.isVisibleTo(window))
    # Views with a name stand as they were named; what is looked for in them meanwhile passes.
    lists = [pane for pane in window.panes() if isinstance(pane, ListPane) and not pane.view_name]
    keep_lists(settings, [pane.view_state() for pane in lists])
    settings.save()


def come_back(window: MainWindow) -> None:
    """Let the window stand as it did."""
    settings = window.settings
    kept = settings.text("geometry")
    if kept:
        window.restoreGeometry(QByteArray.fromBase64(kept.encode()))
    kept_areas = settings.table("areas")
    found = (kept_areas.get("view"), kept_areas.get("inspector"))
    areas = [size for size in found if isinstance(size, int) and size > 0]
    if len(areas) == 2:
        window.areas = areas
        window.splitter.setSizes(areas)
    window.wants_inspector = settings.flag("inspector", True)
    window.sidebar.setVisible(settings.flag("sidebar", True))
    window.messages.setVisible(settings.flag("messages", False))
    place = settings.text("place", "jobs")
    known = place_of(place)
    if known is None or known.role > window.session.mode:
        place = "jobs"
    window.sidebar.go(place)
    window.go(place)
    page = settings.text("inspector page", "overview")
    if window.inspector.has_page(page):
        window.inspector.turn(page)
