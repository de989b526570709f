"""The columns of a list: which are shown, in which order and how wide, and which give way where it is narrow.

Rules of this file:
- One column stretches; the others keep the width they came with or were given, and hide by their rank.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from afwatch.models.columns import Column
from afwatch.savedviews import SavedView
from afwatch.views.table import TableView

__all__ = ["TableColumns"]

_LEAST_NAME, _LEAST_ITEM = 160, 400
"""Pixels that the stretching column keeps, however narrow the table; as an item, which says what others do else."""


class TableColumns:
    """The columns of one table."""

    def __init__(self, table: TableView, columns: tuple[Column, ...], first: int) -> None:
        """``first``: place of the column that the table is ordered by at first."""
        self._table, self._columns = table, columns
        self._places = {column.key: place for place, column in enumerate(columns)}
        self._stretch = next((place for place, column in enumerate(columns) if column.stretch), 0)
        self.hidden: set[str] = set()
        """Keys of columns that the person does not want."""
        self._came_with = [column.width_now for column in columns]
        """Pixels that columns have by themselves in the level of wording that is on."""
        self._widths = {column.key: column.width_now for column in columns}
        """Pixels of each column when it was seen last."""
        self._elsewhere: frozenset[str] = frozenset()
        """Keys of columns whose words stand in another one now."""
        for at, column in enumerate(columns):
            table.setColumnWidth(at, column.width_now)
        table.horizontalHeader().setSortIndicator(first, Qt.SortOrder.AscendingOrder)

    def show(self, key: str, shown: bool) -> None:
        """Show or hide a column."""
        self.hidden = self.hidden - {key} if shown else self.hidden | {key}
        self.fit()

    def retitle(self) -> None:
        """Another level of wording is on: columns that nobody gave a width are as wide as it needs."""
        for place, column in enumerate(self._columns):
            before, self._came_with[place] = self._came_with[place], column.width_now
            if column.stretch or before == column.width_now:
                continue
            if self._widths[column.key] == before:
                self._widths[column.key] = column.width_now
            if self._table.columnWidth(place) == before:
                self._table.setColumnWidth(place, column.width_now)
        model = self._table.model()
        model.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._columns) - 1)
        self.fit()

    def stand_elsewhere(self, keys: frozenset[str]) -> None:
        """Show no columns of their own for what another column says in this style."""
        self._elsewhere = keys
        self.fit()

    def fit(self) -> None:
        """Let the stretching column take what is left; hide columns by their rank where it is narrow."""
        columns, table = self._columns, self._table
        least = _LEAST_ITEM if self._elsewhere else _LEAST_NAME
        room = table.viewport().width()
        shown = [place for place, column in enumerate(columns) if column.key not in self.hidden | self._elsewhere]
        widths = {place: table.columnWidth(place) or columns[place].width_now for place in shown}

        def needed() -> int:
            return least + sum(width for place, width in widths.items() if place != self._stretch)

        for place in sorted(shown, key=lambda place: (-columns[place].rank, -place)):
            if needed() <= room or not columns[place].rank:
                break
            del widths[place]
        for place, column in enumerate(columns):
            hide = place not in widths
            self._widths[column.key] = table.columnWidth(place) or self._widths[column.key]
            was_hidden = table.isColumnHidden(place)
            table.setColumnHidden(place, hide)
            if was_hidden and not hide:
                table.setColumnWidth(place, self._widths[column.key])
        table.setColumnWidth(self._stretch, max(_LEAST_NAME, room - needed() + least))

    def state(self) -> dict[str, Any]:
        """Return how they stand, as a saved view has it."""
        header, columns = self._table.horizontalHeader(), self._columns
        order = [columns[header.logicalIndex(place)].key for place in range(len(columns))]
        return {
            "hidden": sorted(self.hidden),
            "column": columns[header.sortIndicatorSection()].key,
            "descending": header.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder,
            "widths": {
                column.key: width for place, column in enumerate(columns)
                if (width := header.sectionSize(place) or self._widths[column.key]) != self._came_with[place]
                and not column.stretch
            },
            "order": order if order != [column.key for column in columns] else [],
        }  # fmt: skip

    def come_back(self, view: SavedView) -> None:
        """Stand as they did."""
        header, places = self._table.horizontalHeader(), self._places
        self.hidden = {key for key in view.hidden if key in places and not self._columns[places[key]].stretch}
        for key, width in view.widths.items():
            if key in places:
                self._widths[key] = max(header.minimumSectionSize(), width)
                self._table.setColumnWidth(places[key], self._widths[key])
        for place, key in enumerate(key for key in view.order if key in places):
            header.moveSection(header.visualIndex(places[key]), place)
        if view.column in places:
            order = Qt.SortOrder.DescendingOrder if view.descending else Qt.SortOrder.AscendingOrder
            self._table.sortByColumn(places[view.column], order)
        self.fit()
