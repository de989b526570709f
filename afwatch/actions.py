"""What can be done to what is selected: actions as data, each naming its operation, its key and why it may not be done.

Rules of this file:
- An action that cannot be done is shown disabled with its reason, never hidden.
- What destroys finished work asks first; what can be taken back is done at once and offers Undo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from afcore.rows import JobRow, RenderRow
from afcore.states import Role, TaskState
from afnet.registry import find_operation
from afwatch import words
from afwatch.ops import jobs, renders
from afwatch.ops.pending import Pending
from afwatch.session import Session

__all__ = ["JOB_ACTIONS", "RENDER_ACTIONS", "Action", "Asking", "reason_against"]


class Asking(Protocol):
    """What an action needs of the window it is done in."""

    session: Session

    @property
    def offers_agent(self) -> bool:
        """Whether this machine could work for the farm and does not."""

    def start_agent(self) -> None:
        """Let this machine work for the farm."""

    def confirm(self, deed: str, names: Sequence[str], cost: str, button: str) -> bool:
        """Ask before something that cannot be taken back."""

    def ask_number(self, title: str, label: str, value: int, least: int, most: int) -> int | None:
        """Ask for a whole number; None when the person thought better of it."""

    def tell_done(self, pending: Pending, sentence: str, undo: Callable[[], Pending] | None = None) -> None:
        """Say what was done as soon as the farm answers, and offer to take it back."""

    def tell_reason(self, reason: str) -> None:
        """Say why something cannot be done."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to selected rows."""

    key: str
    title: str
    icon: str
    shortcut: str
    operation: str
    """The registry's name: who may do it, and its help."""
    run: Callable[[Asking, list[Any]], None]
    applies: Callable[[list[Any]], str] = lambda rows: ""
    """Why it makes no sense for these rows; empty when it does."""
    in_header: bool = True
    danger: bool = False


def reason_against(action: Action, session: Session, rows: list[Any]) -> str:
    """Return why an action cannot be done to these rows now; empty when it can."""
    if not rows:
        return "Nothing is selected."
    if not session.state.connected:
        return "There is no connection to the farm."
    operation = find_operation(action.operation)
    if session.mode < operation.role:
        return f"This is for {operation.role.name} mode."
    if operation.owner == "own" and session.mode < Role.VISOR:
        others = sorted({row.user for row in rows if getattr(row, "user", session.user) != session.user})
        if others:
            return f"Belongs to {others[0]}; in USER mode you change what is yours."
    return action.applies(rows)


def _ids(rows: list[JobRow]) -> list[int]:
    return [row.id for row in rows]


def _names(rows: Sequence[Any]) -> str:
    return rows[0].name if len(rows) == 1 else words.plural(len(rows), "job")


def _pause(window: Asking, rows: list[JobRow]) -> None:
    session, ids = window.session, [row.id for row in rows if not row.offline]
    window.tell_done(
        jobs.pause(session, ids=ids), f"Paused {_names(rows)}.", lambda: jobs.start(session, ids=ids)
    )


def _start(window: Asking, rows: list[JobRow]) -> None:
    session, ids = window.session, [row.id for row in rows if row.offline]
    window.tell_done(
        jobs.start(session, ids=ids), f"Started {_names(rows)}.", lambda: jobs.pause(session, ids=ids)
    )


def _stop(window: Asking, rows: list[JobRow]) -> None:
    running = sum(row.counts[TaskState.RUNNING] for row in rows)
    if window.confirm(
        f"Stop {_names(rows)}?", [row.name for row in rows],
        f"{words.plural(running, 'running task')} will be ended and start from the beginning later.",
        f"Stop {words.plural(len(rows), 'job')}",
    ):  # fmt: skip
        window.tell_done(jobs.stop(window.session, ids=_ids(rows)), f"Stopped {_names(rows)}.")


def _restart(window: Asking, rows: list[JobRow]) -> None:
    done = sum(row.counts[TaskState.DONE] for row in rows)
    spent = sum(block.run_time_sum_ms for row in rows for block in row.blocks) / 1000
    if window.confirm(
        f"Restart {_names(rows)}?", [row.name for row in rows],
        f"{words.plural(done, 'finished task')}, {words.duration(spent)} of computing, are thrown away.",
        f"Restart {words.plural(sum(sum(row.counts) for row in rows), 'task')}",
    ):  # fmt: skip
        window.tell_done(jobs.restart(window.session, ids=_ids(rows)), f"Restarted {_names(rows)}.")


def _retry(window: Asking, rows: list[JobRow]) -> None:
    count = sum(row.counts[TaskState.ERROR] for row in rows)
    window.tell_done(
        jobs.restart_errors(window.session, ids=_ids(rows)), f"Retrying {words.plural(count, 'failed task')}."
    )


def _skip(window: Asking, rows: list[JobRow]) -> None:
    left = sum(sum(row.counts) - row.counts[TaskState.DONE] - row.counts[TaskState.SKIPPED] for row in rows)
    if window.confirm(
        f"Skip what is left of {_names(rows)}?", [row.name for row in rows],
        f"{words.plural(left, 'task')} will count as done without having run.", f"Skip {words.plural(left, 'task')}",
    ):  # fmt: skip
        for row in rows:
            window.tell_done(jobs.skip(window.session, job=row.id), f"Skipped what was left of {_names(rows)}.")


