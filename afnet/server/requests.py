"""One way for every request: name and arguments of an operation in, a reply or a refusal out.

Rules of this file:
- HTTP, native protocol and classic dialect all come through here; none of them knows a command by itself.
- A command goes to the runner and is answered when it is durable; a query reads the farm and is answered now.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from afcore.commands import SubmitJob
from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, NotAllowed, NotFound, Rejected, StoreError
from afcore.jobcheck import read_job
from afcore.rules.access import SCOPES
from afcore.states import Role
from afcore.systemcommand import SYSTEM_JOB
from afnet.operations import Operation
from afnet.registry import find_operation
from afnet.server.budgets import RequestBudget
from afnet.server.people import SIGN_IN
from afnet.server.queries import Queries
from afnet.server.runner import Answer, Runner

__all__ = ["Requests", "describe_error", "without_system"]

NODE_OPERATIONS = frozenset({"render.set"})
"""What an agent asks for the person at its desk: nimby. The rule of access lets it say no more, and of itself alone."""


_OF_NARROW_TOKENS = frozenset({"session.login", "token.revoke"})
"""What the server itself does and audits for a token that only looks or submits: it may be given up."""

_log = logging.getLogger(__name__)


class Requests:
    """Does operations of the registry for callers."""

    def __init__(self, runner: Runner, queries: Queries, *, services: Collection[str]) -> None:
        """``services`` are the names that a submitted block may have."""
        self._runner = runner
        self._queries = queries
        self._services = services
        self.own: dict[str, Callable[[dict[str, Any], Principal, Answer], None]] = {}
        """What the server does itself, by the name of the operation."""
        self.budget: RequestBudget | None = None
        """How many requests one peer may make; None without limit."""
        self.seats: Callable[[str], tuple[str, ...]] = lambda origin: ()
        """Names of the renders at an address."""

    def offer(self, services: Collection[str]) -> None:
        """Let these be the names of services that a submitted block may have."""
        self._services = services

    def do(
        self, name: str, arguments: dict[str, Any], principal: Principal, answer: Answer, *, initiator: str = ""
    ) -> None:
        """Do an operation; ``answer`` is called once, now or later."""
        try:
            if self.budget is not None:
                self.budget.take(principal.origin)
            operation = find_operation(name)
            if principal.role is Role.NOBODY and operation.role is not Role.NOBODY:
                raise NotAllowed(
                    "The farm does not know who you are.", hint="Sign in with `afcmd login`.", code=SIGN_IN
                )
            of_node = principal.role is Role.NODE and name in NODE_OPERATIONS
            if not of_node and (principal.role < operation.role or principal.role > Role.GOD):
                raise NotAllowed(
                    f"{principal.name or 'Nobody'} may not use {name}.",
                    hint=f"It takes the role {operation.role.name.lower()}; ask who runs the farm.",
                )
            _check_scope(operation, principal)
            if operation.kind == "command":
                if operation.command is SubmitJob:
                    command = self._read_job(operation.bind(arguments)["job"], principal)
                else:
                    command = operation.make_command(arguments)
                self.post(command, principal, answer, initiator=initiator, action=name)
            elif operation.kind == "query":
                bound = operation.bind(arguments)
                if principal.role < Role.GOD:
                    answer = without_system(name, bound, answer)
                self._query(name, bound, self._with_warning(answer))
            elif operation.kind == "server":
                self.own[name](operation.bind(arguments), principal, answer)
            else:
                raise Rejected(f"{name} is shown by afcmd itself.", hint="It subscribes to what it shows.", code="view")
        except Rejected as error:
            answer(None, error)
        except Exception:  # noqa: BLE001 - what one caller sends must not end more than its own request
            _log.exception("%s failed", name[:64])
            answer(None, Rejected("The server made a mistake.", hint="Its log says more.", code="bug"))

    def _query(self, name: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Answer a query; one about what is kept waits for what screens already show, else it would know less."""
        if name in self._queries.kept and self._runner.away is None:
            self._runner.after_commit(lambda: self._queries.answer(name, arguments, answer))
        else:
            self._queries.answer(name, arguments, answer)

    def _with_warning(self, answer: Answer) -> Answer:
        """Return what answers with a warning added while nothing new starts: everybody who asks is told."""
        away, warning = self._runner.away, ""
        if away is not None:
            warning = f"{away.sentence}; until it is back nothing new starts."
        elif self._runner.solving_paused:
            warning = f"{self._runner.solving_paused}. `afcmd server resume` lets it go on."
        if not warning:
            return answer

        def warn(reply: Any, error: AfError | None) -> None:
            if isinstance(reply, dict):
                reply = {**reply, "warning": warning}
            answer(reply, error)

        return warn

    def _read_job(self, job: dict[str, Any], principal: Principal) -> SubmitJob:
        """Return the command for a submitted job; BadSpec with every problem of keys, types and meaning."""
        if not job.get("user_name"):
            job = {**job, "user_name": principal.name}
        return SubmitJob(read_job(job, services=self._services))

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` when everything that was done so far is durable and its consequences are sent."""
        self._runner.after_commit(function)

    def post(
        self, command: Any, principal: Principal, answer: Answer, *, initiator: str = "", action: str = ""
    ) -> None:
        """Give a command to the farm as an operation of its own; ``action`` is its name in the audit."""
        if principal.role < Role.GOD:
            principal = msgspec.structs.replace(principal, seats=self.seats(principal.origin))
        operation = self._runner.next_operation()
        self._runner.post(command, principal, answer, operation=operation, initiator=initiator, action=action)


def _check_scope(operation: Operation, principal: Principal) -> None:
    """Raise NotAllowed for what a token that only looks or submits does not reach."""
    if principal.scope not in SCOPES or operation.role is Role.NOBODY:
        return
    if operation.command is not None:
        changes = operation.command not in SCOPES[principal.scope]
    else:
        changes = operation.kind == "server" and operation.audited and operation.name not in _OF_NARROW_TOKENS
    looks_further = principal.scope == "submit" and operation.role > Role.USER
    if changes or looks_further:
        raise NotAllowed(
            f'{principal.name} may not use {operation.name} with this token: it is for "{principal.scope}" only.',
            hint="`afcmd token create` makes another.",
        )


def without_system(name: str, arguments: dict[str, Any], answer: Answer) -> Answer:
    """Return what answers without the system job.  Raises NotFound when it is asked for by its number."""
    if arguments.get("job") == SYSTEM_JOB and not name.startswith("history."):
        raise NotFound(f"There is no job {SYSTEM_JOB}.", hint="The system job is shown to administrators.")

    def without(reply: Any, error: AfError | None) -> None:
        if isinstance(reply, dict) and isinstance(reply.get("rows"), list) and name in ("job.list", "run.list"):
            key = "id" if name == "job.list" else "job"
            reply = {**reply, "rows": [row for row in reply["rows"] if row.get(key) != SYSTEM_JOB]}
        answer(reply, error)

    return without


def describe_error(error: AfError) -> dict[str, Any]:
    """Return an error as programs read it: code, sentence, hint and every problem."""
    code = error.code if isinstance(error, Rejected) else "unavailable" if isinstance(error, StoreError) else "error"
    problems = error.problems if isinstance(error, BadSpec) else []
    return {
        "code": code,
        "sentence": error.sentence,
        "hint": error.hint,
        "problems": [{"path": each.path, "what": each.what, "hint": each.hint} for each in problems],
    }
