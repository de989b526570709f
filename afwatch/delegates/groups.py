"""Cells of tables with groups: a group's row has a chevron, its path and what it says in each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from afwatch.delegates.cells import PAD, CellDelegate, draw_text
from afwatch.models.columns import Column
from afwatch.models.grouped import GroupedModel
from afwatch.theme.paint import draw_icon

__all__ = ["GroupDelegate"]

_STEP = 16


class GroupDelegate(CellDelegate):
    """Items as CellDelegate paints them, one step to the right of their group."""

    crosses_columns = True
    _right = 0
    """Where the first column begins, right of the name, in which groups say something."""

    def begin(self, model: Any, cells: Sequence[tuple[int, int, int]]) -> None:
        """Find how far a group's name and note may reach: columns that say nothing of groups are theirs."""
        named = False
        self._right = 0
        for column, left, room in cells:
            if named and self._columns[column].key in model.groups.texts:
                self._right = left - PAD
                break
            named = named or self._columns[column].stretch
            if named:
                self._right = left + room

    def subject(self, model: Any, place: int) -> Any:
        """Return a row and its state, how far it stands to the right, and the model for a group's row."""
        found = super().subject(model, place)
        if found is None:
            return None
        return found, model.depth(place) * _STEP, model if model.is_group(place) else None

    def cell(self, painter: QPainter, rect: QRect, at: int, subject: Any) -> None:
        """Paint a group's cell, or an item's."""
        item, indent, model = subject
        if model is not None:
            self._group(painter, model, item[0], self._columns[at], rect, indent)
        else:
            super().cell(painter, rect.adjusted(indent, 0, 0, 0) if self._columns[at].stretch else rect, at, item)

    def _group(
        self, painter: QPainter, model: GroupedModel, row: Any, column: Column, rect: QRect, indent: int
    ) -> None:
        """Paint one cell of a group's row."""
        look = self.theme.look
        if column.stretch:
            path = model.groups.path(row)
            chevron = "chevron-right" if path in model.folded else "chevron-down"
            left = rect.left() + indent
            draw_icon(painter, chevron, look.text3, left, rect.center().y() - 7, 16)
            inner = QRect(left + 22, rect.top(), self._right - left - 22, rect.height())
            name = path if path == "/" else path.rsplit("/", 1)[1]
            gone = draw_text(painter, inner, name, self.theme.font("bold"), look.text1)
            tell = model.groups.texts.get("name")
            if tell is not None:
                note = tell(row, self._clock())
                draw_text(painter, inner.adjusted(gone + 10, 0, 0, 0), note, self.theme.font("small"), look.text3)
            return
        say = model.groups.texts.get(column.key)
        if say is not None:
            draw_text(painter, rect, say(row, self._clock()), self.theme.font(), look.text2, right=column.right)

    def ground_of(self, model: Any, place: int) -> str:
        """Groups stand on the ground of panels."""
        return self.theme.look.bg2 if model.is_group(place) else self.theme.look.bg1
