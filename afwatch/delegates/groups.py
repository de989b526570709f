"""Cells of tables with groups: a group's row has a chevron, its path and what it says in each column."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect
from PySide6.QtGui import QPainter

from afwatch.delegates.cells import CellDelegate, draw_text
from afwatch.models.grouped import GroupedModel
from afwatch.theme.paint import draw_icon

__all__ = ["GroupDelegate"]

_STEP = 16


class GroupDelegate(CellDelegate):
    """Items as CellDelegate paints them, one step to the right of their group."""

    def content(self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        """Paint a group's cell, or an item's."""
        model: Any = index.model()
        assert isinstance(model, GroupedModel)
        first = model.shown.columns[index.column()].stretch
        indent = model.depth(index.row()) * _STEP if first else 0
        if not model.is_group(index.row()):
            super().content(painter, rect.adjusted(indent, 0, 0, 0), index)
            return
        row = model.row_at(index.row())
        look = self.theme.look
        column = model.shown.columns[index.column()]
        if first:
            path = model.groups.path(row)
            chevron = "chevron-right" if path in model.folded else "chevron-down"
            left = rect.left() + indent
            draw_icon(painter, chevron, look.text3, left, rect.center().y() - 7, 16)
            inner = QRect(left + 22, rect.top(), rect.width() - indent - 22, rect.height())
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

    def ground_of(self, index: QModelIndex | QPersistentModelIndex) -> str:
        """Groups stand on the ground of panels."""
        model: Any = index.model()
        return self.theme.look.bg2 if model.is_group(index.row()) else self.theme.look.bg1
