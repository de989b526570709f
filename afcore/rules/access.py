"""Who may do what: one rule, asked for every command before anything else.

Rules of this file:
- Deny by default: a command that is not in ``ACCESS`` is nobody's.
- A role includes the smaller ones, but NODE and SYSTEM stand apart: a node may speak of itself and its own runs only,
  the system may do everything.
- The system job is GOD's alone.
- Owner rules: ``own`` (USER: only what is theirs; VISOR and above: anybody's), ``any`` (whoever has the role, whosever
  it is), ``farm`` (it belongs to nobody: GOD alone).
- A render is theirs who are its user, and theirs who sit at its computer.  Of renders, VISOR may no more than USER.
- Giving a thing to somebody else takes more than owning it (``_HANDED_OVER``).
- A token may narrow a role to a scope, never widen it.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from afcore.commands import (
    AcceptRestart,
    AddPool,
    AddUser,
    AppendBlocks,
    AppendTasks,
    ChangePoolServices,
    ChangeRenderServices,
    ChangeTasks,
    Command,
    DeleteBranches,
    DeleteJobs,
    DeletePools,
    DeleteRenders,
    DeleteUsers,
    DeregisterRender,
    DescribeFarm,
    EjectTasks,
    ExitRenders,
    FailInstruction,
    HealRenders,
    LoseRender,
    MeasureRender,
    MoveJobs,
    MoveRenders,
    PauseJobs,
    PowerRenders,
    RegisterRender,
    ReportRun,
    ResetErrorHosts,
    RestartJobs,
    RestoreRenders,
    SetBlocks,
    SetBranches,
    SetJobs,
    SetPools,
    SetRenders,
    SetUsers,
    SleepRenders,
    Solve,
    StartJobs,
    StopJobs,
    SubmitJob,
    Tick,
    TryNext,
    UndoOperation,
    WakeRenders,
)
from afcore.envelope import Principal
from afcore.errors import NotAllowed
from afcore.model.farm import Farm
from afcore.states import Role
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["ACCESS", "SCOPES", "Access", "check"]


SCOPES: dict[str, frozenset[type]] = {
    "read": frozenset(),
    "submit": frozenset({SubmitJob, AppendBlocks, AppendTasks}),
}
"""The commands that a token narrowed to a scope may give; scopes that are roles are narrowed by their role."""


class Access(NamedTuple):
    """Who may give one command."""

    role: Role
    """The least role; NODE and SYSTEM mean exactly these (and SYSTEM everything)."""
    owner: str
    """``own``, ``any`` or ``farm``."""
    owners: Callable[[Farm, Any], Iterable[str]] | None = None
    """Names of the users whose things a command touches; things that are not there have no owner."""


def _of_jobs(farm: Farm, command: Any) -> list[str]:
    return [farm.users[farm.jobs[id].user].name for id in command.ids if id in farm.jobs]


def _of_job(farm: Farm, command: Any) -> list[str]:
    job = farm.jobs.get(command.job)
    return [] if job is None else [farm.users[job.user].name]


def _of_spec(farm: Farm, command: SubmitJob) -> list[str]:
    return [command.spec.user_name] if command.spec.user_name else []


def _of_users(farm: Farm, command: SetUsers) -> list[str]:
    return command.names


def _of_new_user(farm: Farm, command: AddUser) -> list[str]:
    return [command.name]


def _of_renders(farm: Farm, command: Any) -> list[str]:
    ids = (farm.renders_by_name.get(name) for name in command.names)
    return [farm.renders[id].user_name for id in ids if id is not None]


ACCESS: dict[type, Access] = {
    SubmitJob: Access(Role.USER, "own", _of_spec),
    SetJobs: Access(Role.USER, "own", _of_jobs),
    SetBlocks: Access(Role.USER, "own", _of_job),
    PauseJobs: Access(Role.USER, "own", _of_jobs),
    StartJobs: Access(Role.USER, "own", _of_jobs),
    StopJobs: Access(Role.USER, "own", _of_jobs),
    RestartJobs: Access(Role.USER, "own", _of_jobs),
    DeleteJobs: Access(Role.USER, "own", _of_jobs),
    ChangeTasks: Access(Role.USER, "own", _of_job),
    TryNext: Access(Role.USER, "own", _of_job),
    ResetErrorHosts: Access(Role.USER, "own", _of_job),
    MoveJobs: Access(Role.USER, "own", _of_jobs),
    AppendBlocks: Access(Role.USER, "own", _of_job),
    AppendTasks: Access(Role.USER, "own", _of_job),
    AddPool: Access(Role.GOD, "farm"),
    DeletePools: Access(Role.GOD, "farm"),
    DescribeFarm: Access(Role.GOD, "farm"),
    DeleteBranches: Access(Role.GOD, "farm"),
    DeleteUsers: Access(Role.GOD, "farm"),
    MoveRenders: Access(Role.GOD, "farm"),
    ChangePoolServices: Access(Role.GOD, "farm"),
    ChangeRenderServices: Access(Role.USER, "own", _of_renders),
    RestoreRenders: Access(Role.USER, "own", _of_renders),
    HealRenders: Access(Role.USER, "own", _of_renders),
    EjectTasks: Access(Role.USER, "own", _of_renders),
    SleepRenders: Access(Role.USER, "own", _of_renders),
    WakeRenders: Access(Role.USER, "own", _of_renders),
    ExitRenders: Access(Role.USER, "own", _of_renders),
    PowerRenders: Access(Role.GOD, "farm"),
    FailInstruction: Access(Role.NODE, "own"),
    AddUser: Access(Role.USER, "own", _of_new_user),
    SetUsers: Access(Role.USER, "own", _of_users),
    SetPools: Access(Role.GOD, "farm"),
    SetBranches: Access(Role.GOD, "farm"),
    SetRenders: Access(Role.USER, "own", _of_renders),
    DeleteRenders: Access(Role.GOD, "farm"),
    # Asked once more for the command that is taken back.
    UndoOperation: Access(Role.USER, "any"),
    RegisterRender: Access(Role.NODE, "own"),
    LoseRender: Access(Role.NODE, "own"),
    DeregisterRender: Access(Role.NODE, "own"),
    ReportRun: Access(Role.NODE, "own"),
    MeasureRender: Access(Role.NODE, "own"),
    Tick: Access(Role.SYSTEM, "farm"),
    Solve: Access(Role.SYSTEM, "farm"),
    AcceptRestart: Access(Role.SYSTEM, "farm"),
}
"""The role table: one line for every command."""


_HANDED_OVER: dict[type, Role] = {SetJobs: Role.VISOR, SetRenders: Role.GOD}
"""Who may set ``user_name`` of what."""

_FOREIGN: dict[type, Role] = {AddUser: Role.GOD, SetUsers: Role.GOD}
"""Who may do it to what is somebody else's, where VISOR is not enough: people are GOD's."""

_OF_RENDERS = frozenset(command for command, access in ACCESS.items() if access.owners is _of_renders)


def check(principal: Principal, command: Command, farm: Farm) -> None:
    """Return when ``principal`` may give ``command``.  Raises NotAllowed with a sentence when not."""
    if principal.role is Role.SYSTEM:
        return
    access = ACCESS.get(type(command))
    name = type(command).__name__
    who = f'"{principal.name}"' if principal.name else "An unnamed caller"
    if access is None or access.role is Role.SYSTEM:
        raise NotAllowed(f"{who} may not do {name}: only the server itself does.")
    if principal.role is Role.NODE and isinstance(command, SetRenders):
        _check_own_nimby(principal, command, who)
        return
    if access.role is Role.NODE:
        _check_node(principal, command, who, name)
        return
    if principal.role is Role.NODE or principal.role < access.role:
        raise NotAllowed(f"{who} may not do {name}.", hint=f"It takes the role {access.role.name.lower()}.")
    if principal.scope in SCOPES and type(command) not in SCOPES[principal.scope]:
        raise NotAllowed(
            f'{who} may not do {name} with this token: it is for "{principal.scope}" only.',
            hint="`afcmd token create` makes another.",
        )
    needed = _HANDED_OVER.get(type(command))
    if needed is not None and principal.role < needed and "user_name" in getattr(command, "parameters", ()):
        raise NotAllowed(f"{who} may not change the user.", hint=f"It takes the role {needed.name.lower()}.")
    if principal.role < Role.GOD and (SYSTEM_JOB in getattr(command, "ids", ()) or _job_of(command) == SYSTEM_JOB):
        raise NotAllowed(f"{who} may not do {name} on the system job.", hint="It takes the role god.")
    if type(command) in _OF_RENDERS:
        _check_renders(principal, command, farm, who, name)
    elif access.owners is not None and principal.role < _FOREIGN.get(type(command), Role.VISOR):
        for owner in access.owners(farm, command):
            if owner != principal.name:
                raise NotAllowed(
                    f'{who} may not do {name} on what belongs to "{owner}".',
                    hint=f"It takes the role {_FOREIGN.get(type(command), Role.VISOR).name.lower()}.",
                )


def _check_renders(principal: Principal, command: Any, farm: Farm, who: str, name: str) -> None:
    if principal.role >= Role.GOD:
        return
    for asked in command.names:
        id = farm.renders_by_name.get(asked)
        if id is not None and farm.renders[id].user_name != principal.name and asked not in principal.seats:
            raise NotAllowed(
                f'{who} may not do {name} on the render "{asked}": it is registered under another name, '
                "and is not the computer the request comes from.",
                hint="It takes the role god.",
            )


def _job_of(command: Any) -> int:
    job: int = getattr(command, "job", 0)
    return job


def _check_node(principal: Principal, command: Any, who: str, name: str) -> None:
    if principal.role is not Role.NODE:
        raise NotAllowed(f"{who} may not do {name}: only a render does.")
    if isinstance(command, RegisterRender):
        return
    if command.render != principal.render:
        raise NotAllowed(f"{who} may not do {name} for render {command.render}.", hint="A render speaks of itself.")


def _check_own_nimby(principal: Principal, command: SetRenders, who: str) -> None:
    """A render may say whether its person works there, for itself; nothing else about any render."""
    if command.names != [principal.name] or not set(command.parameters) <= {"nimby", "NIMBY"}:
        raise NotAllowed(f"{who} may not do SetRenders but for its own nimby.", hint="A render speaks of itself.")
