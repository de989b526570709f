"""What can be done to users and branches."""

from __future__ import annotations

from collections.abc import Callable

from afcore.rows import BranchRow, UserRow
from afwatch import words
from afwatch.actions import Action, Asking, FormField, named
from afwatch.texts import tr

__all__ = ["BRANCH_ACTIONS", "USER_ACTIONS"]


def _user_names(rows: list[UserRow]) -> list[str]:
    return [row.name for row in rows]


def _user_priority(window: Asking, rows: list[UserRow]) -> None:
    value = window.ask_number(tr("Priority of {0}", named(rows, 'user')), tr("The higher, the sooner"),
                              rows[0].priority, 0, 255)
    if value is not None:
        pending = window.session.ask("user.set", names=_user_names(rows), parameters={"priority": value})
        window.tell_done(pending, tr("Priority of {0} is {1}.", named(rows, 'user'), value))


def _add_user(window: Asking, rows: list[UserRow]) -> None:
    found = window.ask_form(tr("A new user"), tr("Users are made by their first job as well."), [FormField("name",
                                                                                                           tr("Name"))],
                            tr("Add"))  # fmt: skip
    if found is not None:
        window.tell_done(window.session.ask("user.add", name=found["name"]), tr("Added {0}.", found['name']))


def _delete_users(window: Asking, rows: list[UserRow]) -> None:
    if window.confirm(
        tr("Remove {0}?", named(rows, 'user')), _user_names(rows),
        tr("Their settings are lost; their next job makes them anew."),
        tr("Remove {0}", words.plural(len(rows), 'user')), typed=rows[0].name if len(rows) == 1 else str(len(rows)),
    ):  # fmt: skip
        pending = window.session.ask("user.delete", names=_user_names(rows))
        window.tell_done(pending, tr("Removed {0}.", named(rows, 'user')))


USER_ACTIONS: tuple[Action, ...] = (
    Action("user-parameters", tr("Parameters"), "edit", "F2", "user.set", lambda window, rows: window.edit_parameters(),
           kind="user", section="order", in_header=True),
    Action("user-priority", tr("Priority…"), "priority", "Ctrl+Shift+Y", "user.set", _user_priority, kind="user",
           section="order", in_header=True),
    Action("user-add", tr("New user…"), "user", "Ctrl+Shift+A", "user.add", _add_user, kind="user", section="order"),
    Action("user-copy", tr("Copy as text"), "copy", "Ctrl+Shift+C", "",
           lambda window, rows: window.copy_text("\n".join(_user_names(rows))), kind="user", section="outside"),
    Action("user-delete", tr("Remove…"), "delete", "Del", "user.delete", _delete_users,
           lambda rows: tr("Has jobs; delete them, or give them away.") if any(row.jobs for row in rows) else "",
           "user",
           "last", danger=True),
)  # fmt: skip
"""What can be done to users."""


def _set_branch(paused: bool, said: str) -> Callable[[Asking, list[BranchRow]], None]:
    return lambda window, rows: window.tell_done(
        window.session.ask("branch.set", paths=[row.path for row in rows], parameters={"paused": paused}),
        said.format(named(rows, "branch")),
    )


def _branch_priority(window: Asking, rows: list[BranchRow]) -> None:
    value = window.ask_number(tr("Priority of {0}", named(rows, 'branch')), tr("The higher, the sooner"), rows[0].priority, 0, 255)  # noqa: E501
    if value is not None:
        paths = [row.path for row in rows]
        pending = window.session.ask("branch.set", paths=paths, parameters={"priority": value})
        window.tell_done(pending, tr("Priority of {0} is {1}.", named(rows, 'branch'), value))


def _delete_branches(window: Asking, rows: list[BranchRow]) -> None:
    paths = [row.path for row in rows]
    if window.confirm(
        tr("Delete {0}?", named(rows, 'branch')), paths, tr("Its settings are lost; it must have no jobs."),
        tr("Delete {0}", words.plural(len(rows), 'branch', 'branches')),
    ):  # fmt: skip
        window.tell_done(window.session.ask("branch.delete", paths=paths), tr("Deleted {0}.", named(rows, 'branch')))


BRANCH_ACTIONS: tuple[Action, ...] = (
    Action("branch-pause", tr("Pause branch"), "pause", "Ctrl+P", "branch.set", _set_branch(True,
                                                                                            tr("{} starts nothing.")),
           lambda rows: tr("Paused already.") if all(row.paused for row in rows) else "", "branch"),
    Action("branch-start", tr("Start branch"), "play", "Ctrl+Shift+P", "branch.set", _set_branch(False,
                                                                                                 tr("{} goes on.")),
           lambda rows: "" if any(row.paused for row in rows) else tr("Not paused."), "branch"),
    Action("branch-priority", tr("Priority…"), "priority", "Ctrl+Shift+Y", "branch.set", _branch_priority,
           kind="branch",
           section="order"),
    Action("branch-parameters", tr("Parameters"), "edit", "F2", "branch.set",
           lambda window, rows: window.edit_parameters(), kind="branch", section="order"),
    Action("branch-delete", tr("Delete branch…"), "delete", "Del", "branch.delete", _delete_branches,
           lambda rows: tr("The root branch stays.") if any(row.path == "/" for row in rows) else
           tr("It has jobs; move or delete them first.") if any(row.jobs for row in rows) else "", "branch", "last",
           danger=True),
)  # fmt: skip
"""What can be done to branches."""
