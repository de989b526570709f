"""A table of rows of one kind: ids in an order, filtered and sorted here, told to the view as ranges.

Rules of this file:
- No proxy model: the order is a list of ids, sort keys are kept per id and made anew only for rows that changed.
- While it is held (a pointer or key is at work) rows keep their places: new ones go to the end, what is gone stays,
  marked; ``release`` applies the order.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from afwatch.changes import ChangeSet
from afwatch.models.columns import Column, Shown
from afwatch.models.filters import Query, test_of

__all__ = ["ROW_ROLE", "STATE_ROLE", "RowModel"]

ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""The row itself."""
STATE_ROLE = ROW_ROLE + 1
"""The state it is shown in, a name of the look."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class RowModel(QAbstractTableModel):
    """Rows of one kind."""

    counted = Signal()
    """Counts over all rows, shown or not, changed."""

    def __init__(self, shown: Shown, source: dict[int, Any], clock: Callable[[], float]) -> None:
        super().__init__()
        self.shown = shown
        self.ids: list[int] = []
        self.held = False
        self.moved = 0
        """Rows whose place is not where the order wants them, while held."""
        self.gone: dict[int, Any] = {}
        """Rows that are gone and still shown, while held."""
        self._source = source
        self._clock = clock
        self._place: dict[int, int] = {}
        self._keys: dict[int, Any] = {}
        self._states: dict[int, str] = {}
        self._column = shown.columns[0]
        self._descending = False
        self._test: Callable[[Any], bool] | None = None
        self._only: frozenset[str] = frozenset()
        self._base: Callable[[Any], bool] | None = None
        self.reload()

    # What Qt asks

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """Rows shown."""
        return 0 if parent.isValid() else len(self.ids)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """Columns there are, hidden or not."""
        return 0 if parent.isValid() else len(self.shown.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles and what they mean."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = self.shown.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip or column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The texts of a cell, and the row behind it."""
        row = self.row_at(index.row())
        if row is None:
            return None
        if role == ROW_ROLE:
            return row
        if role == STATE_ROLE:
            return self.shown.state(row, self._clock())
        column = self.shown.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row, self._clock())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tip(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row, self._clock())}"
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column from now on."""
        self._column = self.shown.columns[column]
        self._descending = order is Qt.SortOrder.DescendingOrder
        self._keys = {}
        self.release()

    # What panes ask

    def tip(self, row: Any, column: Column) -> str:
        """Return what a cell says when pointed at."""
        now = self._clock()
        first = column.text(row, now)
        second = column.second(row, now) if column.second is not None else ""
        return f"{first}\n{second}" if second else first

    def row_at(self, place: int) -> Any:
        """Return the row shown at a place; None where there is none."""
        if not 0 <= place < len(self.ids):
            return None
        id = self.ids[place]
        return self._source.get(id) or self.gone.get(id)

    def place_of(self, id: int) -> int:
        """Return where an id is shown, -1 when it is not."""
        return self._place.get(id, -1)

    def state_counts(self) -> dict[str, int]:
        """Return how many rows of the view there are in each state, filters of the person left aside."""
        counts = dict.fromkeys(self.shown.chips, 0)
        counts.update(Counter(self._states.values()))
        return counts

    @property
    def total(self) -> int:
        """Rows of the view, filters of the person left aside."""
        return len(self._states)

    def set_base(self, test: Callable[[Any], bool] | None) -> None:
        """Restrict the view itself (my jobs)."""
        self._base = test
        self.reload()

    def set_filter(self, query: Query, only: Iterable[str] = ()) -> None:
        """Show rows that a search line lets through, in one of the states ``only`` (all when empty)."""
        self._test = test_of(query, self.shown.fields, self.shown.bare)
        self._only = frozenset(only)
        self.reload()

    def reload(self) -> None:
        """Read everything anew: at the start, by a new filter, after a flood."""
        now = self._clock()
        self.beginResetModel()
        base, state = self._base, self.shown.state
        self._states = {id: state(row, now) for id, row in self._source.items() if base is None or base(row)}
        self.gone = {}
        self._keys = {}
        self.ids = self._ordered(id for id in self._states if self._fits(id))
        self._index()
        self.moved = 0
        self.endResetModel()
        self.counted.emit()

    def apply(self, changes: ChangeSet) -> None:
        """Show what changed; rows that are new, gone or elsewhere move unless the model is held."""
        kind = self.shown.kind
        changed, gone = changes.changed.get(kind, set()), changes.gone.get(kind, set())
        if not changed and not gone:
            return
        if len(changed) + len(gone) > max(2000, len(self.ids)):
            self.reload()
            return
        now = self._clock()
        new: list[int] = []
        left = [id for id in gone if id in self._place]
        for id in gone:
            self._states.pop(id, None)
            self._keys.pop(id, None)
        first, last = len(self.ids), -1
        for id in changed:
            row = self._source.get(id)
            if row is None:
                continue
            self._keys.pop(id, None)
            if self._base is not None and not self._base(row):
                continue
            self._states[id] = self.shown.state(row, now)
            place = self._place.get(id, -1)
            if self._fits(id):
                if place < 0:
                    new.append(id)
                else:
                    first, last = min(first, place), max(last, place)
            elif place >= 0 and not self.held:
                left.append(id)
        if self.held:
            for id in gone:
                self.moved += id in self._place
            self._add(new)
        else:
            self._remove(left)
            self._add(new)
            self._reorder(changed)
        if last >= 0:
            last = min(last, len(self.ids) - 1)
            self.dataChanged.emit(self.index(min(first, last), 0), self.index(last, self.columnCount() - 1))
        self.counted.emit()

    def remember(self, rows: dict[int, Any]) -> None:
        """Keep rows that are about to go, so that a held table can still show them, struck through."""
        if self.held:
            self.gone.update({id: row for id, row in rows.items() if id in self._place})

    def release(self) -> None:
        """Let rows go where they belong."""
        self.held = False
        self._remove([id for id in self.ids if id not in self._states or not self._fits(id)])
        self.gone = {}
        self.moved = 0
        self._reorder()

    # Order

    def _fits(self, id: int) -> bool:
        if self._only and self._states[id] not in self._only:
            return False
        return self._test is None or self._test(self._source[id])

    def _ordered(self, ids: Iterable[int]) -> list[int]:
        found, keys, now = list(ids), self._keys, self._clock()
        for id in found:
            if id not in keys:
                row = self._source.get(id)
                keys[id] = (self._column.sort(row, now), id) if row is not None else None
        found.sort(key=keys.__getitem__, reverse=self._descending)
        return found

    def _index(self) -> None:
        self._place = {id: place for place, id in enumerate(self.ids)}

    def _add(self, ids: list[int]) -> None:
        if ids:
            first = len(self.ids)
            self.beginInsertRows(QModelIndex(), first, first + len(ids) - 1)
            self.ids.extend(ids)
            self._index()
            self.moved += len(ids) if self.held else 0
            self.endInsertRows()

    def _remove(self, ids: Iterable[int]) -> None:
        places = sorted((self._place[id] for id in set(ids) if id in self._place), reverse=True)
        for place in places:
            self.beginRemoveRows(QModelIndex(), place, place)
            del self.ids[place]
            self.endRemoveRows()
        if places:
            self._index()

    def _wanted(self, changed: Collection[int] | None) -> list[int]:
        """Return the ids in order; of some ``changed`` only these are put where they belong."""
        if changed is None or len(changed) * 20 > len(self.ids):
            return self._ordered(self.ids)
        keys = self._keys
        found = [id for id in self.ids if id not in changed]
        if self._descending:
            found.reverse()
        moving = self._ordered(id for id in self.ids if id in changed)
        try:
            for id in moving:
                insort(found, id, key=keys.__getitem__)
        except KeyError:
            return self._ordered(self.ids)  # a new order: no key is known yet
        if self._descending:
            found.reverse()
        return found

    def _reorder(self, changed: Collection[int] | None = None) -> None:
        wanted = self._wanted(changed)
        if wanted == self.ids:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        ids = [self.ids[index.row()] for index in before]
        self.ids = wanted
        self._index()
        self.changePersistentIndexList(
            before, [self.index(self._place[id], index.column()) for id, index in zip(ids, before)]
        )
        self.layoutChanged.emit()
