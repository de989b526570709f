"""A job as submitters build it: ``Job`` with all its setters, checked here and sent to the farm.

Wrong things raise ``Error`` (the root of ``afcore.errors``): its text is one sentence for a person, ``hint`` says
what to do, and a ``BadSpec`` lists everything that is wrong with the job in ``problems``.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from afcore.errors import AfError, BadSpec, Rejected
from afcore.jobcheck import read_job
from afcore.servicetable import SERVICES
from afnet.api.block import Block
from afnet.api.limited import Limited
from afnet.api.send import send_job, server_list
from afnet.api.site import configuration, host_name, native_os, to_server, user_name

__all__ = ["Job", "checkClass", "checkRegExp"]


class Job(Limited):
    """A job: blocks of tasks in ``blocks``, everything else in ``data`` under the names of the farm's JSON."""

    def __init__(self, name: str | None = None) -> None:
        self.blocks: list[Block] = []
        self.data: dict[str, Any] = {
            "name": name or "noname",
            "user_name": user_name(),
            "host_name": host_name(),
            "priority": configuration()["af_priority"],
            "time_creation": int(time.time()),
        }

    def setName(self, name: str) -> None:
        """Set the name; an empty one changes nothing."""
        if name:
            self.data["name"] = name

    def setUserName(self, name: str) -> None:
        """Set whose job it is, in lower case; an empty name changes nothing."""
        if name:
            self.data["user_name"] = name.lower()

    def setPriority(self, priority: int) -> None:
        """Set the priority, at most 250; a negative one changes nothing."""
        if priority >= 0:
            self.data["priority"] = min(250, priority)

    def setCmdPre(self, command: str, TransferToServer: bool = True) -> None:
        """Set a command that runs when the job is taken."""
        self.data["command_pre"] = to_server(command, TransferToServer)

    def setCmdPost(self, command: str, TransferToServer: bool = True) -> None:
        """Set a command that runs when the job is deleted."""
        self.data["command_post"] = to_server(command, TransferToServer)

    def setPostDeleteFiles(self, path: str, TransferToServer: bool = True) -> None:
        """Delete files when the job is deleted."""
        self.setCmdPost(f'deletefiles "{path}"', TransferToServer)

    def setFolder(self, name: str, folder: str, TransferToServer: bool = True) -> None:
        """Name a folder of the job: ``input``, ``output`` and others, for people and programs."""
        self.data.setdefault("folders", {})[name] = to_server(folder, TransferToServer)

    def setBranch(self, branch: str, TransferToServer: bool = True) -> None:
        """Set the branch of the farm's tree in which the job lies."""
        self.data["branch"] = to_server(branch, TransferToServer)

    def setPools(self, pools: Mapping[str, int]) -> None:
        """Set which pools the job likes: path to -100 (never) … 100 (only there)."""
        self.data["pools"] = dict(pools)

    def tryTask(self, block: int, task: int) -> None:
        """Let a task run before the others."""
        self.data.setdefault("try_this_blocks_num", []).append(block)
        self.data.setdefault("try_this_tasks_num", []).append(task)

    def setAnnotation(self, value: str) -> None:
        """Set a short text shown with the job."""
        self.data["annotation"] = value

    def setDescription(self, value: str) -> None:
        """Set a text about the job."""
        self.data["description"] = value

    def setProject(self, value: str) -> None:
        """Set the project, for statistics."""
        self.data["project"] = value

    def setDepartment(self, value: str) -> None:
        """Set the department, for statistics."""
        self.data["department"] = value

    def setCustomData(self, value: str) -> None:
        """Set a text that is kept with the job."""
        self.data["custom_data"] = value

    def setWaitTime(self, when: float) -> None:
        """Let the job wait until this time, in unix seconds; a time that has passed changes nothing."""
        if when > time.time():
            self.data["time_wait"] = int(when)

    def setTimeLife(self, seconds: int | str) -> None:
        """Delete the job when it is this old; what is no number from 0 changes nothing."""
        if str(seconds).isdigit():
            self.data["time_life"] = int(seconds)

    def setHostsMaskType(self, value: str) -> None:
        """Say what masks of hosts are: ``regex``, or ``find`` for a list of beginnings of names."""
        self.data["hosts_mask_type"] = value

    def setDependMask(self, value: str) -> None:
        """Set the mask of jobs of the same user that must be done before."""
        self.data["depend_mask"] = value

    def setDependMaskGlobal(self, value: str) -> None:
        """Set the mask of jobs of any user that must be done before."""
        self.data["depend_mask_global"] = value

    def setNeedOS(self, value: str) -> None:
        """Set the systems of which a render must be one."""
        self.data["need_os"] = value

    def setNativeOS(self) -> None:
        """Let the job run only on renders with the system of this machine."""
        self.data["need_os"] = native_os()

    def setAnyOS(self) -> None:
        """Let the job run on renders with any system."""
        self.data["need_os"] = ""

    def setPPApproval(self) -> None:
        """Let the job stop after its first tasks until a person approves what they made."""
        self.data["ppa"] = True

    def setMaintenance(self) -> None:
        """Let each task run on the render that has its name."""
        self.data["maintenance"] = True

    def setIgnoreNimby(self) -> None:
        """Let the job run on renders whose user wants them free."""
        self.data["ignorenimby"] = True

    def setIgnorePaused(self) -> None:
        """Let the job run on paused renders."""
        self.data["ignorepaused"] = True

    def setOffline(self) -> None:
        """Let the job begin paused."""
        self.data["offline"] = True

    offline = offLine = pause = setPaused = setOffline

    def fillBlocks(self) -> None:
        """Write the blocks with their tasks into ``data``, and the folders and the branch when nobody set them.

        A block with files names their folder. The branch is the folder ``output``, else ``input``, else the working
        directory of the first block.
        """
        for block in self.blocks:
            block.fillTasks()
        self.data["blocks"] = [block.data for block in self.blocks]
        if "folders" not in self.data:
            found = {}
            for block in self.data["blocks"]:
                if block.get("files"):
                    folder = posixpath.dirname(block["files"][0].replace("\\", "/"))
                    found[block["name"]] = posixpath.join(block.get("working_directory", ""), folder)
            if found:
                self.data["folders"] = found
        if "branch" not in self.data:
            folders = self.data.get("folders", {})
            first = self.data["blocks"][0].get("working_directory") if self.blocks else None
            branch = folders.get("output") or folders.get("input") or first
            if branch:
                self.data["branch"] = branch

    def checkJob(self) -> bool:
        """Return True for a job that can be sent. Raises BadSpec with everything that is wrong with another one."""
        self.fillBlocks()
        read_job(self.data)
        return True

    def output(self) -> str:
        """Write the job as JSON to standard output, and return it."""
        self.fillBlocks()
        text = json.dumps({"job": self.data}, indent=2)
        sys.stdout.write(text + "\n")
        return text

    def send(
        self, verbose: bool = False, *, server: str | None = None, raising: bool = True
    ) -> tuple[bool, dict[str, Any]]:
        """Check the job and send it; return ``(True, answer)``, where the answer has ``id`` and ``serial`` of the job.

        When it comes back, the job is kept for good. ``server`` is ``HOST:PORT``, or several with commas; without it
        ``AF_SERVER`` and the configuration say which. When anything is wrong an error is raised, so that no script
        goes on without noticing; with ``raising=False`` it returns ``(False, {"error": …})`` instead, with ``code``,
        ``sentence``, ``hint`` and ``problems``. ``verbose`` writes the job to standard output before.
        """
        try:
            self.checkJob()
            if verbose:
                self.output()
            config = configuration()
            answer = send_job(
                self.data,
                server_list(config, server),
                connect_timeout=config["connect_timeout"],
                answer_timeout=config["answer_timeout"],
            )
        except AfError as error:
            if raising:
                raise
            return False, {"error": _told(error)}
        return True, answer


def _told(error: AfError) -> dict[str, Any]:
    """Return an error as the farm writes it in its answers."""
    problems = error.problems if isinstance(error, BadSpec) else []
    return {
        "code": error.code if isinstance(error, Rejected) else type(error).__name__,
        "sentence": error.sentence,
        "hint": error.hint,
        "problems": [problem._asdict() for problem in problems],
    }


def checkRegExp(pattern: str) -> bool:
    """Say whether ``pattern`` is a regular expression and not empty."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return bool(pattern)


def checkClass(name: str, folder: str) -> bool:
    """Say whether there is a service (``folder`` is ``services``) or a parser of that name."""
    if folder == "services":
        return name in SERVICES
    return name in {service.parser for service in SERVICES.values()}
