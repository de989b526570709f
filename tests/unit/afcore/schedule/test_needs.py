"""Every need of a block, one by one: what a render just has is enough, and one more is too much."""

from __future__ import annotations

from typing import Any

import pytest

from afcore import commands
from tests.unit.afcore.plays import FarmPlay, block, job

READING = {
    "cpu_num": 4, "cpu_mhz": 3000, "mem_free_mb": 16000, "hdd_free_gb": 200, "gpu_mem_total_mb": 24000,
    "gpu_mem_used_mb": 4000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("need", "just_enough"),
    [
        ("need_memory", 16000),
        ("need_hdd", 200),
        ("need_gpu_mem_mb", 20000),
        ("need_cpu_freq_mgz", 3000),
        ("need_cpu_cores", 4),
        ("need_cpu_freq_cores", 12000),
        ("need_power", 50),
        ("need_gpus", 1),
    ],
)
def test_a_need_of_a_block(need: str, just_enough: int) -> None:
    farm = FarmPlay()
    render = farm.register("host1", cores=4, devices=[{"index": 0, "kind": "gpu", "name": "card", "memory_mb": 24000}])
    farm.do(commands.MeasureRender(render.id, render.session, READING))
    farm.do(commands.SetRenders(["host1"], {"power_host": 50}))
    values: dict[str, Any] = {"last": 1, need: just_enough + 1}
    shot = farm.submit(job(block(**values)))
    assert farm.solve() == []
    farm.do(commands.SetBlocks(shot.id, [0], {need: just_enough}))
    assert len(farm.solve()) == 1
