"""The script's view of the farm (``af.Cmd``) against a whole server: every call, and what it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afnet import api as af
from afnet.api import afcmd
from tests.wire.test_classic_server import Served, served


@pytest.fixture(autouse=True)
def _who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AF_USERNAME", "jimmy")


def with_server(folder: Path, play: Callable[[str], None]) -> None:
    """Run a play that blocks, with the address of a server."""

    async def run(farm: Served) -> None:
        await asyncio.get_running_loop().run_in_executor(None, play, f"127.0.0.1:{farm.port}")

    served(run, folder)


def make_job() -> af.Job:
    job = af.Job("scripted")
    numeric = af.Block("frames")
    numeric.setNumeric(1, 4)
    numeric.setCommand("render @#@")
    listed = af.Block("listed")
    task = af.Task("one")
    task.setCommand("true")
    listed.tasks.append(task)
    job.blocks += [numeric, listed]
    job.setOffline()
    return job


def test_a_script_submits_looks_changes_and_deletes(tmp_path: Path) -> None:
    def play(server: str) -> None:
        cmd = af.Cmd(server=server, raising=True)
        sent, answer = make_job().send(server=server)
        assert sent is True
        id = answer["id"]
        assert [job["id"] for job in cmd.getJobList() if job["name"] == "scripted"] == [id]
        (job,) = cmd.getJobList([id])
        assert "command" not in job["blocks"][0]
        (whole,) = cmd.getJobInfo(id)
        assert [block["command"] for block in whole["blocks"]] == ["render @#@", ""]
        assert whole["blocks"][1]["tasks"] == [{"name": "one", "command": "true"}]
        assert [len(block) for block in cmd.getJobProgress(id)["progress"]] == [4, 1]

        done = {"info": {"kind": "log", "text": "Action processed."}}
        assert cmd.setJobPriorityById(id, 33) == done == cmd.setJobParams(id, {"annotation": "x"})
        assert cmd.setBlockParams(id, 0, {"capacity": 500}) == done == cmd.setJobState(id, "start")
        assert cmd.setBlockState(id, 0, "skip", [1, 2]) == done
        (job,) = cmd.getJobList([id])
        assert (job["priority"], job["annotation"], job["blocks"][0]["capacity"]) == (33, "x", 500)
        assert job["blocks"][0]["p_tasks_skipped"] == 2 and "OFF" not in job["state"]
        assert cmd.setBlockState(id, 0, "restart") == done
        assert "p_tasks_skipped" not in cmd.getJobList([id])[0]["blocks"][0]
        added = af.Block("more")
        added.setNumeric(1, 2)
        assert cmd.appendBlocks(id, [added]) == {"block_ids": [2]}
        assert cmd.appendTasks(id, 1, [af.Task("two"), {"name": "three"}]) == {"task_ids": [1, 2]}
        assert cmd.getTaskOutput(id, 0, 0) == "ERROR: Task is not started."
        assert cmd.stopJobById(id) == done and "OFF" in cmd.getJobList([id])[0]["state"]

        monitor = cmd.monitorRegister()
        assert monitor > 0
        cmd.monitorSubscribe(monitor, "jobs")
        cmd.monitorChangeUid(monitor, 0)
        assert cmd.monitorEvents(monitor) == {"events": None}
        assert cmd.deleteJobById(id) == done
        assert cmd.monitorEvents(monitor)["events"]["jobs_del"] == [id]
        assert "Instruction" in cmd.monitorExit()["info"]["text"]
        assert cmd.monitorUnregister(monitor) is None
        assert cmd.monitorEvents(monitor) == {"monitor": {"id": 0}}
        make_job().send(server=server)
        assert cmd.deleteJob("scripted") == done

        assert "/" in [pool["name"] for pool in cmd.getPoolList()]
        assert [branch["name"] for branch in cmd.getBranchList()][0] == "/"
        assert "jimmy" in [user["name"] for user in cmd.getUserList()]
        assert cmd.renderGetList() == [] == cmd.renderGetLocal() == cmd.renderGetResources()

    with_server(tmp_path, play)


RENDER_CALLS = {
    "renderSetNimby": {"nimby": True},
    "renderSetNIMBY": {"NIMBY": True},
    "renderSetFree": {"nimby": False},
    "renderSetFreeUnpause": {"nimby": False, "paused": False},
    "renderEjectTasks": "eject_tasks",
    "renderEjectNotMyTasks": "eject_tasks_keep_my",
    "renderEjectAndNIMBY": "eject_tasks",
    "renderExit": "exit",
}


def test_the_objects_of_afcmd(tmp_path: Path) -> None:
    def play(server: str) -> None:
        cmd = af.Cmd(server=server)
        id = make_job().send(server=server)[1]["id"]
        job = afcmd.getJob(id, cmd)
        assert job is not None and (job.name, job.user_name, job.id) == ("scripted", "jimmy", id)
        assert [block.name for block in job.blocks] == ["frames", "listed"]
        done = {"info": {"kind": "log", "text": "Action processed."}}
        assert job.setParam("srv_info", "told") == done == job.blocks[0].setParam("srv_info", "of the block")
        assert job.blocks[1].appendTasks([{"name": "two", "command": "true"}]) == {"task_ids": [1]}
        assert job.operation("start") == done == job.blocks[0].operation("skip", task_ids=[0])
        (again,) = afcmd.getJobList([id], cmd)
        assert again.get("m_srv_info") == "told" and again.blocks[0].srv_info == "of the block"
        with pytest.raises(AttributeError, match="Job scripted has no nonsense"):
            _ = again.nonsense
        assert [len(block) for block in again.getProgress()["progress"]] == [4, 2]
        (root,) = afcmd.getPoolList(cmd)
        assert root.addService("blender")["info"]["kind"] == "log"
        assert afcmd.getPoolList(cmd)[0].services == ["blender"]
        assert afcmd.getRenderList("", cmd) == [] == afcmd.getRenderResources("", cmd)
        monitor = afcmd.Monitor(cmd=cmd)
        assert monitor.id > 0 and "events" in monitor.events()
        assert afcmd.getJob(id + 100, cmd) is None

    with_server(tmp_path, play)


@pytest.mark.parametrize("call", RENDER_CALLS)
def test_calls_about_the_render_of_this_machine(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    cmd = af.Cmd()
    monkeypatch.setattr(cmd, "request", lambda request, **words: sent.append(request["action"]) or {"ok": 1})
    assert getattr(cmd, call)() == {"ok": 1}
    (action,) = sent
    expected = RENDER_CALLS[call]
    assert action["type"] == "renders" and action["mask"] and action["user_name"] == "jimmy"
    assert (action.get("params") if isinstance(expected, dict) else action["operation"]["type"]) == expected
    assert (action.get("params") == {"NIMBY": True}) == (call in ("renderEjectAndNIMBY", "renderSetNIMBY"))


def test_a_script_hears_of_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def play(server: str) -> None:
        quiet = af.Cmd(server=server)
        refused = {"info": {"kind": "error", "text": "Action node ID not found: 77."}}
        assert quiet.setJobPriorityById(77, 1) == refused
        with pytest.raises(af.Rejected, match="not found: 77"):
            af.Cmd(server=server, raising=True).setJobPriorityById(77, 1)

    with_server(tmp_path, play)
    assert af.Cmd(server="127.0.0.1:9").getJobList() is None
    assert "No farm server answers at 127.0.0.1:9" in capsys.readouterr().err
    with pytest.raises(af.WireError):
        af.Cmd(server="127.0.0.1:9", raising=True).getJobList()
