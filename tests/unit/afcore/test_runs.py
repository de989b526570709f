"""Runs at rest: the same mapping as a plain one, whatever is done to it and in whatever order it rests."""

from __future__ import annotations

import random
import zlib
from array import array
from collections import Counter

import msgspec
import pytest
from msgspec.structs import asdict

from afcore import commands
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.ids import RunKey
from afcore.image import FarmImage, farm_bytes, load_farm
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.hostruns import HostRuns
from afcore.model.run import Run
from afcore.model.runs import CHUNK, MOST_AWAKE, ROW, Runs
from afcore.replay import recover
from afcore.reservation import Reservation
from afcore.states import RunStatus
from afcore.tasktexts import TaskTexts
from afcore.views import task_columns, task_rows
from tests.unit.afcore.plays import FarmPlay, block, job


def some_run(chance: random.Random, key: RunKey) -> Run:
    """A run that may have anything a run can have."""
    run = Run(
        key=key, render=chance.randrange(1, 9), capacity=chance.choice((0, 500, 1 << 20)), started=chance.random()
    )
    run.progress_changed = run.started + chance.random()
    if chance.random() < 0.3:
        run.waiting_since = chance.random() * 1e9
    if chance.random() < 0.3:
        run.frame, run.percent_frame = chance.randrange(-1, 90), chance.randrange(-1, 101)
    if chance.random() < 0.2:
        run.activity, run.last_line, run.coefficient = "writing", "a line of its own", 2
    if chance.random() < 0.2:
        run.captured = (Reservation(7, 300, {"nuke": 1}),)
        run.tickets, run.devices = (("nuke", 2),), (0, 1)
    if chance.random() < 0.05:
        run.capacity = 1 << 40  # no row holds that much
    return run


def same(runs: Runs, plain: dict[RunKey, Run]) -> None:
    """Compare every way of looking."""
    assert len(runs) == len(plain) and bool(runs) == bool(plain)
    assert sorted(runs) == sorted(plain)
    wanted = {key: asdict(run) for key, run in plain.items()}
    assert {run.key: asdict(run) for run in runs.values()} == wanted
    assert {key: asdict(run) for key, run in runs.items()} == wanted
    for key, run in plain.items():
        found = runs.look(key)
        assert key in runs and found is not None and asdict(found) == asdict(run)
    for place in {(key.job, key.block) for key in plain}:
        tasks = sorted(key.task for key in plain if key[:2] == place)
        assert sorted(runs.tasks_of(*place)) == tasks == sorted(run.key.task for run in runs.of_block(*place))
    assert runs.waits() == {(run.render, run.waiting_since) for run in plain.values() if run.waiting_since}
    held = {run.key for run in runs.extraordinary()}
    assert held >= {key for key, run in plain.items() if run.tickets or run.activity or run.capacity > 1 << 32}
    counted: Counter[tuple[int, int, int, int]] = Counter()
    for at, index, counts in runs.plain():
        counted.update({(at, index, *pair): count for pair, count in counts.items()})
    assert counted == Counter(
        (key.job, key.block, run.render, run.capacity) for key, run in plain.items() if key not in held
    )


@pytest.mark.parametrize("seed", range(4))
def test_runs_at_rest_are_a_mapping_like_any_other(seed: int) -> None:
    chance = random.Random(seed)
    runs, plain = Runs(), dict[RunKey, Run]()
    keys = [
        RunKey(2 + chance.randrange(2), chance.randrange(2), chance.choice((0, 1, 255, 256, chance.randrange(5000))), n)
        for n in range(1, 300)
    ]
    for step in range(1200):
        key = chance.choice(keys)
        dice = chance.random()
        if dice < 0.45:
            run = some_run(chance, key)
            runs[key], plain[key] = run, msgspec.structs.replace(run)
        elif dice < 0.6:
            assert runs.pop(key, None) == plain.pop(key, None)
        elif dice < 0.7:
            runs.discard(key)
            plain.pop(key, None)
        elif dice < 0.85 and key in plain:
            awake = runs[key]
            assert awake is runs.get(key)
            awake.stopping = plain[key].stopping = 5
            awake.last_line = plain[key].last_line = f"line {step}"
        elif dice < 0.95:
            runs.settle(most=chance.randrange(20), at_once=50)
        else:
            runs.settle_all()
        if step % 60 == 0:
            same(runs, plain)
    runs.wait(77.5)
    for run in plain.values():
        run.waiting_since = 77.5
    same(runs, plain)
    with pytest.raises(KeyError):
        runs[RunKey(9, 9, 9, 9)]
    with pytest.raises(KeyError):
        del runs[RunKey(2, 0, 0, 999)]
    runs.clear()
    same(runs, {})


