"""The submitter API: every setter writes the key that the farm reads, and faults are told before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afcore.jobcheck import read_job
from afcore.jobspec import JobSpec
from afnet import api as af

JOBS = Path(__file__).parents[2] / "data" / "jobs"


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AF_USERNAME", "STUDIO\\Jimmy")
    monkeypatch.setenv("PWD", "/home/jimmy/work")


def sample_job() -> af.Job:
    job = af.Job("job")
    block = af.Block("block")
    block.setNumeric(1, 10)
    block.setCommand("render @#@")
    job.blocks.append(block)
    return job


def test_the_first_python_job_is_what_the_farm_reads() -> None:
    job = af.Job("example job")
    block = af.Block("block of tasks")
    task = af.Task("simple task")
    task.setCommand("ls -l")
    block.tasks.append(task)
    job.blocks.append(block)
    assert job.checkJob()
    spec = JobSpec.from_json(job.data)
    assert (spec.name, spec.user_name, spec.priority, spec.branch) == ("example job", "jimmy", 99, "/home/jimmy/work")
    (read,) = spec.blocks
    assert (read.name, read.service, read.parser, read.capacity) == ("block of tasks", "generic", "generic", 1000)
    assert (read.task_name(0), read.task_command(0), read.tasks_num) == ("simple task", "ls -l", 1)
    assert read.working_directory == "/home/jimmy/work"


def test_the_first_json_job_is_read() -> None:
    data = json.loads((JOBS / "seed_job.json").read_text(encoding="utf-8"))
    job = read_job(data["job"])
    (block,) = job.blocks
    assert (block.numeric, block.tasks_num, job.command_post) == (True, 5, "deletefiles path/to/some.scene")
    assert block.task_name(1) == "frames 21-39"
    assert block.task_command(4) == "nuke -F81,99 -x scene.nk -X Write1"
    assert block.task_files(0)[:2] == ["img_L.0001.jpg", "img_L.0003.jpg"]
    assert len(block.task_files(0)) == 20


BLOCK_SETTERS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("setName", ("n",), {"name": "n"}),
    ("setTasksName", ("f @#@",), {"tasks_name": "f @#@"}),
    ("setService", ("hbatch_mantra",), {"service": "hbatch_mantra", "parser": "hbatch_mantra"}),
    ("setService", ("nuke", True), {"service": "nuke"}),
    ("setService", ("studio_own",), {"service": "studio_own"}),
    ("setParser", ("nuke",), {"parser": "nuke"}),
    (
        "setNumeric",
        (1, 9, 2, 3),
        {"frame_first": 1, "frame_last": 9, "frames_per_task": 2, "frames_inc": 3, "flags": 1},
    ),
    ("setFramesPerTask", (-4,), {"frames_per_task": -4}),
    ("setSequential", (10,), {"sequential": 10}),
    ("setCapacity", (500,), {"capacity": 500}),
    ("setCapacity", (0,), {}),
    ("setVariableCapacity", (1, 4), {"capacity_coeff_min": 1, "capacity_coeff_max": 4}),
    ("setVariableCapacity", (-1, -1), {}),
    ("setWorkingDirectory", ("/w",), {"working_directory": "/w"}),
    ("setCommand", ("c",), {"command": "c"}),
    ("setCommand", (["a", "b c"],), {"command": ["a", "b c"]}),
    ("setCmdPre", ("c",), {"command_pre": "c"}),
    ("setCmdPost", ("c",), {"command_post": "c"}),
    ("setFiles", (["a", "b"],), {"files": ["a", "b"]}),
    ("setFiles", ("a",), {"files": ["a"]}),
    ("setEnv", ("A", 1), {"environment": {"A": "1"}}),
    ("addTicket", ("LIC", 2), {"tickets": {"LIC": 2}}),
    ("setParserCoeff", (3,), {"parser_coeff": 3}),
    ("setErrorsAvoidHost", (1,), {"errors_avoid_host": 1}),
    ("setErrorsForgiveTime", (1,), {"errors_forgive_time": 1}),
    ("setErrorsRetries", (0,), {"errors_retries": 0}),
    ("setErrorsTaskSameHost", (1,), {"errors_task_same_host": 1}),
    ("setNeedHDD", (7,), {"need_hdd": 7}),
    ("setNeedHDD", (0,), {}),
    ("setNeedMemory", (7,), {"need_memory": 7}),
    ("setNeedPower", (7,), {"need_power": 7}),
    ("setNeedCPUCores", (7,), {"need_cpu_cores": 7}),
    ("setNeedGPUMemGB", (1.5,), {"need_gpu_mem_mb": 1536}),
    ("setNeedCPUFreqGHz", (2.5,), {"need_cpu_freq_mgz": 2500}),
    ("setNeedCPUFreqCores", (20,), {"need_cpu_freq_cores": 20000}),
    ("setDependSubTask", (), {"flags": 16}),
    ("setTasksMaxRunTime", (7,), {"task_max_run_time": 7}),
    ("setTaskMaxRunTime", (7,), {"task_max_run_time": 7}),
    ("setTaskMinRunTime", (7,), {"task_min_run_time": 7}),
    ("setTaskProgressChangeTimeout", (7,), {"task_progress_change_timeout": 7}),
    ("setMaxRunningTasks", (0,), {"max_running_tasks": 0}),
    ("setMaxRunningTasks", (-1,), {}),
    ("setMaxRunTasksPerHost", (1,), {"max_running_tasks_per_host": 1}),
    ("setMaxRunTasksPerHost", (-1,), {}),
    ("setHostsMask", ("r.*",), {"hosts_mask": "r.*"}),
    ("setHostsMaskExclude", ("r.*",), {"hosts_mask_exclude": "r.*"}),
    ("setDependMask", ("r.*",), {"depend_mask": "r.*"}),
    ("setTasksDependMask", ("r.*",), {"tasks_depend_mask": "r.*"}),
    ("setNeedProperties", ("gpu",), {"need_properties": "gpu"}),
    ("setCustomData", ("x",), {"custom_data": "x"}),
    ("skipThumbnails", (), {"flags": 32}),
    ("skipExistingFiles", (10, 20), {"flags": 64, "file_size_min": 10, "file_size_max": 20}),
    ("checkRenderedFiles", (), {"flags": 128}),
    (
        "setMultiHost",
        (2, 4, 10, True, "s", 5),
        {
            "flags": 12,
            "multihost_min": 2,
            "multihost_max": 4,
            "multihost_max_wait": 10,
            "multihost_service": "s",
            "multihost_service_wait": 5,
        },
    ),
    ("setMultiHost", (2, 4), {"flags": 4, "multihost_min": 2, "multihost_max": 4, "multihost_max_wait": 0}),
    ("setSlaveLostIgnore", (), {"flags": 256}),
    ("setTasksSuspended", (), {"flags": 1024}),
]

JOB_SETTERS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("setName", ("n",), {"name": "n"}),
    ("setName", ("",), {}),
    ("setUserName", ("Ann",), {"user_name": "ann"}),
    ("setUserName", ("",), {}),
    ("setPriority", (300,), {"priority": 250}),
    ("setPriority", (-1,), {}),
    ("setCmdPre", ("c",), {"command_pre": "c"}),
    ("setCmdPost", ("c",), {"command_post": "c"}),
    ("setPostDeleteFiles", ("/a b",), {"command_post": 'deletefiles "/a b"'}),
    ("setFolder", ("output", "/o"), {"folders": {"output": "/o"}}),
    ("setBranch", ("/b",), {"branch": "/b"}),
    ("setPools", ({"/p": 5},), {"pools": {"/p": 5}}),
    ("tryTask", (1, 2), {"try_this_blocks_num": [1], "try_this_tasks_num": [2]}),
    ("setAnnotation", ("x",), {"annotation": "x"}),
    ("setDescription", ("x",), {"description": "x"}),
    ("setProject", ("x",), {"project": "x"}),
    ("setDepartment", ("x",), {"department": "x"}),
    ("setCustomData", ("x",), {"custom_data": "x"}),
    ("setWaitTime", (99999999999.5,), {"time_wait": 99999999999}),
    ("setWaitTime", (5,), {}),
    ("setTimeLife", ("240",), {"time_life": 240}),
    ("setTimeLife", (-4,), {}),
    ("setMaxRunningTasks", (4,), {"max_running_tasks": 4}),
    ("setMaxRunningTasks", (-4,), {}),
    ("setMaxRunTasksPerHost", (1,), {"max_running_tasks_per_host": 1}),
    ("setMaxRunTasksPerHost", (-1,), {}),
    ("setHostsMask", ("r.*",), {"hosts_mask": "r.*"}),
    ("setHostsMaskExclude", ("r.*",), {"hosts_mask_exclude": "r.*"}),
    ("setHostsMaskType", ("find",), {"hosts_mask_type": "find"}),
    ("setDependMask", ("r.*",), {"depend_mask": "r.*"}),
    ("setDependMaskGlobal", ("r.*",), {"depend_mask_global": "r.*"}),
    ("setNeedOS", ("linux",), {"need_os": "linux"}),
    ("setNeedProperties", ("gpu",), {"need_properties": "gpu"}),
    ("setAnyOS", (), {"need_os": ""}),
    ("setPPApproval", (), {"ppa": True}),
    ("setMaintenance", (), {"maintenance": True}),
    ("setIgnoreNimby", (), {"ignorenimby": True}),
    ("setIgnorePaused", (), {"ignorepaused": True}),
    *((name, (), {"offline": True}) for name in ("pause", "setPaused", "setOffline", "offline", "offLine")),
]


def written(make: Callable[[], Any], name: str, values: tuple[Any, ...]) -> dict[str, Any]:
    before, after = make(), make()
    getattr(after, name)(*values)
    if isinstance(after, af.Job):
        before.data.pop("time_creation"), after.data.pop("time_creation")
    return {key: value for key, value in after.data.items() if before.data.get(key) != value}


@pytest.mark.parametrize(("name", "values", "keys"), BLOCK_SETTERS)
def test_setters_of_a_block(name: str, values: tuple[Any, ...], keys: dict[str, Any]) -> None:
    assert written(af.Block, name, values) == keys
    block = af.Block()
    getattr(block, name)(*values)
    JobSpec.from_json({"name": "j", "blocks": [block.data]})


@pytest.mark.parametrize(("name", "values", "keys"), JOB_SETTERS)
def test_setters_of_a_job(name: str, values: tuple[Any, ...], keys: dict[str, Any]) -> None:
    assert written(af.Job, name, values) == keys
    job = af.Job()
    getattr(job, name)(*values)
    JobSpec.from_json(job.data)


def test_every_public_method_has_a_test() -> None:
    tested = {name for name, _, _ in BLOCK_SETTERS} | {"setFlag", "addTasks", "fillTasks"}
    assert {name for name in vars(af.Block) if not name.startswith("_")} <= tested
    tested = {name for name, _, _ in JOB_SETTERS} | {"setNativeOS", "fillBlocks", "checkJob", "output", "send"}
    assert {name for name in vars(af.Job) if not name.startswith("_")} <= tested


def test_tasks() -> None:
    task = af.Task("t")
    task.setName("")
    task.setCommand("c")
    task.setFiles(["a"])
    task.setFiles(["b"])
    task.setEnv("X", "1")
    assert task.data == {"name": "t", "command": "c", "files": ["a", "b"], "environment": {"X": "1"}}


def test_a_great_many_tasks_are_columns() -> None:
    block = af.Block("b")
    block.addTasks(["one", "two"])
    block.fillTasks()
    assert block.data["tasks"] == {"commands": ["one", "two"]}
    block.addTasks(["three"], ["last"])
    job = af.Job("j")
    job.blocks.append(block)
    assert job.checkJob()
    read = JobSpec.from_json(job.data).blocks[0]
    assert [(read.task_name(n), read.task_command(n)) for n in range(3)] == [
        ("", "one"),
        ("", "two"),
        ("last", "three"),
    ]
    with pytest.raises(af.Conflict, match="1 names for 2 commands"):
        block.addTasks(["a", "b"], ["c"])
    block.tasks.append(af.Task())
    with pytest.raises(af.Conflict, match='block "b": tasks are listed in two ways'):
        job.checkJob()
    with pytest.raises(af.Conflict, match='block "b": frames can not be set'):
        block.setNumeric(1, 2)


def test_names_of_this_system_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    job = af.Job()
    job.setNativeOS()
    assert job.data["need_os"] in ("linux", "macosx", "windows")
    assert (job.data["name"], job.data["user_name"]) == ("noname", "jimmy")
    for variable in ("AF_USERNAME", "USER", "USERNAME", "LOGNAME", "LNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert af.Job().data["user_name"]
    monkeypatch.setenv("CGRU_USERNAME", "Ann")
    assert af.Job().data["user_name"] == "ann"


def test_paths_prefix_and_defaults_come_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"pathsmap": [["/mnt/p/", "/ps/"]], "af_cmdprefix": "nice ", "af_priority": 7}
    (tmp_path / "c.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("AF_CONFIG", str(tmp_path / "c.json"))
    monkeypatch.setenv("PWD", "/mnt/p/work")
    block = af.Block()
    block.setCommand("render /mnt/p/a")
    assert block.data["command"] == "nice render /ps/a"
    block.setCommand("render /mnt/p/a", False, False)
    assert block.data["command"] == "render /mnt/p/a"
    block.setFiles(["/mnt/p/f"], False)
    assert (block.data["files"], block.data["working_directory"]) == (["/mnt/p/f"], "/ps/work")
    assert af.Job().data["priority"] == 7
    monkeypatch.setenv("AF_CMD_PREFIX", "trace ")
    block.setCommand("x")
    assert block.data["command"] == "trace x"


def test_folders_and_branch_are_filled_when_nobody_set_them() -> None:
    job = sample_job()
    job.blocks[0].setFiles(["out/img.@#@.jpg"])
    job.fillBlocks()
    assert job.data["folders"] == {"block": "/home/jimmy/work/out"}
    assert job.data["branch"] == "/home/jimmy/work"
    other = sample_job()
    other.setFolder("output", "/o")
    other.fillBlocks()
    assert (other.data["folders"], other.data["branch"]) == ({"output": "/o"}, "/o")
    named = sample_job()
    named.setBranch("/b")
    named.fillBlocks()
    assert (named.data["branch"], "folders" in named.data) == ("/b", False)


def test_everything_wrong_is_told_before_anything_is_sent() -> None:
    job = sample_job()
    job.blocks[0].setNumeric(10, 5, 0)
    job.blocks[0].setDependMask("a(")
    job.blocks.append(af.Block("empty"))
    with pytest.raises(af.BadSpec) as caught:
        job.send()
    assert [problem.path for problem in caught.value.problems] == [
        "blocks[0].depend_mask",
        "blocks[0].frames_per_task",
        "blocks[0].frame_last",
        "blocks[1]",
    ]
    ok, answer = job.send(raising=False)
    assert not ok
    assert answer["error"]["code"] == "bad_spec"
    assert answer["error"]["problems"][3]["what"] == "the block has no tasks"
    with pytest.raises(af.Error, match="the job has no blocks"):
        af.Job("x").checkJob()


def test_a_job_is_written_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    text = sample_job().output()
    assert json.loads(text)["job"]["blocks"][0]["frame_last"] == 10
    assert capsys.readouterr().out.strip() == text


def test_helpers_of_old_scripts() -> None:
    assert [af.checkRegExp(pattern) for pattern in ("a.*", "", "a(")] == [True, False, False]
    assert [af.checkClass("nuke", "services"), af.checkClass("redshift", "services")] == [True, False]
    assert af.checkClass("none", "parsers")
