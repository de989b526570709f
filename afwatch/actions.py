"""What can be done to what is selected: actions as data, each naming its operation, its key and why it may not be done.

Rules of this file:
- An action that cannot be done is shown disabled with its reason, never hidden.
- What destroys finished work asks first; what can be taken back is done at once and offers Undo.
- Menus, buttons, keys and the palette are made from the same actions; ``afwatch.acts`` holds them, by kind of row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from afcore.rows import BranchRow, JobRow, MonitorRow, PoolRow, RenderRow, UserRow
from afcore.states import Role
from afnet.registry import find_operation
from afwatch import words
from afwatch.ops.pending import Pending
from afwatch.outside import Outside
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.texts import tr

__all__ = [
    "KINDS", "SECTIONS", "Action", "Asking", "FormField", "key_of", "named", "reason_against", "rows_for",
]  # fmt: skip

KINDS: dict[str, type] = {
    "job": JobRow, "render": RenderRow, "user": UserRow, "pool": PoolRow, "branch": BranchRow,
    "monitor": MonitorRow,
}  # fmt: skip
"""The rows of each kind that actions are for."""

SECTIONS = ("look", "run", "order", "outside", "last")
"""Parts of every menu, in order: open and look, run control, order and edit, outside, and what deletes."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One thing to be typed or chosen before an action."""

    name: str
    label: str
    kind: str = "text"
    """``text``, ``integer``, ``flag`` or ``choice``."""
    value: Any = ""
    words: tuple[str, ...] = ()
    """What may be chosen, or completed."""
    least: int = -1
    most: int = 2_147_483_647
    hint: str = ""


class Asking(Protocol):
    """What an action needs of the window it is done in."""

    session: Session

    @property
    def settings(self) -> Settings:
        """What the window remembers."""

    def places_changed(self, key: str) -> None:
        """Places came or went: show them, and go to one."""

    @property
    def offers_agent(self) -> bool:
        """Whether this machine could work for the farm and does not."""

    def start_agent(self) -> None:
        """Let this machine work for the farm."""

    def confirm(self, deed: str, names: Sequence[str], cost: str, button: str, typed: str = "") -> bool:
        """Ask before something that cannot be taken back; ``typed`` is what must be typed to go on."""

    def ask_number(self, title: str, label: str, value: int, least: int, most: int) -> int | None:
        """Ask for a whole number; None when the person thought better of it."""

    def ask_form(self, title: str, text: str, fields: Sequence[FormField], button: str) -> dict[str, Any] | None:
        """Ask for several values by name; None when the person thought better of it."""

    def find_machines(self, path: str) -> list[str]:
        """Let the person look for machines that should belong to a pool; return the names of the chosen ones."""

    def tell_done(self, pending: Pending | Sequence[Pending], sentence: str) -> None:
        """Say what was done as soon as the farm answers, and offer to take it back where that is possible.

        Several operations are one act: told once, and taken back together.
        """

    def tell_reason(self, reason: str) -> None:
        """Say why something cannot be done."""

    def edit_parameters(self) -> None:
        """Show what may be edited of what is selected."""

    def show_why(self) -> None:
        """Show why what is selected does not run."""

    def show_output(self) -> None:
        """Show the output of what is selected."""

    def open_row(self, row: Any) -> None:
        """Open a row, as Enter does."""

    def open_task(self, job: int, block: int, task: int) -> Any:
        """Open the window of a task."""

    def tell_refused(self, error: Any) -> None:
        """Show a refusal with its hint."""

    outside: Outside
    """Programs of this machine that show files."""

    def copy_text(self, text: str) -> None:
        """Put a text on the clipboard and say so."""

    def retry_errors(self) -> None:
        """Retry what failed of the selected jobs."""

    def hear_about(self, rows: list[JobRow]) -> None:
        """Be told when jobs are done or fail, or not any more."""

    def open_submit(self) -> None:
        """Open the dialog that submits a job."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to selected rows."""

    key: str
    title: str
    icon: str
    shortcut: str
    operation: str
    """The registry's name: who may do it, and its help; empty for what only looks."""
    run: Callable[[Asking, list[Any]], None]
    applies: Callable[[list[Any]], str] = lambda rows: ""
    """Why it makes no sense for these rows; empty when it does."""
    kind: str = "job"
    """Kind of the rows it is for."""
    section: str = "run"
    in_header: bool = False
    danger: bool = False
    one: bool = False
    """It is for one row alone."""


def rows_for(action: Action, rows: Iterable[Any]) -> list[Any]:
    """Return those of the selected rows that an action is for."""
    wanted = KINDS.get(action.kind)
    return list(rows) if wanted is None else [row for row in rows if isinstance(row, wanted)]


def reason_against(action: Action, session: Session, rows: list[Any]) -> str:
    """Return why an action cannot be done to these rows now; empty when it can."""
    rows = rows_for(action, rows)
    if not rows:
        return tr("Nothing is selected.")
    if action.one and len(rows) > 1:
        return tr("Select one alone.")
    if not action.operation:
        return action.applies(rows)
    if not session.state.connected:
        return tr("There is no connection to the farm.")
    if session.past is not None:
        return tr("This is the farm as it was: Escape leads back to now.")
    operation = find_operation(action.operation)
    if session.mode < operation.role:
        return tr("This is for {0} mode.", operation.role.name)
    if operation.owner == "own" and session.mode < Role.VISOR:
        others = sorted({owner for owner in map(_owner, rows) if owner not in (None, session.user)})
        if others:
            return tr("Belongs to {0}; in USER mode you change what is yours.", others[0])
    return action.applies(rows)


def _owner(row: Any) -> Any:
    return row.name if isinstance(row, UserRow) else getattr(row, "user", None)


def key_of(row: Any) -> Any:
    """Return what an operation calls a row: a job's id, a render's or user's name, a path."""
    if isinstance(row, JobRow):
        return row.id
    return row.path if isinstance(row, PoolRow | BranchRow) else row.name


def named(rows: Sequence[Any], noun: str = "job") -> str:
    """Return the name of the only row, else how many there are."""
    if len(rows) == 1:
        row = rows[0]
        return str(getattr(row, "name", "") or getattr(row, "path", ""))
    return words.plural(len(rows), noun, "branches" if noun == "branch" else "")
