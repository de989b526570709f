"""Rows for whoever asks, by kind: which ids there are, how a row is made, and whether it fits a filter."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from afcore import views
from afcore.codec import shown_bytes
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.tasks import COLUMN_NAMES, TaskTable
from afcore.rows import TaskColumns

__all__ = ["MAKERS", "all_ids", "copy_columns", "fits", "gone_numbers", "task_columns", "task_row"]


def _job(farm: Farm, id: int, at: float) -> Any:
    job = farm.jobs.get(id)
    return None if job is None else views.job_row(farm, job, at)


def _render(farm: Farm, id: int, at: float) -> Any:
    render = farm.renders.get(id)
    return None if render is None else views.render_row(farm, render)


def _user(farm: Farm, id: int, at: float) -> Any:
    user = farm.users.get(id)
    return None if user is None else views.user_row(farm, user)


def _pool(farm: Farm, id: int, at: float) -> Any:
    pool = farm.pools.get(id)
    return None if pool is None else views.pool_row(farm, pool)


def _branch(farm: Farm, id: int, at: float) -> Any:
    branch = farm.branches.get(id)
    return None if branch is None else views.branch_row(farm, branch)


def _run(farm: Farm, key: tuple[int, int, int, int], at: float) -> Any:
    run = farm.runs.look(RunKey(*key))
    return None if run is None else views.run_row(farm, run)


MAKERS: dict[str, Callable[[Farm, Any, float], Any]] = {
    "jobs": _job,
    "renders": _render,
    "users": _user,
    "pools": _pool,
    "branches": _branch,
    "runs": _run,
}
"""Makes a row of each kind from its id and the time; None when there is nothing of that id any more."""


def all_ids(farm: Farm, kind: str) -> list[Any]:
    """Return every id of a kind."""
    things: dict[str, Iterable[Any]] = {
        "jobs": farm.jobs,
        "renders": farm.renders,
        "users": farm.users,
        "pools": farm.pools,
        "branches": farm.branches,
        "runs": farm.runs,
    }
    return list(things[kind])


def gone_numbers(gone: Iterable[Any]) -> list[int]:
    """Return what is gone as plain numbers: an id each, four numbers for a run."""
    numbers: list[int] = []
    for id in gone:
        if isinstance(id, tuple):
            numbers.extend(id)
        else:
            numbers.append(id)
    return numbers


def fits(row: Any, filter: dict[str, Any]) -> bool:
    """Say whether a row is what a subscription wants: ``ids``, ``names``, ``user``, ``job``."""
    ids = filter.get("ids")
    if ids is not None and getattr(row, "id", None) not in ids:
        return False
    names = filter.get("names")
    if names is not None and getattr(row, "name", getattr(row, "path", None)) not in names:
        return False
    user = filter.get("user")
    if user is not None and getattr(row, "user", None) != user:
        return False
    job = filter.get("job")
    return job is None or getattr(row, "job", getattr(row, "id", None)) == job


def copy_columns(table: TaskTable, names: Iterable[str]) -> dict[str, tuple[bytes, int]]:
    """Return whole columns as bytes (little-endian) with the width of one number, by name."""
    copies = {}
    for name in names:
        column = getattr(table, name)
        shown = shown_bytes(column, name)
        copies[name] = (shown, len(shown) // len(column) if column else 1)
    return copies


def task_columns(
    farm: Farm, job: int, block: int, first: int, count: int, version: int, names: Sequence[str] = COLUMN_NAMES
) -> TaskColumns:
    """Return columns of some tasks, compressed, as of a version of the board."""
    made = views.task_columns(farm, job, block, first=first, count=count, names=names)
    return TaskColumns(made.job, made.block, made.first, made.count, made.size, version, made.columns)


def task_row(farm: Farm, job: int, block: int, task: int) -> Any:
    """Return one task for people to read."""
    return views.task_rows(farm, job, block, first=task, count=1)[0]
