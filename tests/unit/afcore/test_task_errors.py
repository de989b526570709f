"""The packed list of who failed what: the same as the plain mapping it stands for, whatever is done to it."""

from __future__ import annotations

import random

import pytest

from afcore import commands
from afcore.errors import NotFound
from afcore.model.hosterrors import HostErrors
from afcore.model.taskerrors import TaskErrors
from afcore.states import RunStatus
from tests.unit.afcore.plays import FarmPlay, block, job


def test_it_is_what_a_plain_mapping_would_be() -> None:
    chance = random.Random(5)
    packed = TaskErrors()
    plain: dict[int, dict[int, list[float]]] = {}
    for step in range(3000):
        task, render, at = chance.randrange(60), chance.randrange(1, 12), 1000.5 + step
        what = chance.random()
        if what < 0.85:
            packed.note(task, render, at)
            errors = plain.setdefault(task, {}).setdefault(render, [0, 0.0])
            errors[0], errors[1] = errors[0] + 1, at
        elif what < 0.95:
            packed.pop(task, None)
            plain.pop(task, None)
        else:
            renders = {render, chance.randrange(1, 12)} if what < 0.98 else {render}
            packed.forgive(renders)
            for hosts in plain.values():
                for each in renders:
                    hosts.pop(each, None)
            plain = {task: hosts for task, hosts in plain.items() if hosts}
        last = [hosts[render][1] for hosts in plain.values() if render in hosts]
        assert packed.newest(render) == max(last, default=0.0)
        assert packed.count(task, render) == plain.get(task, {}).get(render, [0])[0]
    assert plain and {task: dict(hosts) for task, hosts in packed.items()} == {
        task: {render: HostErrors(int(count), last) for render, (count, last) in hosts.items()}
        for task, hosts in plain.items()
    }
    assert list(TaskErrors(packed.rows()).rows()) == list(packed.rows())
    packed.clear()
    assert not packed and list(packed.rows()) == []


def test_failed_hosts_are_forgotten_for_some_tasks_alone(farm: FarmPlay) -> None:
    for name in ("one", "two"):
        farm.register(name, instance=name)
    shot = farm.submit(job(block(first=1, last=4, errors_retries=9)))
    for key in farm.solve():
        farm.report(key, RunStatus.ERROR)
    block_of = shot.blocks[0]
    assert set(block_of.task_error_hosts) == {0, 1, 2, 3} and block_of.error_hosts
    with pytest.raises(NotFound, match="has no tasks 9"):
        farm.do(commands.ResetErrorHosts(shot.id, [0], [(9, 9)]))
    assert farm.do(commands.ResetErrorHosts(shot.id, [0], [(1, 2)])).reply == {"blocks": 1}
    assert set(block_of.task_error_hosts) == {0, 3} and block_of.error_hosts, "the block keeps its own list"
    assert farm.do(commands.ResetErrorHosts(shot.id, [0], [(1, 2)])).reply == {"blocks": 0}
    assert farm.do(commands.ResetErrorHosts(shot.id)).reply == {"blocks": 1}
    assert not block_of.task_error_hosts and not block_of.error_hosts


def test_many_tasks_of_a_great_block_are_forgotten_at_once() -> None:
    packed = TaskErrors()
    for task in range(0, 5000, 7):
        packed.note(task, 1 + task % 3, 50.0)
        packed.note(task, 9, 60.0)
    assert len(packed) == len(range(0, 5000, 7)) and packed.newest(9) == 60.0 and packed.newest(8) == 0.0
    packed.forget([*range(2048), 7 * 500, 4998])
    left = [task for task in range(0, 5000, 7) if task >= 2048 and task not in (3500, 4998)]
    assert sorted(packed) == left and 3500 not in packed and left[0] in packed
    packed.forget(left)
    assert not packed and len(packed) == 0


def test_tasks_of_ranges_are_forgotten_by_their_state() -> None:
    dice = random.Random(3)
    size = 5000
    state = bytearray(dice.choices((4, 5, 6), k=size))
    failed = [task for task in range(size) if dice.random() < 0.4]
    for ranges in ([(0, size - 1)], [(7, 7), (1000, 1030), (2047, 2048), (3000, 4999)], [(1024, 2047), (4500, 4501)]):
        for only in ([], [6], [4, 5]):
            packed = TaskErrors((task, 1 + task % 3, 1, 50.0) for task in failed)
            packed.forget_ranges(ranges, state, only)
            inside = {task for first, last in ranges for task in range(first, last + 1)}
            left = [task for task in failed if task not in inside or (only and state[task] not in only)]
            assert sorted(packed) == left, (ranges, only)


def test_more_failures_than_there_can_be_are_counted_no_further() -> None:
    packed = TaskErrors([(5, 1, 70_000, 1.0), (0, 2, 0xFFFF, 1.0)])
    packed.note(0, 2, 8.5)
    assert packed[0] == {2: HostErrors(0xFFFF, 8.5)} and packed.count(5, 1) == 0xFFFF
    packed[0] = {3: HostErrors(1, 2.0)}
    assert list(packed.rows()) == [(0, 3, 1, 2.0), (5, 1, 0xFFFF, 1.0)]
