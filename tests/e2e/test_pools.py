"""Pools as submitters use them: read over plain HTTP, and the old way of a mask that excludes everybody else."""

from __future__ import annotations

import json
import re
import urllib.request

import afnet.api as af
from tests.e2e.processes import FarmProcess, wait_for

HOSTS = ["pc-01", "pc-02", "pc-03", "pc-04", "pc-05"]


def test_the_mask_of_a_pool_excludes_every_other_host() -> None:
    mask = af.exclude_mask(["pc-01", "pc-03"], HOSTS)
    assert [host for host in HOSTS if not re.fullmatch(mask, host)] == ["pc-01", "pc-03"]
    assert af.exclude_mask(HOSTS, HOSTS) == ""
    assert re.fullmatch(af.exclude_mask([], ["a.b"]), "axb") is None, "a dot is a dot"


def test_a_job_for_a_pool_of_two_runs_there_alone_by_mask_and_by_pool(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.add", path="/pair")
    for name in HOSTS:
        farm.start_agent(name)
    wait_for(lambda: len(farm.ask("render.list")["rows"]) == 5, what="five agents")
    farm.ask("render.move", names=["pc-01", "pc-03"], path="/pair")
    farm.ask("pool.set", paths=["/"], parameters={"max_tasks_host": 1})

    with urllib.request.urlopen(f"http://127.0.0.1:{farm.port}/api/pools", timeout=60) as answer:
        pools = {row["path"]: row["renders"] for row in json.load(answer)["pools"]}
    assert pools == {"/": ["pc-02", "pc-04", "pc-05"], "/pair": ["pc-01", "pc-03"]}
    assert af.pool_hosts(f"127.0.0.1:{farm.port}") == pools

    mask = af.exclude_mask(pools["/pair"], HOSTS)
    block = {"frame_first": 1, "frame_last": 6, "command": "sleep 0.2"}
    for words in ({"hosts_mask_exclude": mask}, {"pools": {"/pair": 100}}):
        job = farm.submit(block, **words)
        farm.wait_job(job)
        rows = farm.ask("history.runs", job=job, limit=100, before=0)["rows"]
        assert {row["hostname"] for row in rows} == {"pc-01", "pc-03"} and len(rows) == 6
