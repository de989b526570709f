"""The tasks of one block: a million rows over byte columns, an index array when filtered or sorted, texts when seen.

Rules of this file:
- No object per task.  ``order`` is None (every task in its order) or an array of task indices.
- The window is never held by an order: the first rows stand at once, the whole order comes from a thread and moves
  rows without a reset.  While tasks change, an order is made anew when the last one has arrived, not for every change.
- Names of numeric blocks are made here; listed ones are texts of the farm, pages of which are asked for when a cell is
  painted, and kept until changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from afcore.states import TaskFlag, TaskState
from afwatch import words
from afwatch.changes import TaskRange
from afwatch.models.filters import Query
from afwatch.models.tasknames import NumericNames
from afwatch.models.taskorder import first_rows, is_quick, run_times, sort_key, whole_order
from afwatch.tasktables import BlockTasks, OpenedJob
from afwatch.texts import tr
from afwatch.theme.tokens import in_level, state_look, width_in_level

__all__ = ["COLUMNS", "PAGE", "TASK_FIELDS", "TasksModel", "mask_of"]

_Array = numpy.ndarray[Any, Any]
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()

PAGE = 100
"""Tasks of one page of texts."""
_MOST_PAGES = 60
FOLLOWED_AT_ONCE = 50_000
"""An order of more tasks follows their changes in a thread."""

class TaskColumn(NamedTuple):
    """One column."""

    key: str
    title: str
    width: int
    right: bool = False
    full: str = ""
    short: str = ""
    widths: tuple[int, int] = (0, 0)
    """How wide at the full and at the abbreviated level, where that is another width."""

    @property
    def heading(self) -> str:
        """The title in the level that is on."""
        return in_level(self.full, self.title, self.short)

    @property
    def width_now(self) -> int:
        """How wide it is in the level that is on."""
        return width_in_level(self.width, self.widths)


COLUMNS = (
    TaskColumn("state", tr("State"), 132, short=tr("St"), widths=(196, 84)),
    TaskColumn("name", tr("Task"), 180),
    TaskColumn("host", tr("Host"), 130),
    TaskColumn("progress", "", 104),
    TaskColumn("percent", "%", 52, True, full=tr("Percent"), widths=(76, 0)),
    TaskColumn("starts", tr("Starts"), 64, True, short=tr("Str")),
    TaskColumn("errors", tr("Errors"), 64, True, short=tr("Err")),
    TaskColumn("time", tr("Time"), 88, True, full=tr("Time it took"), widths=(108, 0)),
    TaskColumn("started", tr("Started"), 104, True, full=tr("Started at")),
    TaskColumn("note", tr("Note"), 112, full=tr("Marks"), widths=(150, 0)),
)

TASK_FIELDS = ("state", "err", "starts", "host", "percent", "time", "task", "name")
"""What the search line of tasks knows."""

_FLAG_LOOKS = ((TaskFlag.WARNING, "WARNING"), (TaskFlag.RETRIED, "RETRIED"), (TaskFlag.TRY_NEXT, "TRY_NEXT"))
"""Marks that are states of their own in the look."""
_FLAG_WORDS = (
    (TaskFlag.BAD_FILES, (tr("files are missing"), tr("files missing"), "BRF")),
    (TaskFlag.BAD_RESULT, (tr("bad result by the parser"), tr("bad result"), "PBR")),
)
"""Other marks, in the three levels of wording; classic monitors have the same letters."""


def _marks(flags: int) -> str:
    said = [state_look("flag", state).inside for bit, state in _FLAG_LOOKS if flags & bit]
    return ", ".join((*said, *(in_level(*words) for bit, words in _FLAG_WORDS if flags & bit)))


def _state_words(state: TaskState) -> set[str]:
    shown = state_look("task", state.name)
    return {state.name.lower(), shown.full.lower(), shown.brief.lower(), shown.abbreviated.lower(),
            shown.full.split()[0].lower()}  # fmt: skip


def _compare(column: _Array, sign: str, limit: float) -> _Array:
    found: _Array = column > limit if sign == ">" else column < limit if sign == "<" else column == limit
    return found


def mask_of(query: Query, block: BlockTasks, hosts: dict[str, int], now: float) -> _Array | None:
    """Return which tasks a search line lets through; None for all.  ``hosts`` gives ids of renders by name."""
    masks: list[_Array] = []
    for term in query.terms:
        mask = _mask(term.field, term.sign, term.values, block, hosts, now)
        if mask is not None:
            masks.append(~mask if term.minus else mask)
    if not masks:
        return None
    return masks[0] if len(masks) == 1 else numpy.logical_and.reduce(masks)


def _mask(
    field: str, sign: str, values: tuple[str, ...], block: BlockTasks, hosts: dict[str, int], now: float
) -> _Array | None:
    if field == "state":
        wanted = [s for s in TaskState if not _state_words(s).isdisjoint(value.lower() for value in values)]
        return _any_of(block.state, wanted)
    if field == "host":
        ids = [id for name, id in hosts.items() for value in values if value.lower() in name.lower()]
        return numpy.isin(block.columns["render"], numpy.array(ids, dtype=numpy.uint32))
    if field == "name":
        return None  # names are texts: who shows the tasks looks for them beside
    if field in ("", "task"):
        return _tasks_named(values, block.size)
    try:
        limit = float(values[0].rstrip("s"))
    except ValueError:
        return None
    if field == "time":
        return _compare(run_times(block, now), sign, limit)
    return _compare(block.columns[{"err": "errors"}.get(field, field)], sign, limit)


def _any_of(state: _Array, wanted: Iterable[int]) -> _Array:
    found = numpy.zeros(len(state), dtype=bool)
    for each in wanted:
        found |= state == each
    return found


def _tasks_named(values: tuple[str, ...], size: int) -> _Array | None:
    mask = numpy.zeros(size, dtype=bool)
    for value in values:
        first, dash, last = value.partition("-")
        if not first.isdecimal() or (dash and last and not last.isdecimal()):
            return None
        mask[int(first) : (int(last) if last else size - 1 if dash else int(first)) + 1] = True
    return mask


class TasksModel(QAbstractTableModel):
    """The tasks of one block of an opened job."""

    def __init__(
        self,
        opened: OpenedJob,
        block: int,
        *,
        clock: Callable[[], float],
        render_name: Callable[[int], str],
        fetch: Callable[[int], None],
        hosts: Callable[[], Mapping[int, str]] = dict,
        made_names: Callable[[], NumericNames | None] = lambda: None,
    ) -> None:
        """``fetch(first)`` asks for the page of texts that begins there; the answer goes to ``put_page``.

        ``hosts`` names renders by id, for the order by host; ``made_names`` gives what makes the block's names here.
        """
        super().__init__()
        self._hosts, self._made_names = hosts, made_names
        self._sorting: threading.Thread | None = None
        self._again = False
        """Tasks changed while an order was made."""
        self._wish = 0
        """Counts the orders that were asked for: a late one of before is not shown."""
        self._ordered.connect(self._on_ordered, Qt.ConnectionType.QueuedConnection)
        self.block = block
        self.order: _Array | None = None
        self._places: tuple[_Array, _Array] | None = None
        """An order with the place of each task in it."""
        self._opened = opened
        self._clock = clock
        self._render_name = render_name
        self._fetch = fetch
        self._pages: OrderedDict[int, dict[int, str]] = OrderedDict()
        self._asked: set[int] = set()
        self._mask: Callable[[BlockTasks], _Array | None] | None = None
        self._sort: tuple[str, bool] | None = None
        self._rows = self.table.size

    paged = Signal()
    _ordered = Signal(int, object)

    @property
    def table(self) -> BlockTasks:
        """The block's columns; empty while they have not come."""
        return self._opened.blocks.get(self.block) or BlockTasks(0)

    @property
    def now(self) -> float:
        """The present in seconds since the farm's epoch; 0 while that is not known."""
        return self._clock() - self._opened.epoch if self._opened.epoch else 0.0

    # What Qt asks

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """Tasks shown."""
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """Columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].heading
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return None
        task = self.task_at(index.row())
        if task < 0 or task >= self.table.size:
            return None
        column = COLUMNS[index.column()]
        text = self.text(task, column.key)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.full or column.title}: {text}"
        return text

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column; by its own order for the name."""
        self._sort = (COLUMNS[column].key, order is Qt.SortOrder.DescendingOrder)
        self.rearrange()

    # What panes ask

    def task_at(self, place: int) -> int:
        """Return the index of the task shown at a place, -1 where there is none."""
        if self.order is None:
            return place if 0 <= place < self._rows else -1
        return int(self.order[place]) if 0 <= place < len(self.order) else -1

    def place_of(self, task: int) -> int:
        """Return where a task is shown, -1 when it is not."""
        if self.order is None:
            return task if 0 <= task < self._rows else -1
        if self._places is None or self._places[0] is not self.order:
            places = numpy.full(self.table.size, -1, dtype=numpy.int64)
            places[self.order] = numpy.arange(len(self.order))
            self._places = (self.order, places)
        places = self._places[1]
        return int(places[task]) if 0 <= task < len(places) else -1

    def state_at(self, task: int) -> str:
        """Return the state that a task is shown in."""
        return TaskState(int(self.table.state[task])).name

    def text(self, task: int, key: str) -> str:
        """Return what a column says of a task."""
        columns = self.table.columns
        if key == "state":
            return state_look("task", self.state_at(task)).word
        if key == "name":
            return self.name(task)
        if key == "host":
            render = int(columns["render"][task])
            return self._render_name(render) if render else words.UNKNOWN
        if key == "percent":
            percent = self.percent(task)
            return str(percent) if percent else words.DOT
        if key in ("starts", "errors"):
            return words.count(int(columns[key][task]))
        if key == "time":
            return self._time(task)
        if key == "started":
            second = int(columns["started"][task])
            return words.clock_text(self._opened.epoch + second, self._clock()) if second and self._opened.epoch else ""
        if key == "note":
            return _marks(int(columns["flags"][task]))
        return tr("{0} percent", self.percent(task))

    def percent(self, task: int) -> int:
        """Return how far a task is."""
        state = int(self.table.state[task])
        return 100 if state == TaskState.DONE else int(self.table.columns["percent"][task])

    def name(self, task: int) -> str:
        """Return a task's name; its number while the name is on its way."""
        made = self._made_names()
        if made is not None:
            if not self._opened.epoch and self.table.columns["started"][task]:
                self._ask_for(task)  # a page tells when the farm's seconds began
            return made.name(task)
        page = task // PAGE * PAGE
        names = self._pages.get(page)
        if names is not None:
            self._pages.move_to_end(page)
            return names.get(task) or tr("task {0}", words.number(task))
        self._ask_for(task)
        return tr("task {0}", words.number(task))

    def _ask_for(self, task: int) -> None:
        """Ask for the page of texts that a task is on, once."""
        page = task // PAGE * PAGE
        if page not in self._asked:
            self._asked.add(page)
            self._fetch(page)

    def put_page(self, first: int, rows: list[dict[str, Any]]) -> None:
        """Take over a page of texts."""
        self._asked.discard(first)
        self._pages[first] = {row["task"]: row["name"] for row in rows}
        while len(self._pages) > _MOST_PAGES:
            self._pages.popitem(last=False)
        for row in rows:
            self._opened.learn_epoch(self.block, row["task"], row["started"])
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(self._rows - 1, len(COLUMNS) - 1))

    def forget_page(self, first: int) -> None:
        """A page was refused: ask again when it is seen again."""
        self._asked.discard(first)

    def set_mask(self, mask: Callable[[BlockTasks], _Array | None] | None) -> None:
        """Show the tasks that a mask lets through; None for all."""
        self._mask = mask
        self.rearrange()

    def rearrange(self) -> None:
        """Make the order anew."""
        self._wish += 1
        self.beginResetModel()
        shown = self._shown()
        values = self._values()
        if values is None:
            self.order = shown
        elif is_quick(values):
            self.order = whole_order(values, shown)
        else:
            self.order = first_rows(values, shown)
            self._sort_beside(values, shown)
        self._rows = self.table.size if self.order is None else len(self.order)
        self.endResetModel()

    def grow(self) -> None:
        """The filter lets more tasks through than before: show them after those that are shown."""
        shown = self._shown()
        if shown is None or self.order is None or self._sort not in (None, ("name", False)):
            self.rearrange()
        elif len(shown) > self._rows:
            self.beginInsertRows(QModelIndex(), self._rows, len(shown) - 1)
            self.order, self._rows = shown, len(shown)
            self.endInsertRows()

    def apply(self, changed: Iterable[TaskRange]) -> None:
        """Show what changed of this block's tasks."""
        mine = [part for part in changed if part.block == self.block and part.job == self._opened.job]
        if not mine:
            return
        if self.order is None and self._rows != self.table.size:
            self.rearrange()
            return
        if self.order is not None and not self._follow():
            return
        if self._rows:
            first = min(part.first for part in mine) if self.order is None else 0
            last = max(part.end for part in mine) - 1 if self.order is None else self._rows - 1
            self.dataChanged.emit(self.index(first, 0), self.index(min(last, self._rows - 1), len(COLUMNS) - 1))

    def _follow(self) -> bool:
        """Let the order follow what changed; say whether rows stayed where they are."""
        shown, values = self._shown(), self._values()
        if values is not None and (len(values) > FOLLOWED_AT_ONCE or not is_quick(values)):
            self._sort_beside(values, shown)
            return True
        wanted = whole_order(values, shown) if values is not None else shown
        if wanted is None or self.order is None or not numpy.array_equal(wanted, self.order):
            self.rearrange()
            return False
        return True

    def _shown(self) -> _Array | None:
        """Return the tasks that the filter lets through, None for all."""
        mask = self._mask(self.table) if self._mask is not None else None
        return None if mask is None else numpy.flatnonzero(mask)

    def _values(self) -> _Array | None:
        """Return what the tasks are sorted by; None when they stand by their index."""
        if self._sort is None or self._sort == ("name", False):
            return None
        key, descending = self._sort
        return sort_key(self.table, key, descending=descending, now=self.now, hosts=self._hosts())

    def _sort_beside(self, values: _Array, shown: _Array | None) -> None:
        """Make the whole order in a thread; it is told to ``_on_ordered``."""
        if self._sorting is not None:
            self._again = True
            return
        wish = self._wish
        self._sorting = threading.Thread(
            target=lambda: self._ordered.emit(wish, whole_order(values, shown)), name="afwatch-order", daemon=True
        )
        self._sorting.start()

    def _on_ordered(self, wish: int, order: _Array) -> None:
        self.end_sorting()
        if wish == self._wish:
            self._show_order(order)
        if self._again or wish != self._wish:
            self._again = False
            values = self._values()
            if values is not None:
                self._sort_beside(values, self._shown())

    def end_sorting(self) -> None:
        """Wait for the thread that makes an order, if there is one."""
        if self._sorting is not None:
            self._sorting.join()
            self._sorting = None

    def _show_order(self, order: _Array) -> None:
        """Move rows to another order; of another size it is a reset."""
        if self.order is None or len(order) != self._rows:
            self.beginResetModel()
            self.order, self._rows = order, len(order)
            self.endResetModel()
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        places = {index.row() for index in before}
        tasks = {place: int(self.order[place]) for place in places}
        self.order = order
        if before:
            moved = {task: self.place_of(task) for task in set(tasks.values())}
            self.changePersistentIndexList(
                before, [self.index(moved[tasks[index.row()]], index.column()) for index in before]
            )
        self.layoutChanged.emit()

    def _time(self, task: int) -> str:
        columns = self.table.columns
        started, finished = int(columns["started"][task]), int(columns["finished"][task])
        if not started:
            return ""
        if int(columns["state"][task]) == TaskState.RUNNING:
            return words.duration(max(0.0, self.now - started)) if self._opened.epoch else ""
        if finished < started:
            return ""
        return words.duration(float(finished - started)) if finished > started else "< 1 s"
