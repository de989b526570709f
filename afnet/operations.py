"""What an operation is, and short ways to write down those of each kind.

Rules of this file:
- It is data: no transport, no server, no command line; ``afnet.registry`` holds the operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from afcore.states import Role
from afnet.arguments import Argument, bind

__all__ = ["Operation", "command", "query", "server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: what it is called, what it takes, and who may do it."""

    name: str
    """Dotted: ``job.restart`` is ``afcmd job restart`` and ``POST /api/op/job.restart``."""
    kind: Literal["command", "query", "view", "server"]
    """``command`` changes the farm, ``query`` reads it, ``view`` is made of queries by the program that shows it, and
    ``server`` is done by the server itself: it reads files of its own."""
    help: str
    role: Role
    """The least role that may use it."""
    owner: Literal["own", "any", "farm"]
    """``own``: a USER only on what is theirs; ``any``: on anything; ``farm``: it is about the farm as a whole."""
    durable: bool
    """Its answer waits until it is committed."""
    undoable: bool
    """Its events carry the old values, so that a later command can bring them back."""
    audited: bool
    """Who did it, when and from where is kept."""
    arguments: tuple[Argument, ...] = ()
    command: type | None = None
    """The command of ``afcore.commands`` that the core applies; None for all others."""
    build: Callable[[dict[str, Any]], Any] | None = None
    """Makes the command from bound arguments, where it is more than ``command(**arguments)``."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words a person types: ``("job", "restart")``."""
        return tuple(self.name.split("."))

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return checked arguments; BadSpec with every problem at once."""
        return bind(self.arguments, given, operation=" ".join(self.words))

    def make_command(self, given: Mapping[str, Any]) -> Any:
        """Return the command for the arguments of a caller; BadSpec with every problem at once."""
        if self.command is None:
            raise TypeError(f"{self.name} is a {self.kind}, it has no command")
        bound = self.bind(given)
        return self.command(**bound) if self.build is None else self.build(bound)


def command(
    name: str,
    help: str,
    command: type,
    *arguments: Argument,
    owner: Literal["own", "any", "farm"] = "own",
    role: Role = Role.USER,
    undoable: bool = True,
    build: Callable[[dict[str, Any]], Any] | None = None,
) -> Operation:
    """Return an operation that changes the farm."""
    return Operation(
        name=name, kind="command", help=help, command=command, arguments=arguments, owner=owner, role=role,
        durable=True, undoable=undoable, audited=True, build=build,
    )  # fmt: skip


def query(
    name: str,
    help: str,
    *arguments: Argument,
    kind: Literal["query", "view"] = "query",
    role: Role = Role.USER,
    owner: Literal["any", "farm"] = "any",
) -> Operation:
    """Return an operation that reads the farm, or one that the program makes that shows it."""
    return Operation(
        name=name, kind=kind, help=help, arguments=arguments, owner=owner, role=role,
        durable=False, undoable=False, audited=False,
    )  # fmt: skip


def server(
    name: str,
    help: str,
    *arguments: Argument,
    role: Role = Role.GOD,
    owner: Literal["own", "any", "farm"] = "farm",
    audited: bool = True,
) -> Operation:
    """Return an operation that the server does itself."""
    return Operation(
        name=name, kind="server", help=help, arguments=arguments, owner=owner, role=role,
        durable=False, undoable=False, audited=audited,
    )  # fmt: skip
