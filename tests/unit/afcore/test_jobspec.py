"""What a submitter may say: reading, refusing, writing, and the texts of a task."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from afcore.errors import BadSpec, Problem
from afcore.jobspec import BlockFlag, BlockSpec, JobSpec, TaskTexts

SAMPLE: dict[str, Any] = {
    "name": "shot",
    "user_name": "jimmy",
    "priority": 50,
    "branch": "/proj",
    "folders": {"output": "/proj/out"},
    "pools": {"/fast": 10},
    "offline": True,
    "blocks": [
        {
            "flags": 1,
            "name": "render",
            "service": "generic",
            "command": "render @#@ @####@",
            "frame_first": 1,
            "frame_last": 7,
            "frames_per_task": 2,
            "files": ["out.@####@.jpg"],
            "environment": {"A": "1"},
        },
        {
            "name": "post",
            "service": "generic",
            "tasks_name": "t @#@",
            "depend_mask": "render",
            "tasks": [
                {"name": "one", "command": "echo ONE", "files": ["a.txt"]},
                {"name": "two", "command": "echo TWO", "environment": {"X": "y"}},
            ],
        },
    ],
}


def problems(data: Any) -> list[Problem]:
    with pytest.raises(BadSpec) as caught:
        JobSpec.from_json(data)
    return caught.value.problems


def one_block(**keys: Any) -> BlockSpec:
    return JobSpec.from_json({"name": "j", "blocks": [keys]}).blocks[0]


def test_a_job_goes_through_json_and_wire_unchanged() -> None:
    before = copy.deepcopy(SAMPLE)
    job = JobSpec.from_json(SAMPLE)
    assert before == SAMPLE
    assert JobSpec.from_json(job.to_json()) == job
    assert JobSpec.from_json(job.to_json(), strict=False) == job
    assert JobSpec.from_wire(job.to_wire()) == job
    packed = msgspec.msgpack.encode(job.to_wire())
    assert JobSpec.from_wire(msgspec.msgpack.decode(packed, strict=False)) == job
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(job), type=JobSpec) == job
    assert job.tasks_num == 4 + 2


def test_texts_of_tasks() -> None:
    render, post = JobSpec.from_json(SAMPLE).blocks
    assert [render.task_name(i) for i in (0, 3)] == ["frame 1-2", "frame 7"]
    assert render.task_command(1) == "render 3 0004"
    assert render.task_files(1) == ["out.0003.jpg", "out.0004.jpg"]
    assert render.task_environment(0) == {"A": "1"}
    assert [post.task_name(0), post.task_command(0), post.task_files(0)] == ["t one", "echo ONE", ["a.txt"]]
    assert post.task_files(1) == []
    assert post.task_environment(1) == {"X": "y"}
    assert [post.order().index(rank) for rank in range(2)] == [0, 1]
    assert render.order().tasks == 4


def test_files_of_listed_tasks_fill_the_patterns_of_the_block() -> None:
    tasks = [{"command": "", "files": "a.exr; b.exr"}, {"command": ""}]
    block = one_block(files="out/;@#@.jpg", tasks=tasks)
    assert block.task_files(0) == ["out/a.exr", "out/b.exr", "a.exr.jpg", "b.exr.jpg"]
    assert block.task_files(1) == ["out/", "@#@.jpg"]


def test_a_command_may_be_a_list_of_arguments() -> None:
    block = one_block(command=["r", "-s", "@#@", "-e", "@#@", "a;b"], frame_first=1, frame_last=4, frames_per_task=2)
    assert block.task_command(1) == ["r", "-s", "3", "-e", "4", "a;b"]
    tasks = [{"command": "x y"}, {"command": ""}]
    assert one_block(command=["run", "--in=@#@"], tasks=tasks).task_command(0) == ["run", "--in=x y"]
    assert one_block(command=["run"], tasks=tasks).task_command(0) == ["run", "x y"]
    assert one_block(command=["run"], tasks=tasks).task_command(1) == ["run"]
    assert one_block(command=[], tasks=tasks).task_command(0) == "x y"


def test_a_block_with_frames_and_no_tasks_is_numeric() -> None:
    assert one_block(frame_first=1, frame_last=3).numeric
    # An empty list lists nothing.
    assert one_block(tasks=[], frame_first=1, frame_last=3).tasks_num == 3
    # What classic submitters say beside a list is passed over, and said no more: the job could be submitted again.
    classic = {"tasks": [{"command": "a"}, {"command": "b"}], "frame_first": 1, "frame_last": 9}
    job = JobSpec.from_json({"name": "j", "blocks": [classic]}, strict=False)
    assert not job.blocks[0].numeric and job.tasks_num == 2
    assert JobSpec.from_json(job.to_json()).tasks_num == 2
    assert not one_block(command="a").numeric


def test_other_spellings_and_what_the_farm_writes_back() -> None:
    block = one_block(cmd_pre="a", cmd_post="b", depend_sub_task=True, block_num=0, state=" RDY", st=1)
    assert (block.command_pre, block.command_post, block.depend_sub_task) == ("a", "b", True)
    assert one_block(files="a.@#@.jpg;b.@#@.jpg").files == ["a.@#@.jpg", "b.@#@.jpg"]
    assert JobSpec.from_json({"name": "j", "serial": 7, "time_done": 3}).name == "j"
    assert JobSpec.from_json({"name": None, "priority": 7.0}) == JobSpec(priority=7)


def test_bits_that_follow_from_other_fields() -> None:
    assert one_block(capacity_coeff_min=2).has(BlockFlag.VAR_CAPACITY)
    assert one_block(multihost_min=1, multihost_max=3).has(BlockFlag.MULTI_HOST)
    assert not one_block(multihost_min=4, multihost_max=3).has(BlockFlag.MULTI_HOST)
    block = one_block(flags=16 + 32 + 64 + 128 + 1024)
    assert block.depend_sub_task and block.skip_thumbnails and block.skip_existing_files
    assert block.check_rendered_files and block.suspend_new_tasks


def test_all_problems_are_told_at_once_with_their_paths() -> None:
    found = problems(
        {
            "nam": "x",
            "priority": "high",
            "offline": 1,
            "pools": {"/a": "b"},
            "folders": ["x"],
            "description": "a\0b",
            "annotation": "\ud800",
            "st": 1 << 70,
            "hidden": 0.5,
            "custom_data": {},
            "try_this_tasks_num": [1, "2"],
            "try_this_blocks_num": 7,
            "blocks": [
                {"comand": "x", "frame_first": 1.5, "files": [1], "environment": {"A": 1}, "capacity": None},
                7,
                {"tasks": [{"comand": "x"}, 3, {"name": 1, "command": ["a"], "files": 7, "environment": {"B": 2}}]},
                {"tasks": "none", "files": 7, "command": 9},
            ],
        }
    )
    assert [problem.path for problem in found] == [
        "nam",
        "priority",
        "offline",
        "pools./a",
        "folders",
        "description",
        "annotation",
        "st",
        "hidden",
        "custom_data",
        "try_this_tasks_num[1]",
        "try_this_blocks_num",
        "blocks[0].comand",
        "blocks[0].frame_first",
        "blocks[0].files[0]",
        "blocks[0].environment.A",
        "blocks[1]",
        "blocks[2].tasks[0].comand",
        "blocks[2].tasks[1]",
        "blocks[2].tasks[2].files",
        "blocks[2].tasks[2].environment.B",
        "blocks[2].tasks[2].name",
        "blocks[2].tasks[2].command",
        "blocks[3].files",
        "blocks[3].command",
        "blocks[3].tasks",
    ]
    assert found[0].hint == 'did you mean "name"?'
    assert found[12].hint == 'did you mean "command"?'


@pytest.mark.parametrize("data", [[], "job", None, 7, True, 1.5])
def test_what_is_no_object_is_no_job(data: Any) -> None:
    assert problems(data)[0].what.startswith("must be an object, not ")


def test_a_field_far_from_any_other_is_to_be_removed() -> None:
    assert problems({"zzzzzzzz": 1}) == [Problem("zzzzzzzz", "unknown field", "remove it")]
    assert problems({"blocks": 7})[0].path == "blocks"


def test_classic_reading_passes_over_and_repairs() -> None:
    job = JobSpec.from_json(
        {
            "name": "j\0b",
            "nam": "x",
            "priority": 400,
            "offline": 1,
            "max_tasks_per_second": 99999,
            "pools": {"/a": 500, "": 1, "/b": 0},
            "hosts_mask_type": "odd",
            "annotation": "\ud800",
            "blocks": [
                7,
                {
                    "flags": 1,
                    "frame_first": 10,
                    "frame_last": 5,
                    "frames_per_task": 0,
                    "frames_inc": -3,
                    "capacity": 0,
                    "task_min_run_time": -3,
                },
                {"frames_per_task": 0, "tasks": [{"command": "a", "odd": 1}]},
            ],
        },
        strict=False,
    )
    assert (job.name, job.priority, job.offline, job.max_tasks_per_second) == ("jb", 255, False, 10000)
    assert (job.pools, job.hosts_mask_type, job.annotation) == ({"/a": 100}, "", "?")
    numeric, listed = job.blocks
    assert (numeric.frame_last, numeric.frames_per_task, numeric.frames_inc, numeric.capacity) == (10, 1, 1, 1)
    assert numeric.task_min_run_time == 0
    assert numeric.tasks_num == 1
    assert (listed.frames_per_task, listed.tasks_num) == (1, 1)
    assert JobSpec.from_json({"priority": -1}, strict=False).priority == 99


def test_an_empty_block_has_no_tasks() -> None:
    assert BlockSpec().tasks_num == 0


def test_columns_that_do_not_fit_are_refused() -> None:
    texts = TaskTexts()
    texts.append("a", "b")
    texts.names.append("more")
    with pytest.raises(ValueError, match="as many names as commands"):
        TaskTexts.from_wire(texts.to_wire())


def test_tasks_may_be_given_as_columns() -> None:
    block = one_block(
        tasks={
            "commands": ["a", "é", ""],
            "names": ["x", "y", "z"],
            "files": {"1": ["f"], "2": ""},
            "environment": {"0": {"A": "1"}},
        }
    )
    assert [block.task_command(n) for n in range(3)] == ["a", "é", ""]
    assert (block.task_name(2), block.task_files(1), block.task_environment(0)) == ("z", ["f"], {"A": "1"})
    assert one_block(tasks={"commands": ["a"]}) == one_block(tasks=[{"command": "a"}])


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"comands": []}, 'blocks[0].tasks.comands: unknown field (did you mean "commands"?)'),
        ({"commands": "a"}, "blocks[0].tasks.commands: must be a list of texts, not a text (write it in [brackets])"),
        (
            {"commands": ["a"], "names": ["b", "c"]},
            "blocks[0].tasks.names: has 2 texts, there are 1 commands (give as many)",
        ),
        ({"commands": ["a", 7]}, 'blocks[0].tasks.commands[1]: must be a text, not a number (write it in "quotes")'),
        ({"commands": ["a\0"]}, "blocks[0].tasks.commands[0]: holds a NUL character (remove it)"),
        ({"commands": ["a"], "files": []}, "blocks[0].tasks.files: must be an object by task number, not a list"),
        (
            {"commands": ["a"], "files": {"1": "x"}},
            "blocks[0].tasks.files.1: is no number of a task (there are 1 tasks, numbered from 0)",
        ),
        (
            {"commands": ["a"], "environment": {"-1": {}}},
            "blocks[0].tasks.environment.-1: is no number of a task (there are 1 tasks, numbered from 0)",
        ),
    ],
)
def test_columns_that_are_wrong_are_told(columns: dict[str, Any], sentence: str) -> None:
    found = problems({"name": "j", "blocks": [{"tasks": columns}]})
    assert [str(problem) for problem in found] == [sentence]


def test_not_more_than_a_hundred_problems_are_told() -> None:
    assert len(problems({"name": "j", "blocks": [{"tasks": [7] * 1000}]})) == 100
