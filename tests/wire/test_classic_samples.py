"""The classic dialect's first slice against what the reference really said, times and moments aside."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from afcore.commands import SubmitJob
from afcore.errors import BadSpec, Problem
from afcore.jobspec import JobSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, HostErrors, Job
from afcore.model.tasks import TaskTable
from afcore.model.tree import Branch, User
from afcore.states import TaskFlag, TaskState
from afnet.classic.dialect import error_answer, read_request
from afnet.classic.framing import encode_pieces, parse_request
from afnet.classic.json_get import Get, Lines, Sources, get_answer
from afnet.classic.json_job import submitted_answer

SAMPLES = Path(__file__).parent / "samples"

NOW = 1795245250.0


def sample(name: str) -> dict[str, Any]:
    return parse_request((SAMPLES / f"{name}.json").read_bytes())


def submitted(name: str) -> JobSpec:
    command = read_request(sample(f"{name}.request"))
    assert isinstance(command, SubmitJob)
    return command.spec


def make_farm(spec: JobSpec, *, id: int, serial: int, states: list[list[TaskState]], created: int) -> Farm:
    """A farm that holds one job with these task states, as the rules would have made it."""
    farm = Farm(epoch=created - 60)
    farm.users[1] = User(id=1, name=spec.user_name)
    farm.users[1].jobs = [id]
    farm.branches[1] = Branch(id=1, path=spec.branch)
    blocks = []
    for index, (block_spec, column) in enumerate(zip(spec.blocks, states)):
        tasks = TaskTable(len(column))
        tasks.state[:] = bytes(column)
        tasks.counts = tasks.recount()
        blocks.append(Block(job=id, index=index, spec=block_spec, tasks=tasks, frames=block_spec.frames))
    job = Job(
        id=id,
        serial=serial,
        user=1,
        branch=1,
        spec=spec,
        name=spec.name,
        blocks=blocks,
        time_creation=created,
        time_wait=spec.time_wait,
        time_life=spec.time_life,
        ppa=spec.ppa,
        depend_mask=spec.depend_mask,
        depend_mask_global=spec.depend_mask_global,
    )
    for key in (
        "priority annotation custom_data hosts_mask hosts_mask_exclude hosts_mask_type need_os need_properties "
        "need_power need_memory need_hdd pools max_tasks_per_second max_running_tasks max_running_tasks_per_host"
    ).split():
        setattr(job, key, getattr(spec, key))
    farm.jobs[id] = job
    return farm


def sources(now: float = NOW, lines: Lines = lambda kind, id: []) -> Sources:
    return Sources(now, lines, lambda at: time.strftime("%a %d %b %H:%M.%S", time.gmtime(at)))


def ask(farm: Farm, wish: Get, now: float = NOW) -> Any:
    """What a client gets, through the encoder and back."""
    found = get_answer(farm, wish, sources(now))
    assert isinstance(found, dict)
    return parse_request(b"".join(encode_pieces(found)))


def answer(farm: Farm, *ids: int, full: bool = False, now: float = NOW) -> dict[str, Any]:
    """Jobs by ids."""
    return ask(farm, Get("jobs", "full" if full else "", ids=list(ids)), now=now)


def without(value: Any, *keys: str) -> Any:
    """``value`` with the keys left out that belong to the moment, on every level."""
    if isinstance(value, dict):
        return {key: without(inner, *keys) for key, inner in value.items() if key not in keys}
    return [without(inner, *keys) for inner in value] if isinstance(value, list) else value


def keys_in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, keys_in_order(inner)) for key, inner in value.items()]
    return [keys_in_order(inner) for inner in value] if isinstance(value, list) else None


MAIN = submitted("job-submit")


@pytest.mark.parametrize("full", [False, True])
def test_a_fresh_job_in_the_list_form_and_in_full(full: bool) -> None:
    states = [[TaskState.READY] * 4, [TaskState.READY] * 2]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1795245246)
    # The reference shows its first moment, before it has looked at the blocks: no states yet.
    moment = ("st", "state", "p_progressbar", "tasks_ready", "p_tasks_ready")
    expected = without(sample("get-jobs-full" if full else "get-jobs-list"), *moment)
    found = without(answer(farm, 2, full=full), *moment)
    if full:
        # Sent back, where the reference forgot it.
        assert found["jobs"][0]["blocks"][1]["tasks"][1] == {"name": "bad", "command": "echo BAD >&2; exit 3"}
    assert found == expected
    assert keys_in_order(found) == keys_in_order(expected)


def test_a_running_job() -> None:
    states = [[TaskState.RUNNING] * 4, [TaskState.READY] * 2]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1795245246)
    job = farm.jobs[2]
    render, post = job.blocks
    job.time_started = render.time_started = 1795245247
    job.running_tasks = render.running_tasks = 4
    job.running_capacity = render.running_capacity = 1000
    render.tasks.percent[:] = bytes([50, 25, 25, 25])
    post.waiting = True
    moment = ("srv_info", "p_tasks_run_time_max")
    expected = without(sample("get-jobs-list-running"), *moment)
    found = without(answer(farm, 2), *moment)
    assert found == expected
    assert keys_in_order(found) == keys_in_order(expected)


def test_a_job_that_is_done_in_part_and_retries() -> None:
    states = [[TaskState.DONE] * 4, [TaskState.DONE, TaskState.READY]]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1795245246)
    job = farm.jobs[2]
    render, post = job.blocks
    job.time_started = render.time_started = 1795245247
    render.time_done = post.time_started = 1795245251
    for block, length in ((render, 4), (post, 2)):
        for task in range(block.tasks.counts[TaskState.DONE]):
            block.tasks.started[task] = 100
            block.tasks.finished[task] = 100 + length
    render.run_time_sum_ms, post.run_time_sum_ms = 16_200, 2_050
    post.tasks.flags[1] = TaskFlag.RETRIED
    post.error_hosts[1] = HostErrors(3, 0.0)
    expected = without(sample("get-jobs-list-done-error"), "srv_info")
    found = without(answer(farm, 2), "srv_info")
    assert found == expected
    assert keys_in_order(found) == keys_in_order(expected)


def test_a_job_with_nearly_every_field() -> None:
    spec = submitted("job-all-fields")
    states = [[TaskState.SUSPENDED] * 2]
    farm = make_farm(spec, id=15, serial=18, states=states, created=1795246584)
    expected = sample("get-jobs-full-all-fields")
    found = answer(farm, 15, full=True)
    # The place among the user's jobs; the reference's user had fourteen others.
    assert without(found, "user_list_order") == without(expected, "user_list_order")
    assert keys_in_order(found) == keys_in_order(expected)


def test_ids_that_do_not_exist() -> None:
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=[[TaskState.READY] * 4, []], created=1)
    assert answer(farm, 998) == sample("get-jobs-badid")
    assert [job["id"] for job in answer(farm, 998, 2, 2)["jobs"]] == [2]
    assert ask(farm, Get("jobs", mask="nothing")) == {"jobs": []}


def test_the_answer_to_a_submitted_job() -> None:
    expected = sample("job-submit")
    assert submitted_answer(id=expected["id"], serial=expected["serial"]) == expected


def test_a_refused_job_says_all_that_is_wrong() -> None:
    wrong = BadSpec([Problem("blocks", "has no blocks", "add one")])
    assert error_answer(SubmitJob(MAIN), wrong) == {"id": 0, "serial": 0, "error": "blocks: has no blocks (add one)"}
    assert read_request({"job": 5})["error"] == "job: must be an object, not a number"  # type: ignore[index]


@pytest.mark.parametrize("request_", [{}, {"get": 5}, {"nothing": {}}])
def test_what_is_no_request_at_all(request_: dict[str, Any]) -> None:
    assert read_request(request_) == {"info": {"kind": "error", "text": "Invalid action."}}


def test_a_million_listed_tasks_are_encoded_in_small_pieces() -> None:
    spec = submitted("job-submit")
    texts = spec.blocks[1].tasks
    assert texts is not None
    for index in range(20_000):
        texts.append(f"task {index}", "true")
    farm = make_farm(spec, id=2, serial=1, states=[[TaskState.READY] * 4, [TaskState.READY] * 20_002], created=1)
    found = get_answer(farm, Get("jobs", "full", ids=[2]), sources())
    assert isinstance(found, dict)
    pieces = list(encode_pieces(found))
    assert max(map(len, pieces)) < 64 * 1024
    tasks = json.loads(b"".join(pieces))["jobs"][0]["blocks"][1]["tasks"]
    assert len(tasks) == 20_002 and tasks[-1] == {"name": "task 19999", "command": "true"}
