"""What can be done to jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from afcore.rows import JobRow
from afcore.states import TaskState
from afwatch import words
from afwatch.actions import Action, Asking, FormField, named
from afwatch.acts.files import FOLDER_KEY, show_job_folder
from afwatch.ops import jobs
from afwatch.texts import tr

__all__ = ["JOB_ACTIONS"]


_STATES = ("running", "done", "skipped", "error", "warning", "suspended", "ready")
"""States of which tasks can be restarted alone."""


def _ids(rows: list[JobRow]) -> list[int]:
    return [row.id for row in rows]


def _pause(window: Asking, rows: list[JobRow]) -> None:
    ids = [row.id for row in rows if not row.offline]
    window.tell_done(jobs.pause(window.session, ids=ids), tr("Paused {0}.", named(rows)))


def _start(window: Asking, rows: list[JobRow]) -> None:
    ids = [row.id for row in rows if row.offline]
    window.tell_done(jobs.start(window.session, ids=ids), tr("Started {0}.", named(rows)))


def _stop(window: Asking, rows: list[JobRow]) -> None:
    running = sum(row.counts[TaskState.RUNNING] for row in rows)
    if window.confirm(
        tr("Stop {0}?", named(rows)), [row.name for row in rows],
        tr("{0} will be ended and start from the beginning later.", words.plural(running, 'running task')),
        tr("Stop {0}", words.plural(len(rows), 'job')),
    ):  # fmt: skip
        window.tell_done(jobs.stop(window.session, ids=_ids(rows)), tr("Stopped {0}.", named(rows)))


def _restart(window: Asking, rows: list[JobRow]) -> None:
    done = sum(row.counts[TaskState.DONE] for row in rows)
    spent = sum(block.run_time_sum_ms for row in rows for block in row.blocks) / 1000
    if not done or window.confirm(
        tr("Restart {0}?", named(rows)), [row.name for row in rows],
        tr("{0}, {1} of computing, are thrown away.", words.plural(done, 'finished task'), words.duration(spent)),
        tr("Restart {0}", words.plural(sum(sum(row.counts) for row in rows), 'task')),
    ):  # fmt: skip
        window.tell_done(jobs.restart(window.session, ids=_ids(rows)), tr("Restarted {0}.", named(rows)))


def _restart_some(window: Asking, rows: list[JobRow]) -> None:
    found = window.ask_form(
        tr("Restart tasks of {0}", named(rows)), tr("What finished tasks computed is thrown away."),
        [FormField("only", tr("Those that are"), "choice", "running", _STATES),
         FormField("pause", tr("Pause first"), "flag", False)], tr("Restart"),
    )  # fmt: skip
    if found is not None:
        pending = window.session.ask("job.restart", ids=_ids(rows), **found)
        window.tell_done(pending, tr("Restarted the {0} tasks of {1}.", found["only"], named(rows)))


def _retry(window: Asking, rows: list[JobRow]) -> None:
    count = sum(row.counts[TaskState.ERROR] for row in rows)
    window.tell_done(
        jobs.restart_errors(window.session, ids=_ids(rows)), tr("Retrying {0}.", words.plural(count, 'failed task'))
    )


def _tasks(action: str, said: str, only: str = "") -> Callable[[Asking, list[JobRow]], None]:
    def run(window: Asking, rows: list[JobRow]) -> None:
        more: dict[str, Any] = {"only": only} if only else {}
        sent = [window.session.ask(f"job.{action}", job=row.id, **more) for row in rows]
        window.tell_done(sent, said.format(named(rows)))

    return run


def _delete(window: Asking, rows: list[JobRow]) -> None:
    spent = sum(block.run_time_sum_ms for row in rows for block in row.blocks) / 1000
    if window.confirm(
        tr("Delete {0}?", named(rows)), [row.name for row in rows],
        tr("The jobs and their logs go for good; {0} of computing. Files they wrote stay.", words.duration(spent)),
        tr("Delete {0}", words.plural(len(rows), 'job')),
    ):  # fmt: skip
        window.tell_done(jobs.delete(window.session, ids=_ids(rows)), tr("Deleted {0}.", named(rows)))


def _priority(window: Asking, rows: list[JobRow]) -> None:
    value = window.ask_number(tr("Priority of {0}", named(rows)), tr("The higher, the sooner"), rows[0].priority, 0,
                              255)
    if value is not None:
        pending = jobs.set_parameters(window.session, ids=_ids(rows), parameters={"priority": value})
        window.tell_done(pending, tr("Priority of {0} is {1}.", named(rows), value))


def _move(where: str, said: str) -> Callable[[Asking, list[JobRow]], None]:
    return lambda window, rows: window.tell_done(
        window.session.ask("job.move", ids=_ids(rows), where=where), said.format(named(rows))
    )


def _give(name: str, title: str, label: str, options: Callable[[Asking], list[str]]) -> Callable[[Asking, list[JobRow]], None]:  # noqa: E501
    def run(window: Asking, rows: list[JobRow]) -> None:
        present = rows[0].user if name == "user_name" else rows[0].branch
        found = window.ask_form(
            tr("{0} of {1}", title, named(rows)), "", [FormField(name, label, "choice", present,
                                                                 tuple(options(window)))], tr("Set")
        )
        if found is not None:
            pending = jobs.set_parameters(window.session, ids=_ids(rows), parameters=found)
            window.tell_done(pending, tr("{0} of {1} is {2}.", label, named(rows), found[name]))

    return run


def _copy(window: Asking, rows: list[JobRow]) -> None:
    window.copy_text("\n".join(
        f"{row.id}\t{row.name}\t{row.user}\t{row.state}\t{row.percent} %" for row in rows
    ))  # fmt: skip


def _link(window: Asking, rows: list[JobRow]) -> None:
    window.copy_text("\n".join(f"afwatch://{window.session.state.server}/job/{row.id}" for row in rows))


def _has(state: TaskState, sentence: str) -> Callable[[list[JobRow]], str]:
    return lambda rows: "" if any(row.counts[state] for row in rows) else sentence


def _unfinished(rows: list[JobRow]) -> str:
    return tr("Finished already.") if all(row.state == "done" for row in rows) else ""


def _users(window: Asking) -> list[str]:
    return sorted(row.name for row in window.session.state.users.values())


def _branches(window: Asking) -> list[str]:
    return sorted(row.path for row in window.session.state.branches.values())


JOB_ACTIONS: tuple[Action, ...] = (
    Action("open", tr("Open tasks"), "jobs", "Return", "", lambda window, rows: window.open_row(rows[0]),
           section="look",
           one=True),
    Action("why", tr("Why not running"), "why", "Ctrl+Y", "", lambda window, rows: window.show_why(), _unfinished,
           section="look", one=True),
    Action("output", tr("Output"), "output", "Ctrl+O", "", lambda window, rows: window.show_output(), section="look",
           one=True),
    Action("pause", tr("Pause"), "pause", "Ctrl+P", "job.pause", _pause,
           lambda rows: "" if any(not row.offline for row in rows) else tr("Paused already."), in_header=True),
    Action("start", tr("Start"), "play", "Ctrl+Shift+P", "job.start", _start,
           lambda rows: "" if any(row.offline for row in rows) else tr("Not paused."), in_header=True),
    Action("retry", tr("Retry errors"), "retry", "Ctrl+E", "job.restart", _retry,
           _has(TaskState.ERROR, tr("No task has failed.")), in_header=True),
    Action("restart", tr("Restart…"), "restart", "Ctrl+R", "job.restart", _restart, in_header=True),
    Action("restart-some", tr("Restart some…"), "restart", "Ctrl+Alt+R", "job.restart", _restart_some),
    Action("skip", tr("Skip the rest"), "skip", "Ctrl+J", "job.skip", _tasks("skip",
                                                                             tr("Skipped what was left of {}.")),
           _unfinished, in_header=True),
    Action("done", tr("Set done"), "done", "Ctrl+Shift+J", "job.done", _tasks("done", tr("Set {} done.")), _unfinished),
    Action("suspend", tr("Suspend tasks"), "suspended", "Ctrl+U", "job.suspend", _tasks("suspend", tr("Suspended {}.")),
           _unfinished),
    Action("continue", tr("Continue tasks"), "continue", "Ctrl+Shift+U", "job.continue",
           _tasks("continue", tr("{} goes on.")), _has(TaskState.SUSPENDED, tr("Nothing of it is suspended."))),
    Action("forget-hosts", tr("Forget failed hosts"), "retry", "Ctrl+Shift+E", "job.reset-error-hosts",
           _tasks("reset-error-hosts", tr("Forgot which hosts failed {}.")),
           lambda rows: "" if any(block.avoided_hosts for row in rows for block in row.blocks) else
           tr("No host is avoided.")),
    Action("stop", tr("Stop…"), "stop", "Ctrl+Shift+S", "job.stop", _stop,
           _has(TaskState.RUNNING, tr("Nothing of it runs.")), danger=True),
    Action("priority", tr("Priority…"), "priority", "Ctrl+Shift+Y", "job.set", _priority, section="order"),
    Action("parameters", tr("Parameters"), "edit", "F2", "job.set", lambda window, rows: window.edit_parameters(),
           section="order"),
    Action("top", tr("Move to the top"), "priority", "Alt+Home", "job.move", _move("top", tr("{} is first in line.")),
           section="order"),
    Action("up", tr("Move up"), "chevron-up", "Alt+Up", "job.move", _move("up", tr("{} moved up.")), section="order"),
    Action("down", tr("Move down"), "chevron-down", "Alt+Down", "job.move", _move("down", tr("{} moved down.")),
           section="order"),
    Action("bottom", tr("Move to the bottom"), "chevron-down", "Alt+End", "job.move",
           _move("bottom", tr("{} is last in line.")), section="order"),
    Action("usual", tr("Forget what is tried next"), "undo", "Ctrl+Shift+N", "job.reset-try-next",
           _tasks("reset-try-next", tr("{} offers its tasks in their usual order.")),
           lambda rows: "" if any(row.try_next for row in rows) else tr("Nothing is tried next."), section="order"),
    Action("owner", tr("Owner…"), "user", "Ctrl+Shift+O", "job.set", _give("user_name", tr("Owner"), tr("Owner"),
                                                                           _users),
           section="order"),
    Action("branch", tr("Branch…"), "branch", "Ctrl+Shift+B", "job.set", _give("branch", tr("Branch"), tr("Branch"),
                                                                               _branches),
           section="order"),
    Action("hear", tr("Tell me when done, or not"), "bell", "Ctrl+Shift+M", "",
           lambda window, rows: window.hear_about(rows), section="outside"),
    Action("folder", tr("Open the folder of its files"), "folder", FOLDER_KEY, "",
           lambda window, rows: show_job_folder(window, rows[0]), section="outside", one=True),
    Action("copy", tr("Copy as text"), "copy", "Ctrl+Shift+C", "", _copy, section="outside"),
    Action("link", tr("Copy link"), "copy", "Ctrl+L", "", _link, section="outside"),
    Action("delete", tr("Delete…"), "delete", "Del", "job.delete", _delete, section="last", danger=True),
)  # fmt: skip
"""What can be done to jobs."""