def _delete(window: Asking, rows: list[JobRow]) -> None:
    spent = sum(block.run_time_sum_ms for row in rows for block in row.blocks) / 1000
    if window.confirm(
        f"Delete {_names(rows)}?", [row.name for row in rows],
        f"The jobs and their logs go for good; {words.duration(spent)} of computing. Files they wrote stay.",
        f"Delete {words.plural(len(rows), 'job')}",
    ):  # fmt: skip
        window.tell_done(jobs.delete(window.session, ids=_ids(rows)), f"Deleted {_names(rows)}.")


def _priority(window: Asking, rows: list[JobRow]) -> None:
    session, before = window.session, {row.id: row.priority for row in rows}
    value = window.ask_number(f"Priority of {_names(rows)}", "The higher, the sooner", rows[0].priority, 0, 255)
    if value is None:
        return

    def undo() -> Pending:
        pending: Pending | None = None
        for old in sorted(set(before.values())):
            ids = [id for id, priority in before.items() if priority == old]
            pending = jobs.set_parameters(session, ids=ids, parameters={"priority": old})
        assert pending is not None
        return pending

    pending = jobs.set_parameters(session, ids=list(before), parameters={"priority": value})
    window.tell_done(pending, f"Priority of {_names(rows)} is {value}.", undo)


def _has(state: TaskState, sentence: str) -> Callable[[list[JobRow]], str]:
    return lambda rows: "" if any(row.counts[state] for row in rows) else sentence


JOB_ACTIONS: tuple[Action, ...] = (
    Action("pause", "Pause", "pause", "P", "job.pause", _pause,
           lambda rows: "" if any(not row.offline for row in rows) else "Paused already."),
    Action("start", "Start", "play", "S", "job.start", _start,
           lambda rows: "" if any(row.offline for row in rows) else "Not paused."),
    Action("retry", "Retry errors", "retry", "R", "job.restart", _retry,
           _has(TaskState.ERROR, "No task has failed.")),
    Action("restart", "Restart", "restart", "Shift+R", "job.restart", _restart),
    Action("skip", "Skip", "skip", "K", "job.skip", _skip,
           lambda rows: "Finished already." if all(row.state == "done" for row in rows) else ""),
    Action("priority", "Priority…", "priority", "Y", "job.set", _priority, in_header=False),
    Action("stop", "Stop…", "stop", "Shift+S", "job.stop", _stop,
           _has(TaskState.RUNNING, "Nothing of it runs."), in_header=False, danger=True),
    Action("delete", "Delete…", "delete", "Del", "job.delete", _delete, in_header=False, danger=True),
)  # fmt: skip
"""What can be done to jobs."""


def _set_renders(parameters: dict[str, Any], said: str, undo: dict[str, Any]) -> Callable[[Asking, list[Any]], None]:
    def run(window: Asking, rows: list[RenderRow]) -> None:
        session, names = window.session, [row.name for row in rows]
        whom = names[0] if len(names) == 1 else words.plural(len(names), "render")
        window.tell_done(
            renders.set_parameters(session, names=names, parameters=parameters), said.format(whom),
            lambda: renders.set_parameters(session, names=names, parameters=undo),
        )  # fmt: skip

    return run


def _without(word: str, sentence: str) -> Callable[[list[RenderRow]], str]:
    return lambda rows: sentence if all(word in row.words for row in rows) else ""


def _forget(window: Asking, rows: list[RenderRow]) -> None:
    names = [row.name for row in rows]
    if window.confirm(
        f"Forget {words.plural(len(rows), 'render')}?", names, "Their settings are lost; they may register again.",
        f"Forget {words.plural(len(rows), 'render')}",
    ):  # fmt: skip
        window.tell_done(renders.delete(window.session, names=names), f"Forgot {words.plural(len(rows), 'render')}.")


RENDER_ACTIONS: tuple[Action, ...] = (
    Action("nimby", "nimby", "glyph-person-outline", "N", "render.set",
           _set_renders({"nimby": True}, "{} runs only its owner's tasks.", {"nimby": False}),
           _without("nimby", "It is nimby already.")),
    Action("NIMBY", "NIMBY", "glyph-person-solid", "Shift+N", "render.set",
           _set_renders({"NIMBY": True}, "{} runs nobody's tasks.", {"NIMBY": False}),
           _without("NIMBY", "It is NIMBY already.")),
    Action("free", "Free", "done", "F", "render.set",
           _set_renders({"nimby": False, "NIMBY": False}, "{} is free for everybody.", {"nimby": True}),
           lambda rows: "" if any("nimby" in row.words or "NIMBY" in row.words for row in rows) else "Free already."),
    Action("pause", "Pause", "pause", "P", "render.set",
           _set_renders({"paused": True}, "{} starts nothing new.", {"paused": False}),
           _without("paused", "Paused already.")),
    Action("start", "Start", "play", "S", "render.set",
           _set_renders({"paused": False}, "{} takes tasks again.", {"paused": True}),
           lambda rows: "" if any("paused" in row.words for row in rows) else "Not paused."),
    Action("delete", "Forget…", "delete", "Del", "render.delete", _forget,
           lambda rows: "" if all("offline" in row.words for row in rows) else "Only renders that are offline.",
           in_header=False, danger=True),
)  # fmt: skip
"""What can be done to renders."""
