"""A table of rows of one kind: ids in an order, filtered and sorted here, told to the view as ranges.

Rules of this file:
- No proxy model: the order is a list of ids, sort keys are kept per id and made anew only for rows that changed.
- What changed costs by how much changed, not by how much there is: places are found by bisection, the view is told
  only of rows in sight, and of a new order only when it can see one.
- While it is held (a pointer or key is at work) rows keep their places: new ones go to the end, what is gone stays,
  marked; ``release`` applies the order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from afwatch.changes import ChangeSet
from afwatch.models.columns import Column, Shown
from afwatch.models.filters import Query, test_of

__all__ = ["RowModel"]

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


def _close_by(ids: list[int]) -> list[int]:
    """Return the same numbers made anew, one beside the other.

    Those of the rows lie all over the memory, and to copy a part of an order is to count a reference to each.
    """
    return array("q", ids).tolist()


class RowModel(QAbstractTableModel):
    """Rows of one kind."""

    counted = Signal()
    """Counts over all rows, shown or not, changed."""

    def __init__(
        self, shown: Shown, source: dict[int, Any], clock: Callable[[], float], *,
        base: Callable[[Any], bool] | None = None, column: int = 0,
    ) -> None:  # fmt: skip
        """``base`` restricts the view itself (my jobs); ``column`` is what it is ordered by at first."""
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
        self.in_sight: Callable[[], range] = lambda: range(len(self.ids))
        """Places of the rows that a view shows now; the view sets it."""
        self._members: set[int] = set()
        self._places: dict[int, int] | None = None
        """Place of each id, made when somebody asks."""
        self._sorted = True
        """Whether the ids stand as their keys say."""
        self._keys: dict[int, Any] = {}
        self._states: dict[int, str] = {}
        self._tally: Counter[str] = Counter()
        self._column = shown.columns[column]
        self._descending = False
        self._test: Callable[[Any], bool] | None = None
        self._only: frozenset[str] = frozenset()
        self._base = base
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
            return column.heading
        if role == Qt.ItemDataRole.ToolTipRole:
            said = column.whole
            return column.tip or said if column.tip.startswith(said) or not column.tip else f"{said}: {column.tip}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The texts of a cell."""
        row = self.row_at(index.row())
        if row is None:
            return None
        column = self.shown.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row, self._clock())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tip(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.whole}: {column.text(row, self._clock())}"
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column from now on."""
        wanted, descending = self.shown.columns[column], order is Qt.SortOrder.DescendingOrder
        if wanted is self._column and descending == self._descending and self._sorted and not self.held:
            return
        self._column, self._descending = wanted, descending
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

    def is_heading(self, row: Any) -> bool:
        """Say whether a row is of another kind than the columns are for."""
        return False

    def place_of(self, id: int) -> int:
        """Return where an id is shown, -1 when it is not."""
        if self._places is None:
            self._places = {id: place for place, id in enumerate(self.ids)}
        return self._places.get(id, -1)

    def state_counts(self) -> dict[str, int]:
        """Return how many rows of the view there are in each state, filters of the person left aside."""
        return {**dict.fromkeys(self.shown.chips, 0), **self._tally}

    @property
    def total(self) -> int:
        """Rows of the view, filters of the person left aside."""
        return len(self._states)

    @property
    def items_shown(self) -> int:
        """Rows that the person's filters let through."""
        return len(self.ids)

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
        self._tally = Counter(self._states.values())
        self.gone = {}
        self._keys = {}
        self._take_order(self._ordered(id for id in self._states if self._fits(id)))
        self._members = set(self.ids)
        self._sorted = True
        self.moved = 0
        self.endResetModel()
        self.counted.emit()

    def apply(self, changes: ChangeSet) -> None:
        """Show what changed; rows that are new, gone or elsewhere move unless the model is held."""
        kind = self.shown.kind
        changed, gone = changes.changed.get(kind, set()), changes.gone.get(kind, set())
        if not changed and not gone:
            return
        if len(changed) + len(gone) > max(2000, len(self.ids) // 4):
            self.reload()
            return
        leaving, coming, staying = self._sift(changed, gone)
        if self.held:
            self.moved += sum(id in gone for id in leaving) + len(coming)
            for id in (*leaving, *coming, *staying):
                self._keys.pop(id, None)
            self._sorted = False
            self._append(coming)
            self._tell_in_sight({*staying, *leaving})
        elif self._sorted and (len(leaving) + len(coming) + len(staying)) * 20 <= max(len(self.ids), 100):
            self._remove(leaving)
            self._move(staying)
            self._insert(coming)
        else:
            self._remove(leaving)
            for id in staying:
                self._keys.pop(id, None)
            self._append(coming)
            self._reorder()
            self._tell_in_sight(staying)
        self.counted.emit()

    def _sift(self, changed: Iterable[int], gone: Iterable[int]) -> tuple[list[int], list[int], list[int]]:
        """Take over new states; return which rows leave, come, and stay with something new to show."""
        leaving = [id for id in gone if id in self._members]
        coming: list[int] = []
        staying: list[int] = []
        for id in gone:
            self._set_state(id, None)
        now, base, members = self._clock(), self._base, self._members
        for id in changed:
            row = self._source.get(id)
            if row is None:
                continue
            ours = base is None or base(row)
            self._set_state(id, self.shown.state(row, now) if ours else None)
            if ours and self._fits(id):
                (staying if id in members else coming).append(id)
            elif id in members:
                leaving.append(id)
        return leaving, coming, staying

    def _set_state(self, id: int, state: str | None) -> None:
        before = self._states.pop(id, None)
        if before is not None:
            self._tally[before] -= 1
        if state is not None:
            self._states[id] = state
            self._tally[state] += 1

    def remember(self, rows: dict[int, Any]) -> None:
        """Keep rows that are about to go, so that a held table can still show them, struck through."""
        if self.held:
            self.gone.update({id: row for id, row in rows.items() if id in self._members})

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

    def _key(self, id: int, now: float) -> Any:
        """Return what a row is ordered by; no two rows have the same."""
        row = self._source.get(id)
        if row is None:
            return None
        value = self._column.sort(row, now)
        # Flat: a tuple in a tuple is compared twice, and this is what thousands of comparisons a second are of.
        return (*value, id) if type(value) is tuple else (value, id)

    def _precedes(self, key: Any, other: Any) -> bool:
        """Say whether a row of one key stands above that of another."""
        return bool(other < key if self._descending else key < other)

    def _ordered(self, ids: Iterable[int]) -> list[int]:
        found, keys, now = list(ids), self._keys, self._clock()
        for id in found:
            if id not in keys:
                keys[id] = self._key(id, now)
        found.sort(key=keys.__getitem__, reverse=self._descending)
        return found

    def _take_order(self, ids: list[int]) -> None:
        self.ids, self._places = _close_by(ids), None

    def _place_for(self, ids: Sequence[int], key: Any, low: int = 0) -> int:
        """Return where a row of this key belongs among ids that stand in order, from ``low`` on."""
        keys, precedes = self._keys, self._precedes
        if not self._descending:
            return bisect_left(ids, key, low, key=keys.__getitem__)
        high = len(ids)
        while low < high:
            middle = (low + high) // 2
            if precedes(keys[ids[middle]], key):
                low = middle + 1
            else:
                high = middle
        return low

    def _find(self, id: int) -> int:
        """Return the place of a row that is shown, by its key."""
        if self._sorted and id in self._keys:
            place = self._place_for(self.ids, self._keys[id])
            if place < len(self.ids) and self.ids[place] == id:
                return place
        return self.place_of(id)

    def _append(self, ids: list[int]) -> None:
        if ids:
            first = len(self.ids)
            self.beginInsertRows(QModelIndex(), first, first + len(ids) - 1)
            self._take_order(self.ids + ids)
            self._members.update(ids)
            self._sorted = False
            self.endInsertRows()

    def _insert(self, ids: list[int]) -> None:
        """Put new rows where they belong."""
        now = self._clock()
        for id in ids:
            key = self._key(id, now)
            place = self._place_for(self.ids, key)
            self.beginInsertRows(QModelIndex(), place, place)
            self._keys[id] = key
            self.ids.insert(place, id)
            self._places = None
            self._members.add(id)
            self.endInsertRows()

    def _remove(self, ids: Iterable[int]) -> None:
        places = sorted({self._find(id) for id in ids}, reverse=True)
        for place in places:
            self.beginRemoveRows(QModelIndex(), place, place)
            id = self.ids.pop(place)
            self._places = None
            self._members.discard(id)
            self._keys.pop(id, None)
            self.endRemoveRows()

    def _move(self, ids: list[int]) -> None:
        """Put rows that changed where they belong now; most of them stay where they are."""
        now, keys = self._clock(), self._keys
        moving: dict[int, Any] = {}
        for id in ids:
            key = self._key(id, now)
            if key != keys.get(id):
                moving[id] = key
        if moving:
            self._show_moves(moving)
        self._tell_in_sight(ids)

    def _show_moves(self, moving: dict[int, Any]) -> None:
        """Give rows their new keys and places; the view is told when something of it can be seen or is held on to."""
        places = self._places_of(moving)
        for place in [place for place in places if self._is_settled(place, moving)]:
            id = self.ids[place]
            self._keys[id] = moving.pop(id)
            places.remove(place)
        if not moving:
            return
        sight = self.in_sight()
        seen = bool(sight) and self._moves_in(sight, places, moving.values())
        kept: list[int] = []
        for above, place in pairwise([-1, *places, len(self.ids)]):
            kept += self.ids[above + 1 : place]
        self._keys.update(moving)
        wanted: list[int] = []
        reached = 0
        for id in self._ordered(moving):
            place = self._place_for(kept, moving[id], reached)
            wanted += kept[reached:place]
            wanted.append(id)
            reached = place
        wanted += kept[reached:]
        self._show_order(wanted, seen=seen)

    def _places_of(self, moving: Collection[int]) -> list[int]:
        """Return the places of rows that are shown, in order: by one look at all when that is sooner."""
        if len(moving) * 500 > len(self.ids):
            return [place for place, id in enumerate(self.ids) if id in moving]
        return sorted(map(self._find, moving))

    def _is_settled(self, place: int, moving: dict[int, Any]) -> bool:
        """Say whether a row stands right with a new key: between two that are not moving themselves."""
        ids, keys = self.ids, self._keys
        key = moving[ids[place]]
        above, below = ids[max(0, place - 1) : place], ids[place + 1 : place + 2]
        return (
            not any(id in moving for id in (*above, *below))
            and all(self._precedes(keys[id], key) for id in above)
            and all(self._precedes(key, keys[id]) for id in below)
        )

    def _moves_in(self, sight: range, places: list[int], keys: Iterable[Any]) -> bool:
        """Say whether rows that leave these places, for where their new keys want them, change what a view shows."""
        last = min(sight.stop, len(self.ids)) - 1
        if last < 0 or places[0] <= last:
            return True
        edge = self._keys[self.ids[last]]
        return any(self._precedes(key, edge) for key in keys)

    def _lead(self, before: list[QModelIndex], ids: list[int]) -> None:
        """Let indexes that are held on to follow their rows."""
        if before:
            # A few by bisection; a whole selection by the table of all places.
            place_of = self._find if len(before) < 500 else self.place_of
            self.changePersistentIndexList(
                before, [self.index(place_of(id), index.column()) for id, index in zip(ids, before)]
            )

    def _show_order(self, wanted: list[int], *, seen: bool) -> None:
        """Take over an order, of which something can be seen or not; what is held on to follows its rows.

        Where nothing is held on to, nothing moved for a view: other rows stand where it looks, and it paints them.
        """
        if self.persistentIndexList():
            self.layoutAboutToBeChanged.emit()
            before = self.persistentIndexList()
            held = [self.ids[index.row()] for index in before]
            self.ids, self._places = wanted, None
            self._lead(before, held)
            self.layoutChanged.emit()
            return
        self.ids, self._places = wanted, None
        sight = self.in_sight()
        last = min(sight.stop, len(wanted)) - 1
        if seen and last >= sight.start:
            self.dataChanged.emit(self.index(sight.start, 0), self.index(last, self.columnCount() - 1))

    def _tell_in_sight(self, ids: Collection[int]) -> None:
        """Let the rows among these that a view shows be painted anew."""
        sight = self.in_sight()
        changed = ids if isinstance(ids, set) else set(ids)
        last = self.columnCount() - 1
        for place in sight:
            # Row by row: what lies between two rows need not be painted.
            if place < len(self.ids) and self.ids[place] in changed:
                self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    def _reorder(self) -> None:
        wanted, sight = _close_by(self._ordered(self.ids)), self.in_sight()
        self._sorted = True
        if wanted != self.ids:
            seen = wanted[sight.start : sight.stop] != self.ids[sight.start : sight.stop]
            self._show_order(wanted, seen=seen)
