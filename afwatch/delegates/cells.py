"""One painter for each kind of cell, over a common ground with selection, hover, focus and the line between rows.

Rules of this file:
- A frame is painted column by column: what follows one another has the same font and ink, and to change the font takes
  as long as three words.
- State ink stays as it is under a selection; a selected row has a bar at its left edge.
- Texts are elided where they do not fit, never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPen, QRegion
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from afcore.rows import JobRow, RenderRow
from afwatch import words
from afwatch.delegates.strip import StripPainter
from afwatch.models.columns import Column
from afwatch.texts import tr
from afwatch.theme.paint import MeasuredFont, Theme, colour, draw_icon
from afwatch.theme.tokens import measures

__all__ = ["IN_ITEM", "ITEM", "PAD", "CellDelegate", "GroundDelegate", "draw_picture", "draw_text", "service_icon"]

PAD = 8
"""Room on both sides of what a cell says, in pixels."""
ITEM = 48
"""Pixels from which on a row has room for a picture and two lines."""
IN_ITEM = frozenset({"user", "progress", "percent"})
"""Keys of columns that an item says itself."""
_SERVICES = {
    "python": "service-python", "blender": "service-blender", "nuke": "service-nuke", "ffmpeg": "service-film",
    "movgen": "service-film", "convert": "service-picture", "arnold": "service-arnold", "kick": "service-arnold",
    "mantra": "service-mantra", "karma": "service-karma", "husk": "service-usd", "usd": "service-usd",
    "vray": "service-vray", "redshift": "service-redshift", "renderman": "service-renderman",
    "prman": "service-renderman", "houdini": "service-houdini", "hbatch": "service-houdini", "maya": "service-maya",
    "after": "service-aftereffects", "aerender": "service-aftereffects", "fusion": "service-fusion",
    "natron": "service-natron", "postcmd": "service-command", "events": "bell", "wakeonlan": "service-wakeonlan",
}  # fmt: skip
"""Icons by what is in a service's name; renderers before the programs that they are in (``maya_arnold``)."""


def service_icon(service: str) -> str:
    """Return the icon of a service."""
    for name, icon in _SERVICES.items():
        if name in service.lower():
            return icon
    return "service-generic"


