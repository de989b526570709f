"""The table of operations: complete, in agreement with the core's own table of roles, and strict about arguments."""

import typing

import pytest

from afcore import commands
from afcore.errors import BadSpec, NotFound
from afcore.rules.access import ACCESS
from afcore.states import Role
from afnet.registry import OPERATIONS, find_operation

BY_CORE_OR_AGENTS = {
    commands.RegisterRender,
    commands.LoseRender,
    commands.DeregisterRender,
    commands.ReportRun,
    commands.MeasureRender,
    commands.FailInstruction,
    commands.Tick,
    commands.Solve,
    commands.AcceptRestart,
}
"""Commands that no client sends: agents have messages for theirs, the server acts by itself."""

FOR_NOBODY = {"session.login", "session.show"}
"""What somebody may ask whom the farm does not know."""


def test_every_command_of_a_client_has_an_operation() -> None:
    sent = set(typing.get_args(commands.Command)) - BY_CORE_OR_AGENTS
    assert {operation.command for operation in OPERATIONS.values() if operation.command} == sent


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_entry_says_who_may_and_what_is_kept(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.name == name and len(operation.words) == 2
    assert operation.help.endswith(".")
    nobody = name in FOR_NOBODY
    assert operation.role is Role.NOBODY if nobody else Role.USER <= operation.role <= Role.GOD
    assert operation.owner in ("own", "any", "farm")
    assert (operation.kind == "command") == (operation.command is not None)
    assert operation.durable == (operation.kind == "command")
    looks = name.endswith((".list", ".show")) or name.startswith("past.")
    changes = operation.kind in ("command", "server") and not looks
    assert operation.audited == changes
    assert not operation.undoable or operation.durable
    names = [argument.name for argument in operation.arguments]
    assert len(names) == len(set(names))
    assert all(argument.help.endswith(".") for argument in operation.arguments)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.command])
def test_entries_agree_with_the_access_rule_of_the_core(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.command is not None
    access = ACCESS[operation.command]
    assert (operation.role, operation.owner) == (access.role, access.owner)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("job.restart", {"ids": "2,5-7"}, commands.RestartJobs(ids=[2, 5, 6, 7])),
        ("job.restart", {"ids": [3], "only": "error", "pause": True}, commands.RestartJobs([3], "error", True)),
        ("job.skip", {"job": 4}, commands.ChangeTasks(job=4, action="skip")),
        (
            "task.restart",
            {"job": 4, "block": 1, "tasks": "0-9,12"},
            commands.ChangeTasks(job=4, action="restart", blocks=[1], tasks=[(0, 9), (12, 12)]),
        ),
        (
            "task.done",
            {"job": 4, "block": 1, "tasks": [[0, 2], 5]},
            commands.ChangeTasks(job=4, action="done", blocks=[1], tasks=[(0, 2), (5, 5)]),
        ),
        (
            "pool.set",
            {"paths": ["/"], "parameters": {"capacity_host": 5}},
            commands.SetPools(["/"], {"capacity_host": 5}),
        ),
    ],
)
def test_arguments_become_the_command(name: str, given: dict[str, object], expected: object) -> None:
    assert OPERATIONS[name].make_command(given) == expected


def test_a_job_becomes_a_spec_or_all_its_problems() -> None:
    command = OPERATIONS["job.submit"].make_command({"job": {"name": "x", "blocks": []}})
    assert command.spec.name == "x"
    with pytest.raises(BadSpec) as caught:
        OPERATIONS["job.submit"].make_command({"job": {"nane": "x", "priority": "high"}})
    assert {problem.path for problem in caught.value.problems} == {"nane", "priority"}


@pytest.mark.parametrize(
    ("name", "given", "paths"),
    [
        ("job.restart", {}, {"ids"}),
        ("job.restart", {"ids": "2-x"}, {"ids"}),
        ("job.restart", {"ids": "9-2"}, {"ids"}),
        ("job.restart", {"ids": []}, {"ids"}),
        ("job.restart", {"ids": [True]}, {"ids"}),
        ("job.restart", {"id": 3, "ids": [3]}, {"id"}),
        ("job.restart", {"ids": [3], "only": "eror", "pause": "yes"}, {"only", "pause"}),
        ("task.list", {"job": 0, "block": -1, "limit": 5000}, {"job", "block", "limit"}),
        ("pool.set", {"paths": "/", "parameters": [1]}, {"parameters"}),
        ("task.restart", {"job": 4, "block": 1, "tasks": [[5, 2]]}, {"tasks"}),
    ],
)
def test_wrong_arguments_are_all_told_at_once(name: str, given: dict[str, object], paths: set[str]) -> None:
    with pytest.raises(BadSpec) as caught:
        OPERATIONS[name].bind(given)
    assert {problem.path for problem in caught.value.problems} == paths
    assert caught.value.code == "bad_arguments"


def test_a_misspelt_operation_and_argument_say_what_was_meant() -> None:
    with pytest.raises(NotFound, match="job.restart"):
        find_operation("job.restrat")
    with pytest.raises(BadSpec, match='did you mean "only"'):
        OPERATIONS["job.restart"].bind({"ids": [1], "onyl": "error"})