def test_many_runs_are_asked_to_stop_where_they_lie() -> None:
    runs = Runs()
    starts = [3] * 3000
    for task in range(0, 3000, 3):
        key = RunKey(2, 0, task, 3)
        runs[key] = Run(key=key, render=1, capacity=1000)
        if task % 2:
            runs.settle_all()
    tasks = [0, 3, 2997]
    runs.stop(2, 0, tasks, starts, 1, 4)
    assert list(runs.stopping(2, 0, [0, 3, 6, 2997, 1], starts)) == [1, 1, -1, 1, -1]
    assert [runs[RunKey(2, 0, task, 3)].stop_status for task in (0, 3, 6)] == [4, 4, 0]
    with pytest.raises(KeyError):
        runs.stop(2, 0, [1], starts, 1, 4)


@pytest.mark.parametrize("seed", range(6))
def test_whole_chunks_are_asked_to_stop_like_run_by_run(seed: int) -> None:
    dice = random.Random(seed)
    runs, starts = Runs(), [dice.choice((1, 1, 2)) for _ in range(4 * CHUNK)]
    there = [task for task in range(4 * CHUNK) if dice.random() < (0.1 if task < CHUNK else 0.5)]
    dice.shuffle(there)
    for task in there:
        # Some have a newer run than the one that goes on.
        key = RunKey(2, 0, task, 1 if task >= 3 * CHUNK else starts[task])
        runs[key] = Run(key=key, render=task % 7 + 1, capacity=1000)
    runs.settle_all()
    known = {key: -1 for key in runs}
    for then, share in ((1, 1.0), (4, 0.6), (3, 1.0)):
        if share < 1.0:
            # One that somebody works with lies in no row.
            assert runs.get(next(iter(known))) is not None
        asked = sorted(key.task for key in known if dice.random() < share and key.run == starts[key.task])
        assert list(runs.stopping(2, 0, asked, starts)) == [known[RunKey(2, 0, task, starts[task])] for task in asked]
        runs.stop(2, 0, asked, starts, then, 12)
        known.update((RunKey(2, 0, task, starts[task]), then) for task in asked)
        assert {key: run.stopping for key, run in runs.items()} == known
        told = [each for found in runs.masters(2, 0, asked, [starts[task] for task in asked]) for each in found]
        assert sorted(told) == [(task, starts[task], task % 7 + 1) for task in asked]


def test_what_is_only_looked_at_cannot_be_changed() -> None:
    runs, key = Runs(), RunKey(2, 0, 0, 1)
    runs[key] = Run(key=key, render=1, capacity=1)
    runs.settle_all()
    for run in (runs.look(key), *runs.values(), *runs.of_block(2, 0)):
        with pytest.raises(AttributeError, match="immutable"):
            run.stopping = 1  # type: ignore[union-attr]
    assert runs[key].stopping == -1


def test_a_run_of_a_block_that_was_never_seen_is_not_there() -> None:
    runs = Runs()
    runs[RunKey(2, 0, 0, 1)] = Run(key=RunKey(2, 0, 0, 1), render=1, capacity=1)
    runs.settle_all()
    assert RunKey(2, 1, 0, 1) not in runs and RunKey(2, 0, 1024, 1) not in runs and RunKey(2, 0, 0, 2) not in runs


def test_a_render_lists_keys_and_finds_its_runs_in_the_farm() -> None:
    runs = Runs()
    host = HostRuns(runs)
    keys = [RunKey(2, 0, task, 1) for task in range(40)]
    for key in keys:
        host[key] = Run(key=key, render=1, capacity=task_units(key))
        host[key] = runs[key]
    runs.settle_all()
    assert list(host) == keys and len(host) == 40 and host.discard(RunKey(2, 0, 0, 9)) is False
    assert [run.capacity for run in host.values()] == [task_units(key) for key in keys]
    assert host[keys[3]] is runs[keys[3]] and host.pop(keys[3], None) is not None
    assert keys[3] not in host and keys[3] in runs and host != {}
    with pytest.raises(KeyError):
        host[keys[3]]
    with pytest.raises(KeyError):
        del host[keys[3]]
    del runs[keys[5]]
    with pytest.raises(KeyError):
        dict(host.items())
    host.clear()
    assert host == {}


