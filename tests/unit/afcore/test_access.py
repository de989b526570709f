"""Who may do what: every command has its line, and the line holds."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from afcore import commands
from afcore.commands import (
    ChangeTasks,
    DeleteJobs,
    MeasureRender,
    PauseJobs,
    RegisterRender,
    ReportRun,
    SetJobs,
    SetPools,
    SetRenders,
    SetUsers,
    Solve,
    SubmitJob,
    Tick,
)
from afcore.core import RULES
from afcore.envelope import SYSTEM_PRINCIPAL, Principal
from afcore.errors import NotAllowed
from afcore.rules.access import ACCESS, check
from afcore.states import Role, RunStatus
from tests.unit.afcore.plays import FarmPlay, job

ANNA = Principal("anna", Role.USER)
BEN = Principal("ben", Role.USER)
EVE = Principal("eve", Role.VISOR)
GOD = Principal("root", Role.GOD)
NODE = Principal("host1", Role.NODE, "127.0.0.1", 1)
NOBODY = Principal("", Role.NOBODY)


def test_every_command_has_a_rule_and_a_line_in_the_table() -> None:
    kinds = set(get_args(commands.Command))
    assert set(RULES) == kinds
    assert set(ACCESS) == kinds
    assert {access.owner for access in ACCESS.values()} <= {"own", "any", "farm"}


@pytest.mark.parametrize(
    ("who", "command", "allowed"),
    [
        (ANNA, PauseJobs([2]), True),
        (BEN, PauseJobs([2]), False),
        (EVE, PauseJobs([2]), True),
        (GOD, DeleteJobs([2]), True),
        (NODE, PauseJobs([2]), False),
        (NOBODY, PauseJobs([2]), False),
        (ANNA, PauseJobs([77]), True),
        (BEN, ChangeTasks(2, "skip"), False),
        (ANNA, SubmitJob(job(user="anna")), True),
        (BEN, SubmitJob(job(user="anna")), False),
        (BEN, SubmitJob(job(user="")), True),
        (ANNA, SetUsers(["anna"], {"priority": 1}), True),
        (ANNA, SetUsers(["ben"], {"priority": 1}), False),
        (ANNA, SetPools(["/"], {"priority": 1}), False),
        (EVE, SetPools(["/"], {"priority": 1}), False),
        (GOD, SetPools(["/"], {"priority": 1}), True),
        (ANNA, SetRenders(["host1"], {"nimby": True}), True),
        (BEN, SetRenders(["host1"], {"nimby": True}), False),
        (NODE, SetRenders(["host1"], {"nimby": True, "NIMBY": False}), True),
        (NODE, SetRenders(["host2"], {"nimby": True}), False),
        (NODE, SetRenders(["host1", "host2"], {"nimby": True}), False),
        (NODE, SetRenders(["host1"], {"priority": 3}), False),
        (NODE, MeasureRender(1, 1), True),
        (NODE, MeasureRender(2, 1), False),
        (NODE, ReportRun(1, 2, 0, 0, 1, RunStatus.SUCCESS), True),
        (NODE, ReportRun(2, 2, 0, 0, 1, RunStatus.SUCCESS), False),
        (NODE, RegisterRender("host9", 4), True),
        (GOD, ReportRun(1, 2, 0, 0, 1, RunStatus.SUCCESS), False),
        (GOD, RegisterRender("host9", 4), False),
        (GOD, Tick(), False),
        (NODE, Solve(), False),
        (SYSTEM_PRINCIPAL, Tick(), True),
        (SYSTEM_PRINCIPAL, PauseJobs([2]), True),
    ],
)
def test_the_table_holds(farm: FarmPlay, who: Principal, command: Any, allowed: bool) -> None:
    farm.submit(job(user="anna"))
    farm.register("host1", user_name="anna")
    if allowed:
        check(who, command, farm.core.farm)
    else:
        with pytest.raises(NotAllowed):
            check(who, command, farm.core.farm)


@pytest.mark.parametrize(
    ("who", "command", "allowed"),
    [
        # The computer he sits at, as the server knows it.
        (Principal("ben", Role.USER, seats=("host1",)), SetRenders(["host1"], {"nimby": True}), True),
        (Principal("ben", Role.USER, seats=("host2",)), SetRenders(["host1"], {"nimby": True}), False),
        (EVE, SetRenders(["host1"], {"nimby": True}), False),
        (EVE, SetUsers(["anna"], {"priority": 1}), False),
        # Giving things away takes more than owning them.
        (ANNA, SetJobs([2], {"user_name": "ben"}), False),
        (EVE, SetJobs([2], {"user_name": "ben"}), True),
        (ANNA, SetRenders(["host1"], {"user_name": "ben"}), False),
        (GOD, SetRenders(["host1"], {"user_name": "ben"}), True),
        # A token that is narrowed.
        (Principal("root", Role.GOD, scope="read"), PauseJobs([2]), False),
        (Principal("root", Role.GOD, scope="submit"), PauseJobs([2]), False),
        (Principal("root", Role.GOD, scope="submit"), SubmitJob(job(user="anna")), True),
        (Principal("anna", Role.USER, scope="submit"), SubmitJob(job(user="ben")), False),
        (Principal("anna", Role.USER, scope="user"), PauseJobs([2]), True),
    ],
)
def test_seats_owners_and_scopes(farm: FarmPlay, who: Principal, command: Any, allowed: bool) -> None:
    test_the_table_holds(farm, who, command, allowed)


def test_a_refusal_names_who_and_what(farm: FarmPlay) -> None:
    shot = farm.submit(job(user="anna"))
    with pytest.raises(NotAllowed, match='"ben" may not do DeleteJobs on what belongs to "anna"'):
        farm.do(DeleteJobs([shot.id]), BEN)
    assert farm.core.farm.jobs


def test_a_command_without_a_line_is_nobodys(farm: FarmPlay) -> None:
    with pytest.raises(NotAllowed, match="only the server itself"):
        check(GOD, object(), farm.core.farm)  # type: ignore[arg-type]