def draw_text(
    painter: QPainter, rect: QRect, text: str, font: MeasuredFont, ink: str, *, right: bool = False
) -> int:
    """Draw one line, elided; return its width."""
    room = rect.width()
    laid, width, height = font.line(text, room)
    painter.setFont(font)
    painter.setPen(colour(ink))
    left = rect.left() + (room - width if right else 0)
    painter.drawStaticText(left, rect.top() + (rect.height() - height) // 2, laid)
    return width


class GroundDelegate(QStyledItemDelegate):
    """Paints rows on their ground; what stands on it is ``cell``'s, which leaves font and pen as it likes."""

    crosses_columns = False
    """Whether a cell may use the room of those to its right, so that none can be painted alone."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Rows are of one height, which the table sets."""
        return QSize(80, measures.row_compact)

    def paint_rows(self, painter: QPainter, view: QTableView, region: QRegion) -> None:
        """Paint the rows of a table that lie in a region: ground, focus, the line under each, what the cells say.

        Whole rows, not cell by cell as Qt would: what Qt hands over for each cell takes as long as painting it.
        """
        model: Any = view.model()
        places = _places_in(view, region)
        if not places:
            return
        area, header = region.boundingRect(), view.horizontalHeader()
        cells: list[tuple[int, int, int]] = []
        for visual in range(header.count()):
            column = header.logicalIndex(visual)
            left, width = header.sectionViewportPosition(column), header.sectionSize(column)
            inside = self.crosses_columns or (left <= area.right() and left + width > area.left())
            if inside and not header.isSectionHidden(column):
                lead = PAD + (8 if visual == 0 else 0)
                cells.append((column, left + lead, max(0, width - lead - PAD)))
        self.begin(model, cells)
        left, width = header.sectionViewportPosition(header.logicalIndex(0)), header.length()
        height = view.verticalHeader().defaultSectionSize()
        look, chosen = self.theme.look, view.selectionModel()
        none, root = not chosen.hasSelection(), QModelIndex()
        selection = colour(look.selection if view.isActiveWindow() else look.selection_inactive)
        hovered, ringed = getattr(view, "hovered_row", -1), getattr(view, "keyboard_row", -1)
        lines: list[tuple[int, Any]] = []
        for place in places:
            top = view.rowViewportPosition(place)
            selected = not none and chosen.rowIntersectsSelection(place, root)
            ground = look.bg2 if place == hovered else self.ground_of(model, place)
            painter.fillRect(left, top, width, height, selection if selected else colour(ground))
            painter.fillRect(left, top + height - 1, width, 1, colour(look.line1))
            if selected:
                painter.fillRect(left, top, measures.selection_bar, height - 1, colour(look.accent))
            if place == ringed:
                painter.fillRect(left, top, width, 1, colour(look.focus))
                painter.fillRect(left, top + height - 2, width, 1, colour(look.focus))
            subject = self.subject(model, place)
            if subject is not None:
                lines.append((top, subject))
        for column, x, room in cells:
            for top, subject in lines:
                self.cell(painter, QRect(x, top, room, height - 1), column, subject)

    def begin(self, model: Any, cells: Sequence[tuple[int, int, int]]) -> None:
        """Take in where columns stand before rows are painted: (column, left, room) of each, from the left."""

    def ground_of(self, model: Any, place: int) -> str:
        """Return the ground of a row that is neither selected nor pointed at."""
        return self.theme.look.bg1

    def subject(self, model: Any, place: int) -> Any:
        """Return what the cells of a row are painted from; None when they say nothing."""
        raise NotImplementedError

    def cell(self, painter: QPainter, rect: QRect, at: int, subject: Any) -> None:
        """Paint what a cell says: its room, its column, and what its row is about."""
        raise NotImplementedError

    def draw_state(self, painter: QPainter, rect: QRect, kind: str, state: str) -> None:
        """Draw glyph and word of a state."""
        shown, ink = self.theme.state(kind, state)
        size = measures.glyph
        draw_icon(painter, shown.glyph, ink, rect.left(), rect.center().y() - size // 2 + 1, size)
        draw_text(painter, rect.adjusted(size + PAD, 0, 0, 0), shown.word, self.theme.font("strong"), ink)

    def draw_bar(self, painter: QPainter, rect: QRect, percent: float, fill: str, height: int = 6) -> None:
        """Draw a bar on its trough, centred in the cell."""
        top = rect.center().y() - height // 2 + 1
        painter.fillRect(rect.left(), top, rect.width(), height, colour(self.theme.look.trough))
        width = round(rect.width() * min(100.0, max(0.0, percent)) / 100)
        if width:
            painter.fillRect(rect.left(), top, width, height, colour(fill))


def _places_in(view: QTableView, region: QRegion) -> list[int]:
    """Return the places of rows that a region touches, in order."""
    found: set[int] = set()
    areas: Any = region
    for area in areas:
        first, last = view.rowAt(area.top()), view.rowAt(area.bottom())
        if first >= 0:
            found.update(range(first, (last if last >= 0 else view.model().rowCount() - 1) + 1))
    return sorted(found)


def draw_picture(painter: QPainter, frame: QRect, picture: QImage) -> None:
    """Draw a picture as large as it fits into a frame, in its middle."""
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    size = picture.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
    left, top = frame.left() + (frame.width() - size.width()) // 2, frame.top() + (frame.height() - size.height()) // 2
    painter.drawImage(QRect(left, top, size.width(), size.height()), picture)


class CellDelegate(GroundDelegate):
    """Cells of tables of rows, by the kind of their column."""

    def __init__(self, theme: Theme, columns: tuple[Column, ...], look_kind: str, clock: Callable[[], float],
                 parent: QWidget) -> None:  # fmt: skip
        super().__init__(theme, parent)
        self._columns = columns
        self._look_kind = look_kind
        self._clock = clock
        self._strips = StripPainter()
        self.picture_of: Callable[[int], QImage | None] = lambda id: None
        """The picture of a row, for rows that have room for one."""
        self._painters: dict[str, Callable[[QPainter, QRect, Column, Any, str], None]] = {
            "state": self._state,
            "name": self._name,
            "strip": self._strip,
            "number": self._number,
            "errors": self._errors,
            "two": self._two,
            "pips": self._pips,
            "text": self._text,
            "strong": self._strong,
        }

    def add_kind(self, kind: str, paint: Callable[[QPainter, QRect, Column, Any, str], None]) -> None:
        """Let cells of columns of a kind be painted by ``paint(painter, rect, column, row, state)``."""
        self._painters[kind] = paint

    def subject(self, model: Any, place: int) -> Any:
        """Return a row and its state."""
        row = model.row_at(place)
        return None if row is None else (row, model.shown.state(row, self._clock()))

    def cell(self, painter: QPainter, rect: QRect, at: int, subject: Any) -> None:
        """Paint by the kind of the column."""
        column, (row, state) = self._columns[at], subject
        self._painters[column.kind](painter, rect, column, row, state)

    def _say(self, column: Column, row: Any) -> tuple[str, str]:
        now = self._clock()
        return column.text(row, now), column.second(row, now) if column.second is not None else ""

    def _text(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        look = self.theme.look
        ink = look.text1 if column.key == "user" else look.text2
        if column.key == "reason" and state == "ERROR":
            ink = look.families["bad"].ink
        draw_text(painter, rect, self._say(column, row)[0], self.theme.font(), ink)

    def _strong(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        draw_text(painter, rect, self._say(column, row)[0], self.theme.font("strong"), self.theme.look.text1)

    def _number(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        text = self._say(column, row)[0]
        look = self.theme.look
        draw_text(painter, rect, text, self.theme.font(), look.text3 if text == words.DOT else look.text1, right=True)

    def _errors(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        text = self._say(column, row)[0]
        look = self.theme.look
        if text == words.DOT:
            draw_text(painter, rect, text, self.theme.font(), look.text3, right=True)
        else:
            draw_text(painter, rect, text, self.theme.font("bold"), look.families["bad"].ink, right=True)

    def _name(self, painter: QPainter, rect: QRect, column: Column, row: JobRow, state: str) -> None:
        if rect.height() >= ITEM:
            self._item(painter, rect, column, row)
            return
        look = self.theme.look
        tile = QRect(rect.left(), rect.center().y() - 9, 20, 20)
        painter.fillRect(tile, colour(look.bg3))
        service = row.blocks[0].service if row.blocks else ""
        draw_icon(painter, service_icon(service), look.text2, tile.left() + 2, tile.top() + 2, 16)
        inner = rect.adjusted(28, 0, 0, 0)
        first, second = self._say(column, row)
        gone = draw_text(painter, inner, first, self.theme.font("strong"), look.text1)
        left = inner.adjusted(gone + 10, 0, 0, 0)
        if left.width() > self.theme.font().width_of(second):
            draw_text(painter, left, second, self.theme.font(), look.text3)

    def _item(self, painter: QPainter, rect: QRect, column: Column, row: JobRow) -> None:
        """Draw a job as an item: its picture, its name with whose it is, and how far it is."""
        look = self.theme.look
        high = rect.height() - 8
        frame = QRect(rect.left(), rect.top() + 4, high * 16 // 9, high)
        painter.fillRect(frame, colour(look.bg3))
        picture = self.picture_of(row.id)
        if picture is not None:
            draw_picture(painter, frame, picture)
        else:
            service = row.blocks[0].service if row.blocks else ""
            draw_icon(painter, service_icon(service), look.text3, frame.center().x() - 9, frame.center().y() - 9, 20)
        upper, lower = self._lines(rect.adjusted(frame.width() + 10, 0, 0, 0))
        first, second = self._say(column, row)
        services = ", ".join(dict.fromkeys(block.service for block in row.blocks))
        more = " · ".join(part for part in (row.user, second, services, row.annotation) if part)
        # Whose it is stays to be read beside a name that never ends.
        small = self.theme.font("small")
        kept = min(small.width_of(more), upper.width() * 2 // 5) + 12
        gone = draw_text(painter, upper.adjusted(0, 0, -kept, 0), first, self.theme.font("strong"), look.text1)
        draw_text(painter, upper.adjusted(gone + 12, 0, 0, 0), more, small, look.text3)
        percent = draw_text(painter, lower, f"{row.percent} %", self.theme.font("small"), look.text2, right=True)
        self._strips.draw(painter, lower.adjusted(0, 0, -max(44, percent + 10), 0),
                          [block.counts for block in row.blocks], look)  # fmt: skip

    def _strip(self, painter: QPainter, rect: QRect, column: Column, row: JobRow, state: str) -> None:
        self._strips.draw(painter, rect, [block.counts for block in row.blocks], self.theme.look)

    def _lines(self, rect: QRect) -> tuple[QRect, QRect]:
        height = self.theme.font().metrics.height()
        top = rect.top() + (rect.height() - 2 * height - 1) // 2
        return QRect(rect.left(), top, rect.width(), height), QRect(rect.left(), top + height + 1, rect.width(), height)

    def _two(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        first, second = self._say(column, row)
        upper, lower = self._lines(rect)
        draw_text(painter, upper, first, self.theme.font("strong"), self.theme.look.text1)
        draw_text(painter, lower, second, self.theme.font("small"), self.theme.look.text3)

    def _state(self, painter: QPainter, rect: QRect, column: Column, row: Any, state: str) -> None:
        if column.second is None:
            self.draw_state(painter, rect, self._look_kind, state)
            return
        upper, lower = self._lines(rect)
        self.draw_state(painter, upper, self._look_kind, state)
        second = self._say(column, row)[1]
        draw_text(painter, lower.adjusted(20, 0, 0, 0), second, self.theme.font("small"), self.theme.look.text3)

    def _pips(self, painter: QPainter, rect: QRect, column: Column, row: RenderRow, state: str) -> None:
        look = self.theme.look
        upper, lower = self._lines(rect)
        slots = max(row.max_tasks, row.running)
        if slots * 11 <= rect.width() + 3:
            top = upper.center().y() - 3
            for place in range(slots):
                pip = QRect(rect.left() + place * 11, top, 8, 8)
                if place < row.running:
                    painter.fillRect(pip, colour(look.families["live"].fill))
                else:
                    painter.fillRect(pip, colour(look.trough))
                    painter.setPen(QPen(colour(look.line3), 1))
                    painter.drawRect(pip.adjusted(0, 0, -1, -1))
        else:
            draw_text(painter, upper, tr("{0} of {1}", row.running, slots), self.theme.font(), look.text1)
        draw_text(painter, lower, self._say(column, row)[1], self.theme.font("small"), look.text3)
