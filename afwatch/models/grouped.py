"""A table of rows under groups (renders under pools, jobs under branches): a tree told as a flat list of rows.

Rules of this file:
- A group's id is shown as its negative: groups and items never clash, and everything else of RowModel holds.
- The items are sorted; groups stand in the order of their paths, each followed by its items, then by the groups in it.
- A filter shows the groups that hold something it lets through; a folded group hides what is below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt

from afwatch.changes import ChangeSet
from afwatch.models.columns import Shown
from afwatch.models.rows import RowModel

__all__ = ["GROUP_STATE", "GroupedModel", "Groups", "parents_of"]

GROUP_STATE = "GROUP"
"""The state that the model tells of a group's row."""


@dataclass(frozen=True, slots=True)
class Groups:
    """How items are grouped."""

    row: type
    """What a group's row is."""
    kind: str
    """Kind of the groups' rows: pools or branches."""
    item_kind: str
    path: Callable[[Any], str]
    """Path of a group's row."""
    of: Callable[[Any], str]
    """Path of the group that an item is in."""
    texts: dict[str, Callable[[Any, float], str]]
    """What a group's row says in a column, by the column's key."""


class _Merged:
    """Items by id and groups by the negative of theirs, as one mapping that owns nothing."""

    def __init__(self, items: dict[int, Any], groups: dict[int, Any]) -> None:
        self._items, self._groups = items, groups

    def get(self, id: int) -> Any:
        return self._groups.get(-id) if id < 0 else self._items.get(id)

    def __getitem__(self, id: int) -> Any:
        return self._groups[-id] if id < 0 else self._items[id]

    def items(self) -> Iterator[tuple[int, Any]]:
        yield from ((-id, row) for id, row in self._groups.items())
        yield from self._items.items()


def parents_of(path: str) -> Iterator[str]:
    """Yield the paths above a path, from the root."""
    if path == "/":
        return
    yield "/"
    place = path.find("/", 1)
    while place > 0:
        yield path[:place]
        place = path.find("/", place + 1)


class GroupedModel(RowModel):
    """Rows of one kind under rows of another."""

    def __init__(
        self,
        shown: Shown,
        groups: Groups,
        items: dict[int, Any],
        group_rows: dict[int, Any],
        clock: Callable[[], float],
        *,
        base: Callable[[Any], bool] | None = None,
        column: int = 0,
    ) -> None:
        """As RowModel, with the groups' own rows."""
        self.groups = groups
        self.folded: set[str] = set()
        """Paths of groups that hide what is below them."""
        self._groups = group_rows
        self._living: set[str] | None = None
        state, row_type = shown.state, groups.row
        told = replace(shown, state=lambda row, now: GROUP_STATE if isinstance(row, row_type) else state(row, now))
        merged: Any = _Merged(items, group_rows)
        super().__init__(told, merged, clock, base=base, column=column)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The texts of a cell; a group has its own."""
        if not self.is_group(index.row()):
            return super().data(index, role)
        row, column = self.row_at(index.row()), self.shown.columns[index.column()]
        if row is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.groups.path(row) if column.stretch else self._group_text(row, column.key)
        return None

    def _group_text(self, row: Any, key: str) -> str:
        say = self.groups.texts.get(key)
        return say(row, self._clock()) if say is not None else ""

    def is_heading(self, row: Any) -> bool:
        """Say whether a row is a group's."""
        return isinstance(row, self.groups.row)

    def is_group(self, place: int) -> bool:
        """Say whether a group stands at a place."""
        return 0 <= place < len(self.ids) and self.ids[place] < 0

    def depth(self, place: int) -> int:
        """Return how many groups a row is below."""
        id = self.ids[place]
        row = self._source.get(id)
        if row is None:
            return 0
        path = self.groups.path(row) if id < 0 else self.groups.of(row)
        return (0 if path == "/" else path.count("/")) + (id > 0)

    def fold(self, path: str, folded: bool) -> None:
        """Hide or show what is below a group."""
        if (path in self.folded) != folded:
            self.folded ^= {path}
            self.reload()

    def count_in(self, row: Any) -> int:
        """Return how many items there are in a group and below it."""
        path = self.groups.path(row)
        below = "/" if path == "/" else path + "/"
        of = self.groups.of
        return sum(where == path or where.startswith(below) for where in map(of, self._items()))

    def _items(self) -> list[Any]:
        return [row for id, row in self._source.items() if id > 0]

    # What RowModel asks

    def state_counts(self) -> dict[str, int]:
        """Return how many items there are in each state."""
        counts = super().state_counts()
        counts.pop(GROUP_STATE, None)
        return counts

    @property
    def items_shown(self) -> int:
        """Items that the person's filters let through; groups do not count."""
        return len(self.ids) - sum(-id in self._members for id in self._groups)

    @property
    def total(self) -> int:
        """Items of the view; groups do not count."""
        return len(self._states) - self._tally[GROUP_STATE]

    def reload(self) -> None:
        """Read everything anew."""
        self._living = None
        if self._test is not None or self._only:
            base = self._base
            self._states = {
                id: self.shown.state(row, self._clock())
                for id, row in self._source.items()
                if base is None or base(row)
            }
            self._living = set()
            for id, row in self._source.items():
                if id > 0 and id in self._states and super()._fits(id):
                    path = self.groups.of(row)
                    self._living |= {path, *parents_of(path)}
        super().reload()

    def apply(self, changes: ChangeSet) -> None:
        """Show what changed of items and groups."""
        kind, groups = self.groups.item_kind, self.groups.kind
        if (self._living is not None or self.folded) and (changes.touches(kind) or changes.touches(groups)):
            self.reload()
            return
        super().apply(ChangeSet(
            {kind: {*changes.changed.get(kind, ()), *(-id for id in changes.changed.get(groups, ()))}},
            {kind: {*changes.gone.get(kind, ()), *(-id for id in changes.gone.get(groups, ()))}},
        ))  # fmt: skip

    def _fits(self, id: int) -> bool:
        row = self._source.get(id)
        if row is None:
            return False
        path = self.groups.path(row) if id < 0 else self.groups.of(row)
        if self.folded and not self.folded.isdisjoint(parents_of(path) if id < 0 else (path, *parents_of(path))):
            return False
        if id < 0:
            return self._living is None or path in self._living
        return super()._fits(id)

    def _key(self, id: int, now: float) -> Any:
        row = self._source.get(id)
        if row is None:
            return ([], True, ())
        path = self.groups.path(row) if id < 0 else self.groups.of(row)
        return (_parts(path), id > 0, super()._key(id, now) if id > 0 else ())

    def _precedes(self, key: Any, other: Any) -> bool:
        if key[0] != other[0] or key[1] != other[1]:
            return bool(key[:2] < other[:2])
        return super()._precedes(key[2], other[2])

    def _ordered(self, ids: Iterable[int]) -> list[int]:
        found, keys, now = list(ids), self._keys, self._clock()
        for id in found:
            if id not in keys:
                keys[id] = self._key(id, now)
        found.sort(key=lambda id: keys[id][2], reverse=self._descending)
        found.sort(key=lambda id: keys[id][:2])
        return found


@lru_cache(maxsize=10_000)
def _parts(path: str) -> list[str]:
    return path.split("/") if path != "/" else [""]
