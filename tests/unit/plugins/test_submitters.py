"""What submitters inside applications make: jobs that the farm takes, from stand-ins of the applications."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from afcore.jobcheck import read_job

PLUGINS = Path(__file__).parents[3] / "plugins"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script as its application would, and forgets it afterwards."""
    monkeypatch.setenv("AF_USERNAME", "Ann")
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def run(folder: str, name: str) -> ModuleType:
        sys.path.append(str(PLUGINS / folder))
        return importlib.import_module(name)

    yield run
    for name in set(sys.modules) - known:
        if name.startswith("af") and "." not in name:
            del sys.modules[name]


@pytest.fixture
def afjobs(load: Any) -> Any:
    return load("blender/afwatch_submit", "afjobs")


@pytest.mark.parametrize(
    ("path", "frame", "pattern"),
    [
        ("/out/f.0012.exr", 12, "/out/f.@####@.exr"),
        ("C:\\out\\shot_4321.png", 4321, "C:/out/shot_@####@.png"),
        ("/v4321/f.4321.png", 4321, "/v4321/f.@####@.png"),
        ("/out/movie.mp4", 12, "/out/movie.mp4"),
        ("/out/f.00013.exr", 12, "/out/f.00013.exr"),
    ],
)
def test_frames_become_patterns(afjobs: Any, path: str, frame: int, pattern: str) -> None:
    assert afjobs.frame_pattern(path, frame) == pattern


def test_a_job_says_only_what_was_set(afjobs: Any) -> None:
    block = afjobs.blender_block("/prj/a b.blend", 1, 10, step=2, per_task=3, files=["/out/f.@####@.exr"])
    job = afjobs.make_job("shot", [block], pool="/gpu", priority=50, paused=True, depend_mask="", max_running_tasks=-1,
                          hosts_mask="r.*", sequential=-1)  # fmt: skip
    read = read_job(job)
    (made,) = read.blocks
    assert (read.name, read.user_name, read.priority, read.offline, read.pools) == (
        "shot",
        "ann",
        50,
        True,
        {"/gpu": 100},
    )
    assert (read.hosts_mask, read.hosts_mask_type, read.folders) == ("r.*", "regex", {"output": "/out"})
    assert "depend_mask" not in job and "max_running_tasks" not in job
    assert (made.service, made.parser, made.sequential, made.tasks_num) == ("blender", "blender_cycles", -1, 2)
    assert made.task_command(0) == 'blender -b "/prj/a b.blend" -noaudio -s 1 -e 5 -j 2 -a'
    assert made.task_files(1) == ["/out/f.0007.exr", "/out/f.0009.exr"]
    assert "pools" not in afjobs.make_job("shot", [block], pool="/")
    other = afjobs.blender_block("/a.blend", 5, 1, engine="BLENDER_EEVEE", scene="Scene.001")
    assert other["parser"] == "blender_render" and '-S "Scene.001"' in other["command"]
    assert (other["frame_first"], other["frame_last"], other["frames_per_task"]) == (5, 5, 1)


def test_no_server_and_a_refusal_are_sentences(afjobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AF_SERVER", raising=False)
    assert afjobs.server_address() == "127.0.0.1:51000" and afjobs.server_address("farm") == "farm:51000"
    monkeypatch.setenv("AF_SERVER", "a:1,b:2")
    assert afjobs.server_address() == "a:1"
    body = b'{"error": {"sentence": "No.", "problems": [{"path": "name", "what": "is empty"}]}}'
    assert afjobs._refusal(body, 400) == "name: is empty"
    assert afjobs._refusal(b'{"error": {"sentence": "Not you.", "problems": []}}', 403) == "Not you."
    assert "502" in afjobs._refusal(b"<html>", 502)


class Value:
    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value


class Node:
    def __init__(self, plugin: str, name: str, filename: str) -> None:
        self._told = (plugin, name, filename)

    def getPluginID(self) -> str:
        return self._told[0]

    def getScriptName(self) -> str:
        return self._told[1]

    def getParam(self, name: str) -> Value:
        assert name == "filename"
        return Value(self._told[2])


class Natron:
    """Stands for Natron's application object."""

    def __init__(self, *nodes: Node, name: str = "comp.ntp") -> None:
        self._nodes = nodes
        self._parameters = {"projectPath": "/prj/", "projectName": name, "frameRange": (1, 20)}

    def getChildren(self) -> tuple[Node, ...]:
        return self._nodes

    def getProjectParam(self, name: str) -> Value:
        return Value(self._parameters[name])


def test_natron_gives_a_block_to_each_writer(load: Any) -> None:
    natron = load("natron", "afwatch_natron")
    writer = Node("fr.inria.built-in.Write", "Write1", "/out/f.####.exr")
    job = natron.make_job(Natron(Node("fr.inria.built-in.Read", "Read1", ""), writer), frames_per_task=5, pool="/a")
    read = read_job(job)
    (block,) = read.blocks
    assert (read.name, block.name, block.service, block.tasks_num) == ("comp", "Write1", "natron", 4)
    assert block.task_command(0) == 'natron -b -w "Write1" 1-5 "/prj/comp.ntp"'
    assert block.task_files(0)[0] == "/out/f.0001.exr"
    with pytest.raises(natron.afjobs.SubmitError, match="Save the project"):
        natron.make_job(Natron(writer, name=""))
    with pytest.raises(natron.afjobs.SubmitError, match="no writer"):
        natron.make_job(Natron())


class Tool:
    def GetAttrs(self) -> dict[str, Any]:
        return {"TOOLST_Clip_Name": {1.0: "C:\\out\\comp_.exr"}}


class Fusion:
    """Stands for a composition of Fusion."""

    def __init__(self, file: str = "C:\\prj\\shot.comp") -> None:
        self._file = file

    def GetAttrs(self) -> dict[str, Any]:
        return {"COMPS_FileName": self._file, "COMPN_RenderStart": 1.0, "COMPN_RenderEnd": 4.0}

    def GetToolList(self, selected: bool, kind: str) -> dict[float, Tool]:
        assert (selected, kind) == (False, "Saver")
        return {1.0: Tool()}


def test_fusion_renders_its_composition(load: Any) -> None:
    fusion = load("fusion", "afwatch_fusion")
    read = read_job(fusion.make_job(Fusion(), priority=10))
    (block,) = read.blocks
    assert (block.service, block.tasks_num, read.priority) == ("fusion", 4, 10)
    assert block.task_command(1).startswith('fusion "C:/prj/shot.comp" /render /start 2 /end 2')
    assert block.task_files(1) == ["C:/out/comp_0002.exr"]
    with pytest.raises(fusion.afjobs.SubmitError, match="Save the composition"):
        fusion.make_job(Fusion(""))
