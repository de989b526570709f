"""What a job means: every refusal names the field, says what is wrong and what to do."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from afcore.errors import BadSpec
from afcore.jobcheck import MAX_TEXT, check_job, read_job
from afcore.jobspec import BlockSpec, JobSpec

NUMERIC = {"name": "a", "command": "true", "frame_first": 1, "frame_last": 10}


def told(*blocks: dict[str, Any], services: list[str] | None = None, strict: bool = True, **job: Any) -> list[str]:
    data = {"name": "j", "user_name": "u", "blocks": list(blocks), **job}
    return [str(problem) for problem in check_job(JobSpec.from_json(data), services=services, strict=strict)]


def block(**keys: Any) -> list[str]:
    return told({**NUMERIC, **keys})


def test_a_sound_job_has_no_problems() -> None:
    listed = {"name": "b", "depend_mask": "a", "tasks": [{"name": "t", "command": "true"}], "frames_per_task": -2}
    assert told(NUMERIC, listed, services=["generic"], hosts_mask="r.*", pools={"/a": 100}) == []
    assert block(service="nuke") == []


@pytest.mark.parametrize("key", ["frame_first", "frame_last"])
def test_a_list_beside_frames_is_told_with_all_else(key: str) -> None:
    both = {"name": "a", key: 5, "tasks": [{"command": "a", "nam": "t"}], "capacity": 0}
    with pytest.raises(BadSpec) as refused:
        read_job({"name": "j", "user_name": "u", "blocks": [both]})
    assert [str(problem) for problem in refused.value.problems] == [
        'blocks[0].tasks[0].nam: unknown field (did you mean "name"?)',
        f"blocks[0].{key}: is given for a block that lists its tasks (remove frame_first and frame_last, or the tasks)",
        "blocks[0].capacity: must be at least 1, not 0",
    ]


def test_a_job_without_blocks_and_names() -> None:
    assert told(name="", user_name="") == [
        "name: is empty (give the job a name)",
        "user_name: is empty (say whose job it is)",
        "blocks: the job has no blocks (give it at least one block with tasks)",
    ]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"frame_last": -3}, "blocks[0].frame_last: last frame -3 is before first frame 1 (swap them)"),
        ({"frames_per_task": 0}, "blocks[0].frames_per_task: must be at least 1, not 0 (use 1)"),
        ({"frames_inc": 0}, "blocks[0].frames_inc: must be at least 1, not 0 (use 1)"),
        ({"capacity": 0}, "blocks[0].capacity: must be at least 1, not 0"),
        ({"need_memory": -2}, "blocks[0].need_memory: must be at least -1, not -2 (-1 means not set)"),
        ({"errors_retries": 128}, "blocks[0].errors_retries: must be at most 127, not 128"),
        ({"task_min_run_time": -1}, "blocks[0].task_min_run_time: must be at least 0, not -1"),
        ({"flags": 4096 + 1}, "blocks[0].flags: 4097 has bits that mean nothing"),
        (
            {"depend_mask": "a(b"},
            'blocks[0].depend_mask: "a(b" is no regular expression: missing ), unterminated subpattern at position 1'
            " (write \\ before a character that is meant as itself)",
        ),
        ({"depend_mask": "a"}, 'blocks[0].depend_mask: "a" matches only the block itself (blocks: a)'),
        ({"tasks_depend_mask": "zz"}, 'blocks[0].tasks_depend_mask: "zz" matches no block of the job (blocks: a)'),
        (
            {"capacity_coeff_min": 5, "capacity_coeff_max": 2},
            "blocks[0].capacity_coeff_max: 2 is less than capacity_coeff_min 5 (swap them)",
        ),
        ({"tickets": {"": 1}}, "blocks[0].tickets.: must be a name and a count from 0, not 1"),
        ({"environment": {"A=B": "1"}}, "blocks[0].environment.A=B: is no name of a variable (use a name without =)"),
        ({"name": "n" * 513}, "blocks[0].name: is 513 characters long, at most 512 are taken"),
        (
            {"flags": 1, "tasks": [{"command": "a"}]},
            "blocks[0].tasks: a numeric block lists no tasks (remove the tasks, or bit 1 of flags)",
        ),
        (
            {"frame_last": 20_000_000},
            "blocks[0].frame_last: makes 20000000 tasks, at most 10000000 are taken"
            " (use more frames per task, or more blocks)",
        ),
    ],
)
def test_what_is_wrong_with_a_block(keys: dict[str, Any], sentence: str) -> None:
    assert block(**keys) == [sentence]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"priority": 256}, "priority: must be at most 255, not 256"),
        ({"priority": -5}, "priority: must be at least 0, not -5"),
        ({"hosts_mask_type": "regx"}, 'hosts_mask_type: "regx" is not known (did you mean "regex"?)'),
        ({"solve_need": "x"}, 'solve_need: "x" is not known (use solve_tasksnum or solve_capacity)'),
        ({"pools": {"/a": 101}}, "pools./a: must be -100 to 100, not 101 (-100 forbids, 100 restricts)"),
        (
            {"depend_mask_global": "*"},
            'depend_mask_global: "*" is no regular expression: nothing to repeat at position 0'
            " (write \\ before a character that is meant as itself)",
        ),
        (
            {"try_this_tasks_num": [1]},
            "try_this_tasks_num: has 1 numbers, try_this_blocks_num has 0 (give one block number for each task number)",
        ),
        ({"try_this_tasks_num": [1], "try_this_blocks_num": [4]}, "try_this_blocks_num[0]: there is no block 4"),
        (
            {"try_this_tasks_num": [10], "try_this_blocks_num": [0]},
            "try_this_tasks_num[0]: block 0 has no task 10",
        ),
    ],
)
def test_what_is_wrong_with_a_job(keys: dict[str, Any], sentence: str) -> None:
    assert told(NUMERIC, **keys) == [sentence]


def test_masks_of_hosts_follow_their_mode() -> None:
    assert told({**NUMERIC, "hosts_mask": "r*["}, hosts_mask="r*[", hosts_mask_type="find") == []
    assert len(told({**NUMERIC, "hosts_mask": "r*["}, hosts_mask_exclude="r*[")) == 2


def test_a_service_that_does_not_exist() -> None:
    assert told({**NUMERIC, "service": "mya"}, services=["maya", "nuke"]) == [
        'blocks[0].service: there is no service "mya" (did you mean "maya"?)'
    ]
    assert told({**NUMERIC, "service": "zzz"}, services=["nuke", "maya"]) == [
        'blocks[0].service: there is no service "zzz" (known services: maya, nuke)'
    ]


def test_a_command_of_ten_megabytes_is_refused_and_not_repeated() -> None:
    huge = "x" * 10_000_000
    for found in (
        block(command=huge),
        block(command=[huge, "y"]),
        told({"tasks": [{"command": "a"}, {"command": huge}]}),
        told(NUMERIC, description=huge),
    ):
        assert len(found) == 1 and len(found[0]) < 200
    assert block(command="x" * MAX_TEXT) == []
    assert len(block(command="é" * (MAX_TEXT // 2 + 1))) == 1
    assert told({"tasks": [{"command": "x" * (MAX_TEXT // 2)} for _ in range(3)]}) == []
    assert told({"tasks": [{"name": "n" * 3000, "command": "a"}]}) == [
        "blocks[0].tasks[0].name: is 3000 characters long, at most 2048 bytes are taken"
    ]


def test_blocks_without_tasks() -> None:
    hint = "(give frame_first and frame_last, or a list of tasks)"
    assert told({"name": "a"}, {"tasks": []}) == [f"blocks[{n}]: the block has no tasks {hint}" for n in (0, 1)]
    assert told({"tasks": [{"command": "a"}], "frames_per_task": 0}) == [
        "blocks[0].frames_per_task: must not be 0 (use 1, or -4 when four tasks make a frame)"
    ]
    assert told({"tasks": [{"command": "a", "environment": {"": "b"}}]}) == [
        "blocks[0].tasks[0].environment.: is no name of a variable (use a name without =)"
    ]


def test_blocks_that_wait_for_each_other() -> None:
    a = {**NUMERIC, "depend_mask": "b"}
    b = {**NUMERIC, "name": "b", "tasks_depend_mask": "c"}
    c = {**NUMERIC, "name": "c", "depend_mask": "a"}
    assert told(NUMERIC, b, c) == []
    assert told(a, b, c) == [
        'blocks[0]: blocks wait for each other: "a" waits for "b" waits for "c" waits for "a" (change a depend mask)'
    ]
    assert told(a, b, c, strict=False) == told(a, b, c)


def test_a_mask_that_nearly_names_a_block() -> None:
    assert told(NUMERIC, {**NUMERIC, "name": "render"}, {**NUMERIC, "name": "x", "depend_mask": "rendr"}) == [
        'blocks[2].depend_mask: "rendr" matches no block of the job (did you mean "render"?)'
    ]


def test_blocks_may_have_one_name() -> None:
    assert told(NUMERIC, NUMERIC) == []


def test_the_classic_dialect_takes_more() -> None:
    assert told({**NUMERIC, "depend_mask": "nothing"}, name="", strict=False) == []


def test_the_number_of_blocks_is_bounded() -> None:
    assert "1001 blocks" in told(*[NUMERIC] * 1_001)[0]


def test_a_long_chain_of_blocks_is_no_circle() -> None:
    chain = [{**NUMERIC, "name": f"b{n}", "depend_mask": f"b{n - 1}"} for n in range(1, 400)]
    assert told({**NUMERIC, "name": "b0"}, *chain) == []


def test_keys_types_and_meaning_are_told_together() -> None:
    data = {
        "name": 7,
        "priority": 400,
        "blocks": [
            {"frame_first": "1", "comand": "x"},
            {**NUMERIC, "frames_per_task": 0, "service": "mya"},
        ],
    }
    with pytest.raises(BadSpec) as caught:
        read_job(data, services=["maya"])
    assert [problem.path for problem in caught.value.problems] == [
        "name",
        "blocks[0].frame_first",
        "blocks[0].comand",
        "user_name",
        "priority",
        "blocks[1].frames_per_task",
        "blocks[1].service",
    ]
    with pytest.raises(BadSpec, match="job: must be an object, not a list"):
        read_job([])  # type: ignore[arg-type]
    assert read_job({"name": "j", "user_name": "u", "blocks": [NUMERIC]}).tasks_num == 10


def anything(chance: random.Random, depth: int = 2) -> Any:
    """Return some JSON value."""
    scalars = [None, True, 0, -1, 7, 1 << 70, 1.5, float("nan"), float("inf"), "", "a", "a(", ".*", "\0", "\ud800"]
    pick = chance.randrange(len(scalars) + (6 if depth else 0))
    if pick < len(scalars):
        return scalars[pick]
    if pick % 2:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(3))]
    return {chance.choice(["", "a", "0", "7", "A=B"]): anything(chance, depth - 1) for _ in range(chance.randrange(3))}


def object_of(chance: random.Random, keys: list[str]) -> dict[str, Any]:
    """Return an object with some of the keys, and sometimes another one."""
    chosen = chance.sample(keys, chance.randrange(min(8, len(keys) + 1)))
    return {key: anything(chance) for key in chosen + chance.choice([[], ["nonsense"]])}


def some_job(chance: random.Random) -> dict[str, Any]:
    """Return what nobody would send, near enough to a job to be read deeply."""
    job = object_of(chance, [field.name for field in dataclasses.fields(JobSpec)])
    blocks = []
    for _ in range(chance.randrange(4)):
        block = object_of(chance, [field.name for field in dataclasses.fields(BlockSpec)])
        block["flags"] = chance.choice([0, 1, 0, "x"])
        if chance.random() < 0.5:
            listed = [object_of(chance, ["name", "command", "files", "environment"]) for _ in range(3)]
            columns = object_of(chance, ["names", "commands", "files", "environment"])
            block["tasks"] = chance.choice([listed, columns])
        blocks.append(block)
    if chance.random() < 0.9:
        job["blocks"] = blocks
    return job


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_sent_is_taken_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        data = some_job(chance)
        with pytest.raises(BadSpec) as caught:
            read_job({**data, "name": 7})
        assert all(problem.what for problem in caught.value.problems)
        spec, _ = JobSpec.read(data)
        assert JobSpec.from_wire(spec.to_wire()) == spec
        classic = JobSpec.from_json(data, strict=False)
        assert all(block.tasks_num >= 0 for block in classic.blocks)
        check_job(classic, strict=False)
