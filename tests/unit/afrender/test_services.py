"""From what the server says about a run to a command, files and a verdict."""

from __future__ import annotations

import msgspec
import pytest

from afcore.pathmap import PathMap
from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from afrender.process.spawn import CannotStart, Exit, shell_words
from afrender.reader import Applications, Reader
from afrender.services.base import CHECK_FILES, SKIP_EXISTING, Service
from afrender.taskfolder import found_text
from tests.unit.afrender.test_agent import spec

NUMERIC = spec()
LISTED = msgspec.structs.replace(spec(), numeric=False, frame_start=0, frame_end=0, flags=0)


def plan_of(base: RunSpec, **changes: object):
    reader = Applications(changes.pop("paths", None)).prepare(msgspec.structs.replace(base, **changes))  # type: ignore[arg-type]
    assert isinstance(reader, Reader), reader
    return reader.plan


@pytest.mark.parametrize(
    ("pattern", "start", "end", "command"),
    [
        ("echo @#@ @###@ [@##@] @#@", 1, 2, "echo 1 002 [01] 2"),
        ("@#@ a @#@ b @#@", 1, 2, "1 a 2 b 1"),
        ("@####@", -5, -5, "-005"),
        ("plain", 1, 1, "plain"),
    ],
)
def test_a_numeric_command_is_filled_with_frames(pattern, start, end, command):
    assert plan_of(NUMERIC, command=pattern, frame_start=start, frame_end=end).command == command


@pytest.mark.parametrize(
    ("pattern", "own", "command"),
    [
        ("echo [@#@] end", "one", "echo [one] end"),
        ("echo [@#@] end", "", "echo [@#@] end"),
        ("echo pre ", "one", "echo pre one"),
        ("", "one", "one"),
    ],
)
def test_a_listed_command_is_filled_with_the_tasks_own_text(pattern, own, command):
    assert plan_of(LISTED, command=pattern, task_command=own).command == command


def test_a_list_of_words_is_filled_word_by_word_and_starts_without_a_shell():
    words = plan_of(NUMERIC, command=["render", "-f", "@##@", "a b"], frame_start=7, frame_end=7).command
    assert words == ["render", "-f", "07", "a b"]
    assert shell_words(words, "/bin/sh -c") == words
    assert shell_words("a b; c", "/bin/sh -c") == ["/bin/sh", "-c", "a b; c"]
    assert plan_of(LISTED, command=["render", "@#@"], task_command="x").command == ["render", "x"]


def test_paths_are_translated_in_command_folder_environment_and_files():
    plan = plan_of(
        NUMERIC,
        paths=PathMap([("/local/prj/", "/ps/prj/")]),
        command="render /ps/prj/a.@#@",
        working_directory="/ps/prj/shot",
        environment={"CACHE": "/ps/prj/cache", "EMPTY": ""},
        files=["img.@##@.exr", "/ps/prj/b.@#@.exr"],
        frame_start=1,
        frame_end=3,
        frame_inc=2,
        frames=2,
    )
    assert plan.command == "render /local/prj/a.1"
    assert plan.folder == "/local/prj/shot"
    assert plan.environment == {"CACHE": "/local/prj/cache", "AF_JOB_ID": "2", "AF_BLOCK_ID": "0", "AF_TASK_ID": "0"}
    assert plan.files == [
        "/local/prj/shot/img.01.exr",
        "/local/prj/shot/img.03.exr",
        "/local/prj/b.1.exr",
        "/local/prj/b.3.exr",
    ]


def test_files_of_a_listed_task():
    assert plan_of(LISTED, command="x", files=["/@#@.exr"], task_files=["a", "b"]).files == ["/a.exr", "/b.exr"]
    assert plan_of(LISTED, command="x", task_files=["/a.exr"]).files == ["/a.exr"]


