"""GPUs as slots: who gets which, that nobody shares one unasked, and memory on each."""

from __future__ import annotations

import pytest

from afcore.ids import RunKey
from afcore.invariants import check
from afcore.model.render import Render
from afnet.server.runspec import make_run_spec
from tests.unit.afcore.plays import FarmPlay, block, job


@pytest.fixture
def farm() -> FarmPlay:
    return FarmPlay()


def cards(*memory: int) -> list[dict[str, object]]:
    return [{"index": n, "kind": "gpu", "name": "card", "memory_mb": each} for n, each in enumerate(memory)]


def with_cards(farm: FarmPlay, *memory: int, name: str = "host1") -> Render:
    return farm.register(name, cores=8, devices=cards(*memory))


def given(farm: FarmPlay) -> list[list[int]]:
    """Return what each run that goes on was told, in order."""
    found = []
    for key in sorted(farm.core.farm.runs):
        spec = make_run_spec(farm.core.farm, key)
        assert spec is not None
        found.append(list(spec.devices))
    return found


def test_each_task_gets_devices_of_its_own_and_gives_them_back(farm: FarmPlay) -> None:
    with_cards(farm, 8000, 8000, 8000)
    farm.submit(job(block(last=5, need_gpus=1)))
    assert len(farm.solve()) == 3, "there are eight slots, and three devices"
    assert given(farm) == [[0], [1], [2]]
    second = sorted(farm.core.farm.runs)[1]
    farm.report(second)
    farm.solve()
    assert sorted(given(farm)) == [[0], [1], [2]], "the freed one goes to the next task"


def test_a_task_may_ask_for_several_and_one_without_devices_needs_none(farm: FarmPlay) -> None:
    with_cards(farm, 8000, 8000, 8000)
    farm.register("bare", cores=2)
    farm.submit(job(block(last=2, need_gpus=2)))
    farm.submit(job(block(last=2), name="plain", user="ben"))
    farm.solve()
    assert sorted(given(farm)) == [[], [], [0, 1]], "for a second pair one device is too few"


def test_tasks_that_say_so_share_while_the_memory_of_the_device_lasts(farm: FarmPlay) -> None:
    with_cards(farm, 8000)
    farm.submit(job(block(last=5, need_gpus=1, gpus_shared=True, need_gpu_mem_mb=3000)))
    assert len(farm.solve()) == 2, "8000 MB hold two tasks of 3000"
    farm.submit(job(block(last=1, need_gpus=1), name="alone", user="ben"))
    assert farm.solve() == [], "who does not share waits until the device is free"
    assert check(farm.core.farm) == []


def test_a_device_too_small_is_no_device_for_the_task(farm: FarmPlay) -> None:
    with_cards(farm, 4000, 12000)
    farm.submit(job(block(last=3, need_gpus=1, need_gpu_mem_mb=10000)))
    farm.solve()
    assert given(farm) == [[1]]


def test_over_a_restart_devices_stay_with_their_tasks(farm: FarmPlay) -> None:
    with_cards(farm, 8000, 8000)
    farm.submit(job(block(last=4, need_gpus=1)))
    keys = farm.solve()
    farm.crash()
    farm.register("host1", cores=8, devices=cards(8000, 8000), running=[RunKey(*key) for key in keys])
    assert farm.solve() == [] and given(farm) == [[0], [1]]


def test_a_multihost_task_gets_devices_on_each_of_its_hosts(farm: FarmPlay) -> None:
    for name in ("a", "b"):
        with_cards(farm, 8000, 8000, name=name)
    wide = block(last=2, need_gpus=2, multihost_min=2, multihost_max=2)
    wide.settle()
    farm.submit(job(wide))
    (key,) = farm.solve()
    run = farm.core.farm.runs[key]
    assert (run.devices, run.captured[0].devices) == ((0, 1), (0, 1))
    assert farm.solve() == []


def test_the_invariants_tell_a_device_given_twice(farm: FarmPlay) -> None:
    with_cards(farm, 8000, 8000)
    farm.submit(job(block(last=2, need_gpus=1)))
    first, second = farm.solve()
    farm.core.farm.runs[second].devices = farm.core.farm.runs[first].devices
    (told,) = check(farm.core.farm)
    assert "device 0" in told and "2 tasks" in told
