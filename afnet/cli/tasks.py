"""Show the exact state of every task of a job from its columns: ranges of tasks with the same state."""

import zlib
from itertools import groupby
from typing import Any

from afcore.states import TaskState

__all__ = ["read_columns", "show_tasks", "state_ranges"]


def read_columns(reply: dict[str, Any]) -> dict[int, dict[str, bytes]]:
    """Return whole columns by block and name from the pieces of a ``job.tasks`` answer."""
    blocks: dict[int, dict[str, list[bytes]]] = {}
    for piece in reply["columns"]:
        columns = blocks.setdefault(piece["block"], {})
        for name, packed in piece["columns"].items():
            columns.setdefault(name, []).append(zlib.decompress(packed))
    return {
        block: {name: b"".join(parts) for name, parts in columns.items()} for block, columns in sorted(blocks.items())
    }


def state_ranges(states: bytes) -> list[tuple[int, int, TaskState]]:
    """Return runs of equal states as (first, last, state)."""
    ranges = []
    first = 0
    for state, group in groupby(states):
        count = sum(1 for _ in group)
        ranges.append((first, first + count - 1, TaskState(state)))
        first += count
    return ranges


def show_tasks(reply: dict[str, Any]) -> int:
    """Print the tasks of a job as ranges."""
    for block, columns in read_columns(reply).items():
        print(f"block {block}: {len(columns['state'])} tasks, {sum(map(bool, columns['errors']))} with errors")
        for first, last, state in state_ranges(columns["state"]):
            tasks = str(first) if first == last else f"{first}-{last}"
            note = f" {columns['percent'][first]}%" if state is TaskState.RUNNING and first == last else ""
            print(f"  {tasks:>15}  {state.name.lower()}{note}")
    return 0