def test_capacity_hosts_and_devices_reach_the_command():
    command = "render -j @AF_CAPACITY@ @AF_HOSTS@"
    assert plan_of(NUMERIC, command=command).command == command
    plan = plan_of(NUMERIC, command=command, coefficient=4, hosts=["a", "b"], devices=[1, 2])
    assert plan.command == "render -j 4 -H a,b"
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == "1,2"
    assert plan.environment["AF_GPUS"] == "1,2"


def test_a_service_gives_files_back_as_the_farm_knows_them(monkeypatch, tmp_path):
    class publishes(Service):
        def post_commands(self, files):
            return [["publish", self.paths.to_server(file)] for file in files]

    (tmp_path / "a.exr").write_text("x")
    applications = Applications(PathMap([(f"{tmp_path}/", "/ps/prj/")]))
    monkeypatch.setattr(applications._services, "find", lambda name: publishes)
    run = msgspec.structs.replace(NUMERIC, command="x /ps/prj/a", working_directory="/ps/prj", parser="generic")
    reader = applications.prepare(run)
    assert reader.plan.command == f"x {tmp_path}/a"
    (tmp_path / "b.exr").write_text("x")
    reader.feed(f"@IMAGE@{tmp_path}/a.exr\n@IMAGE!@{tmp_path}/b.exr\n".encode(), 1)
    assert reader.pictures == [f"{tmp_path}/b.exr"], "thumbnails are made of what lies here"
    judged = reader.judge(Exit(0))
    assert judged.post == [["publish", "/ps/prj/a.exr"]] and judged.pictures == [f"{tmp_path}/a.exr"]
    assert judged.found == ["/ps/prj/a.exr", "/ps/prj/b.exr"]


def test_the_list_of_found_files_has_whole_lines_within_its_limit():
    assert found_text(["/a/1", "/a/2\n3"]) == b"/a/1\n/a/2 3\n"
    assert found_text(["/a/1", "/a/2"], most=9) == b"/a/1\n"


def test_an_empty_command_does_not_start():
    refused = Applications().prepare(msgspec.structs.replace(NUMERIC, command=""))
    assert isinstance(refused, CannotStart) and "empty" in refused.sentence


def test_existing_files_are_skipped_only_when_all_are_there(tmp_path):
    folder = {"working_directory": str(tmp_path), "files": ["a", "b"], "flags": SKIP_EXISTING, "file_size_min": 3}
    (tmp_path / "a").write_text("full")
    (tmp_path / "b").write_text("x")
    plan = plan_of(NUMERIC, **folder)
    assert not plan.skip and "1 of 2" in plan.notes[0]
    (tmp_path / "b").write_text("full")
    assert plan_of(NUMERIC, **folder).skip


def test_rendered_files_are_checked_after_a_good_end(tmp_path):
    run = msgspec.structs.replace(
        NUMERIC, working_directory=str(tmp_path), files=["a"], flags=CHECK_FILES, file_size_max=3
    )
    reader = Applications().prepare(run)
    assert reader.judges_files
    assert reader.judge(Exit(0)).status is RunStatus.BAD_FILES
    (tmp_path / "a").write_text("full")
    assert "more than" in reader.judge(Exit(0)).sentence
    (tmp_path / "a").write_text("ful")
    assert reader.judge(Exit(0)).status is RunStatus.SUCCESS
    assert reader.judge(Exit(2)).status is RunStatus.ERROR
    assert reader.judge(Exit(0, signal=9)).status is RunStatus.KILLED


def test_a_service_that_is_not_here_is_the_general_one_and_one_that_fails_is_that_tasks_failure(monkeypatch):
    assert plan_of(NUMERIC, service="houdini", command="x").command == "x"

    class Broken:
        def __init__(self, run, paths) -> None:
            raise KeyError("scene")

    applications = Applications()
    monkeypatch.setattr(applications._services, "find", lambda name: Broken)
    refused = applications.prepare(NUMERIC)
    assert isinstance(refused, CannotStart)
    assert "generic" in refused.sentence and "KeyError" in refused.sentence and "scene" in refused.hint
