"""Whoever speaks to the farm can stop nobody else's work: no message of a caller breaks the core, whatever is in it.

Rules of this file:
- A rule that breaks stops the server, so every command that a caller can give is given here with values near what is
  right and far from it, and every fact that comes of it is written as the journal would.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.commands import ProgressReading
from afcore.envelope import Envelope, Principal
from afcore.errors import Rejected
from afcore.ids import RunKey
from afcore.invariants import check
from afcore.rules.parameters import BLOCK, BRANCH, JOB, POOL, RENDER, USER
from afcore.states import Role
from afnet.registry import OPERATIONS
from afnet.server.auditing import Auditor
from afnet.server.heard import heard_progress, heard_reading, heard_register, heard_report
from afnet.wire.messages import Register, Report
from tests.unit.afcore.plays import FarmPlay, block, job

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.sampled_from([0, 1, -1, 2**31, 2**53])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "/", "anna", "host1", "frames", "shot", ".*", "generic", "x" * 600]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MEASURES = st.dictionaries(
    st.sampled_from([
        "cpu_num", "cpu_idle", "cpu_loadavg", "mem_total_mb", "mem_free_mb", "hdd_free_gb", "hdd_busy", "swap_used_mb",
        "swap_total_mb", "net_recv_kbsec", "net_send_kbsec", "gpus", "custom", "tasks", "old", "overload",
        "gpu_string", "logged_in_users", "gpu_gpu_util", "hw_info",
    ])
    | TEXTS,
    VALUES,
    max_size=8,
)  # fmt: skip
LISTS = st.lists(
    st.dictionaries(st.sampled_from(["index", "kind", "memory_mb", "mac", "name"]) | TEXTS, VALUES), max_size=3
)
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4)


class Farm(FarmPlay):
    """A farm with a job, a render with readings that count, and a run."""

    def __init__(self) -> None:
        super().__init__()
        self.shot = self.submit(job(block(last=4), block("more", need_memory=1, tasks_depend_mask="frames")))
        self.pool = self.core.farm.pools_by_path["/"]
        measures = ("cpu", "mem", "swp", "hddgb", "hddio", "netmbs")
        idle = {f"{side}_{each}": 10 for side in ("idle", "busy") for each in measures}
        times = {"idle_free_time": 5, "busy_nimby_time": 5, "overload_event_time": 5, "no_task_event_time": 5}
        self.do(commands.SetPools(["/"], {**idle, **times}))
        self.host = self.register(cores=2)
        (self.run, *_) = self.solve()
        self.auditor = Auditor()

    def hear(self, command: Any, who: Principal) -> None:
        """Let somebody give a command: it is done, or refused; then the farm goes on."""
        try:
            self.do(command, who)
        except Rejected:
            return
        envelope = Envelope(command, who, self.at)
        entry = entry_of(envelope, self.outcome)
        if entry is not None:
            encode_entry(entry)
            self.auditor.of_entry(entry, "test")
        self.solve()
        self.tick(20.0)
        assert check(self.core.farm) == []


NODE = Principal("host1", Role.NODE, "192.0.2.1", render=1)
GOD = Principal("anna", Role.GOD, "192.0.2.1")


@FEW
@given(MEASURES, LISTS, LISTS, NUMBERS, TEXTS)
def test_what_an_agent_says_of_itself(
    measures: dict[str, Any], interfaces: list[Any], devices: list[Any], number: Any, text: str
) -> None:
    farm = Farm()
    said = Register(
        "host1", text, text, text, text, float(number), "a", interfaces, devices, measures,
        [commands.RunningRun(*farm.run)], text,
    )  # fmt: skip
    heard = heard_register(said)
    words = {name: getattr(heard, name) for name in commands.RegisterRender.__struct_fields__ if name != "session"}
    farm.hear(commands.RegisterRender(session=7, **words), NODE)
    farm.hear(commands.MeasureRender(1, 7, heard_reading(measures), []), NODE)


@FEW
@given(MEASURES, st.lists(st.tuples(WHOLE, WHOLE, WHOLE, TEXTS), max_size=3))
def test_what_an_agent_measures(measures: dict[str, Any], told: list[tuple[int, int, int, str]]) -> None:
    farm = Farm()
    progress = [
        ProgressReading(*farm.run, percent=one, frame=two, percent_frame=three, activity=text, report=text * 400)
        for one, two, three, text in told
    ]
    progress += [ProgressReading(one, two, three, 1) for one, two, three, _ in told]
    session = farm.host.session
    farm.hear(commands.MeasureRender(1, session, heard_reading(measures), heard_progress(progress)), NODE)


@FEW
@given(WHOLE, NUMBERS, NUMBERS, TEXTS, WHOLE, WHOLE)
def test_how_an_agent_says_a_run_ended(
    status: int, started: Any, duration: Any, text: str, whole: int, other: int
) -> None:
    farm = Farm()
    for key in (farm.run, RunKey(whole, other, whole, other), farm.run):
        said = heard_report(
            Report(*key, status, whole, float(started), float(duration), text, text, False, text, 0, whole, other)
        )
        kind = commands.ReportRun.__struct_fields__
        words = {name: getattr(said, name) for name in kind if name not in ("render", "status")}
        farm.hear(commands.ReportRun(render=1, status=commands.RunStatus.ERROR, **words), NODE)


def test_numbers_that_are_none_are_left_out() -> None:
    said = heard_reading({
        "cpu_num": "many", "mem_total_mb": float("nan"), "hdd_free_gb": 10**30, "gpus": [5, {"util": float("inf")}],
        "cpu_loadavg": [0.5, "x"], "custom": "none", "hw_info": "x" * 10_000, "deep": [[[[[[1]]]]]], "mine": b"x",
        "swap_used_mb": 7, "overload": ["mem", 5],
    })  # fmt: skip
    assert said == {
        "gpus": [{}], "cpu_loadavg": [0.5], "hw_info": "x" * 4096, "deep": [[[[]]]], "swap_used_mb": 7,
        "overload": ["mem"],
    }  # fmt: skip


_TABLES = {
    "job.set": JOB, "block.set": BLOCK, "user.set": USER, "pool.set": POOL, "branch.set": BRANCH, "render.set": RENDER,
}  # fmt: skip
_RIGHT: dict[str, Any] = {
    "ids": [2], "names": ["host1"], "paths": ["/"], "job": 2, "block": 0, "blocks": [0], "tasks": [[0, 1]],
    "name": "anna", "path": "/", "ticket": "T", "count": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(name for name, each in OPERATIONS.items() if each.command is not None))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_people_ask(name: str, data: st.DataObject) -> None:
    operation = OPERATIONS[name]
    farm = Farm()
    given_: dict[str, Any] = {}
    for argument in operation.arguments:
        if argument.kind == "parameters":
            table = _TABLES.get(name, JOB)
            keys = st.sampled_from(sorted(table)) | TEXTS
            given_[argument.name] = data.draw(st.dictionaries(keys, VALUES, max_size=3))
        elif argument.name in _RIGHT:
            given_[argument.name] = data.draw(st.just(_RIGHT[argument.name]) | VALUES)
        elif argument.choices:
            given_[argument.name] = data.draw(st.sampled_from(argument.choices) | VALUES)
        else:
            given_[argument.name] = data.draw(st.none() | VALUES)
    if name in ("user.set", "user.add", "user.delete") and data.draw(st.booleans()):
        given_["names"] = ["anna"]
    try:
        command = operation.make_command(given_)
    except Rejected:
        return
    farm.hear(command, GOD)