def task_units(key: RunKey) -> int:
    return 100 + key.task


def test_after_each_command_most_runs_lie_at_rest() -> None:
    core = Core()
    runs = core.farm.runs
    for task in range(3 * MOST_AWAKE):
        key = RunKey(2, 0, task, 1)
        runs[key] = Run(key=key, render=1, capacity=1)
    for number in range(20):
        core.apply(Envelope(commands.AddUser(f"user{number}"), SYSTEM_PRINCIPAL, 1e6))
    assert MOST_AWAKE // 2 < len(runs._awake) <= MOST_AWAKE and len(runs) == 3 * MOST_AWAKE


def test_a_snapshot_from_before_runs_lay_in_rows_is_read() -> None:
    farm = FarmPlay().core.farm
    key = RunKey(2, 0, 5, 1)
    run = Run(key=key, render=3, capacity=9, started=5.25, tickets=(("nuke", 1),))
    image = msgspec.msgpack.decode(farm_bytes(farm))
    del image["rows"]
    image["runs"] = [msgspec.to_builtins(run)]
    again = load_farm(FarmImage(msgspec.msgpack.encode(image))).runs
    run.progress_changed = 5.25
    assert again[key] == run and len(again) == 1


def test_rows_come_back_without_their_readings_and_damaged_ones_do_not() -> None:
    farm = FarmPlay().core.farm
    keys = [RunKey(2, 0, task, 1) for task in (5, 4000, 4001)]
    for key in keys:
        farm.runs[key] = Run(
            key=key, render=3, capacity=9, started=5.25, progress_changed=8.0, frame=4, percent_frame=7
        )
    farm.runs[keys[1]].tickets = (("nuke", 1),)
    farm.runs[keys[2]].last_line = "gone"
    farm.runs.settle_all()
    again = load_farm(FarmImage(farm_bytes(farm))).runs
    usual = {key: Run(key=key, render=3, capacity=9, started=5.25, progress_changed=5.25) for key in keys}
    usual[keys[1]].tickets = (("nuke", 1),)
    assert {key: asdict(run) for key, run in again.items()} == {key: asdict(run) for key, run in usual.items()}
    with pytest.raises(ValueError, match="no whole rows"):
        Runs().unpack(2, 0, [bytes(ROW.size + 1)])


def test_run_numbers_go_on_past_two_bytes(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_retries=9), user="anna"))
    render = farm.register(cores=1)
    table = shot.blocks[0].tasks
    table.starts[0] = 65_533  # as if it had come back so often
    numbers = []
    for _ in range(4):
        (key,) = farm.solve()
        numbers.append(key.run)
        farm.report(key, RunStatus.STOPPED)
    assert numbers == [65_534, 65_535, 65_536, 65_537] and list(table.starts) == [65_537]
    late = farm.report(RunKey(shot.id, 0, 0, 65_536), render=render.id)
    assert late == {"known": False}, "an old run is not taken for the newest one"
    (key,) = farm.solve()
    image = farm.core.snapshot()
    again = recover(image, [])
    assert again.digest() == farm.core.digest() and key in again.farm.runs
    farm.report(key)
    shown = task_columns(farm.core.farm, shot.id, 0).columns["starts"]
    assert array("H", zlib.decompress(shown)).tolist() == [65_535], "clients know two bytes"
    assert task_rows(farm.core.farm, shot.id, 0)[0].starts == 65_538


def test_a_block_with_wide_run_numbers_may_grow(farm: FarmPlay) -> None:
    texts = TaskTexts()
    texts.append("a", "x")
    listed = BlockSpec(name="list", tasks=texts, service="generic", command="run @#@")
    shot = farm.submit(job(listed))
    farm.register(cores=1)
    shot.blocks[0].tasks.starts[0] = 65_535
    (key,) = farm.solve()
    farm.report(key)
    assert key.run == 65_536
    farm.do(commands.AppendTasks(shot.id, 0, JobSpec(blocks=[listed])))
    assert list(shot.blocks[0].tasks.starts) == [65_536, 0]
