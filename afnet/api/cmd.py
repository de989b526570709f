"""``Cmd``: look at the farm and change it from a script, by the calls that scripts for Afanasy know.

Every call sends one request and returns the farm's answer: what its name asks for where there is such a key, else the
whole object, which is ``{"info": {"kind", "text"}}`` for most changes. When no server answers, or one refuses, that is
written to the error output and the call returns None; ``Cmd(raising=True)`` raises an ``Error`` instead.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from afcore.errors import AfError, Rejected
from afnet.api.ask import ask_farm
from afnet.api.block import Block, Task
from afnet.api.send import server_list
from afnet.api.site import configuration, host_name, user_name

__all__ = ["Cmd"]


class Cmd:
    """Asks and commands; ``server`` is ``HOST:PORT``, or several with commas, else the configuration says which."""

    def __init__(self, *, server: str | None = None, raising: bool = False) -> None:
        self._server = server
        self._raising = raising

    # Asking

    def request(self, request: Mapping[str, Any], *, verbose: bool = False, expect_answer: bool = True) -> Any:
        """Send any request of the dialect; return the object of the answer."""
        try:
            config = configuration()
            answer = ask_farm(
                request,
                server_list(config, self._server),
                connect_timeout=config["connect_timeout"],
                answer_timeout=config["answer_timeout"],
                expect_answer=expect_answer,
            )
            info = answer.get("info") if isinstance(answer, dict) else None
            if self._raising and isinstance(info, dict) and info.get("kind") == "error":
                raise Rejected(str(info.get("text")))
        except AfError as error:
            if self._raising:
                raise
            sys.stderr.write(f"af: {error}\n")
            return None
        if verbose:
            sys.stdout.write(f"{request}\n{answer}\n")
        return answer

    def _get(self, kind: str, key: str = "", verbose: bool = False, **more: Any) -> Any:
        wanted = {name: value for name, value in more.items() if value not in (None, "", [])}
        answer = self.request({"get": {"type": kind, **wanted}}, verbose=verbose)
        return answer.get(key) if key and isinstance(answer, dict) else answer

    def _act(self, kind: str, operation: str = "", *, verbose: bool = False, **more: Any) -> Any:
        action: dict[str, Any] = {"user_name": user_name(), "host_name": host_name(), "type": kind}
        extra = more.pop("extra", {})
        action.update({name: value for name, value in more.items() if value is not None})
        if operation:
            action["operation"] = {"type": operation, **extra}
        return self.request({"action": action}, verbose=verbose)

    def act(self, kind: str, operation: str = "", verbose: bool = False, **more: Any) -> Any:
        """Send an action on nodes of a ``kind``: ``ids`` or ``mask``, ``params``, and ``extra`` of the operation."""
        return self._act(kind, operation, verbose=verbose, **more)

    # Jobs

    def getJobList(self, ids: Sequence[int] | None = None, verbose: bool = False) -> Any:
        """Return the list of jobs, all or those with these ids."""
        return self._get("jobs", "jobs", verbose, ids=list(ids or ()))

    def getJobInfo(self, jobId: int, verbose: bool = False) -> Any:
        """Return the list that holds one job with its blocks and tasks."""
        return self._get("jobs", "jobs", verbose, ids=[jobId], mode="full")

    def getJobProgress(self, jobId: int, verbose: bool = False) -> Any:
        """Return how every task of a job stands: ``{"id", "progress": [[task, ...], ...]}``."""
        return self._get("jobs", "job_progress", verbose, ids=[jobId], mode="progress")

    def deleteJob(self, jobName: str, verbose: bool = False) -> Any:
        """Delete the jobs whose whole name an expression matches."""
        return self._act("jobs", "delete", mask=jobName, verbose=verbose)

    def jobOperationById(self, operation: str, jobId: int, verbose: bool = False) -> Any:
        """Do an operation on a job: start, pause, stop, restart, restart_errors, delete and so on."""
        return self._act("jobs", operation, ids=[jobId], verbose=verbose)

    def deleteJobById(self, jobId: int, verbose: bool = False) -> Any:
        """Delete a job."""
        return self.jobOperationById("delete", jobId, verbose)

    def stopJobById(self, jobId: int, verbose: bool = False) -> Any:
        """Pause a job and stop its running tasks."""
        return self.jobOperationById("stop", jobId, verbose)

    def setJobState(self, jobId: int, state: str, verbose: bool = False) -> Any:
        """Do an operation on a job, as ``jobOperationById``."""
        return self.jobOperationById(state, jobId, verbose)

    def setBlockState(
        self, jobId: int, blockId: int, operation: str, taskIds: Sequence[int] = (), verbose: bool = False
    ) -> Any:
        """Do an operation on tasks of a block, all for no ``taskIds``: skip, done, restart, suspend, continue."""
        extra = {"task_ids": list(taskIds)}
        return self._act("jobs", operation, ids=[jobId], block_ids=[blockId], extra=extra, verbose=verbose)

    def setJobPriorityById(self, jobId: int, priority: int, verbose: bool = False) -> Any:
        """Set the priority of a job."""
        return self.setJobParams(jobId, {"priority": priority}, verbose)

    def setJobParams(self, jobId: int, params: Mapping[str, Any], verbose: bool = False) -> Any:
        """Set parameters of a job by their names."""
        return self._act("jobs", ids=[jobId], params=dict(params), verbose=verbose)

    def setBlockParams(self, jobId: int, blockId: int, params: Mapping[str, Any], verbose: bool = False) -> Any:
        """Set parameters of a block by their names."""
        return self._act("jobs", ids=[jobId], block_ids=[blockId], params=dict(params), verbose=verbose)

    def appendBlocks(self, jobId: int, blocks: Sequence[Any], verbose: bool = False) -> Any:
        """Add blocks (``Block`` or their data) to a job; return ``{"block_ids": [...]}``."""
        data = []
        for block in blocks:
            if isinstance(block, Block):
                block.fillTasks()
            data.append(block.data if isinstance(block, Block) else block)
        answer = self._act("jobs", "append_blocks", ids=[jobId], extra={"blocks": data}, verbose=verbose)
        return answer.get("object", answer) if isinstance(answer, dict) else answer

    def appendTasks(self, jobId: int, blockId: int, tasks: Sequence[Any], verbose: bool = False) -> Any:
        """Add tasks (``Task`` or their data) to a block of listed tasks; return ``{"task_ids": [...]}``."""
        data = [task.data if isinstance(task, Task) else task for task in tasks]
        extra = {"tasks": data}
        answer = self._act("jobs", "append_tasks", ids=[jobId], block_ids=[blockId], extra=extra, verbose=verbose)
        return answer.get("object", answer) if isinstance(answer, dict) else answer

    def getTaskOutput(self, jobId: int, blockId: int, taskId: int, number: int = 0, verbose: bool = False) -> Any:
        """Return the output of a task that is over, as text; ``number`` is a start of it, 0 the last."""
        more = {"block_ids": [blockId], "task_ids": [taskId], "mode": "output", "number": number}
        task = self._get("jobs", "task", verbose, ids=[jobId], **more)
        return task.get("data") if isinstance(task, dict) else None

    # Renders

    def renderGetList(self, mask: str = "", verbose: bool = False) -> Any:
        """Return the renders whose names begin with ``mask``, all for none."""
        return self._get("renders", "renders", verbose, mask=mask)

    def renderGetLocal(self, verbose: bool = False) -> Any:
        """Return the list that holds the render of this machine."""
        return self.renderGetList(host_name(), verbose)

    def renderGetId(self, renderId: int, mode: str = "", verbose: bool = False) -> Any:
        """Return one render, in a ``mode`` of the dialect: full, resources, log, tasks_log."""
        key = "renders" if mode in ("", "resources") else ""
        return self._get("renders", key, verbose, ids=[renderId], mode=mode)

    def renderGetResources(self, mask: str = "", verbose: bool = False) -> Any:
        """Return what hosts measure."""
        return self._get("renders", "renders", verbose, mask=mask, mode="resources")

    def renderSetParams(self, params: Mapping[str, Any], mask: str = "", verbose: bool = False) -> Any:
        """Set parameters of the renders that ``mask`` names, of this machine's for none."""
        return self._act("renders", mask=mask or host_name(), params=dict(params), verbose=verbose)

    def renderSetUserName(self, userName: str, verbose: bool = False) -> Any:
        """Say whose this machine's render is."""
        return self.renderSetParams({"user_name": userName}, verbose=verbose)

    def renderSetNimby(self, verbose: bool = False) -> Any:
        """Let this machine run only tasks of its own user."""
        return self.renderSetParams({"nimby": True}, verbose=verbose)

    def renderSetNIMBY(self, verbose: bool = False) -> Any:
        """Let this machine run nobody's tasks."""
        return self.renderSetParams({"NIMBY": True}, verbose=verbose)

    def renderSetFree(self, verbose: bool = False) -> Any:
        """Let this machine run everybody's tasks."""
        return self.renderSetParams({"nimby": False}, verbose=verbose)

    def renderSetFreeUnpause(self, verbose: bool = False) -> Any:
        """Let this machine run everybody's tasks, also when it was paused."""
        return self.renderSetParams({"nimby": False, "paused": False}, verbose=verbose)

    def _eject(self, operation: str, verbose: bool, params: Mapping[str, Any] | None = None) -> Any:
        return self._act("renders", operation, mask=host_name(), params=params, verbose=verbose)

    def renderEjectTasks(self, verbose: bool = False) -> Any:
        """Stop what runs on this machine; the tasks are ready again."""
        return self._eject("eject_tasks", verbose)

    def renderEjectNotMyTasks(self, verbose: bool = False) -> Any:
        """Stop what runs on this machine but tasks of its user."""
        return self._eject("eject_tasks_keep_my", verbose)

    def renderEjectAndNIMBY(self, verbose: bool = False) -> Any:
        """Stop what runs on this machine, and let it run nobody's tasks."""
        return self._eject("eject_tasks", verbose, {"NIMBY": True})

    def renderExit(self, verbose: bool = False) -> Any:
        """Let afrender end on this machine."""
        return self._eject("exit", verbose)

    # Users, pools, branches

    def getUserList(self, verbose: bool = False) -> Any:
        """Return the users."""
        return self._get("users", "users", verbose)

    def getPoolList(self, verbose: bool = False) -> Any:
        """Return the pools of renders."""
        return self._get("pools", "pools", verbose)

    def getBranchList(self, verbose: bool = False) -> Any:
        """Return the branches of jobs."""
        return self._get("branches", "branches", verbose)

    # Monitors

    def monitorRegister(self, verbose: bool = False) -> Any:
        """Register a monitor that is told what changes; return its id, 0 when there is no answer."""
        who = {"user_name": user_name(), "host_name": host_name(), "engine": "python"}
        answer = self.request({"monitor": who}, verbose=verbose)
        return answer["monitor"]["id"] if isinstance(answer, dict) and "monitor" in answer else 0

    def monitorChangeUid(self, monitorId: int, uid: int, verbose: bool = False) -> Any:
        """Let a monitor hear of the jobs of another user; 0 for everybody's."""
        return self._watch(monitorId, "perm", {"uid": uid}, verbose)

    def monitorSubscribe(self, monitorId: int, className: str, subscribe: bool = True, verbose: bool = False) -> Any:
        """Let a monitor hear of jobs, users, renders, pools, branches or monitors, or no longer."""
        return self._watch(monitorId, className, {"status": "subscribe" if subscribe else "unsubscribe"}, verbose)

    def _watch(self, monitorId: int, className: str, extra: Mapping[str, Any], verbose: bool) -> Any:
        return self._act("monitors", "watch", ids=[monitorId], extra={"class": className, **extra}, verbose=verbose)

    def monitorEvents(self, monitorId: int, verbose: bool = False) -> Any:
        """Return the answer with what changed since the last call: ``{"events": {...} or None}``."""
        return self._get("monitors", "", verbose, ids=[monitorId], mode="events")

    def monitorUnregister(self, monitorId: int, verbose: bool = False) -> Any:
        """Forget a monitor; there is no answer to that."""
        who = {"user_name": user_name(), "host_name": host_name(), "type": "monitors", "ids": [monitorId]}
        request = {"action": {**who, "operation": {"type": "deregister"}}}
        return self.request(request, verbose=verbose, expect_answer=False)

    def monitorExit(self, verbose: bool = False) -> Any:
        """Ask the monitors of this user on this machine to end."""
        return self._act("monitors", "exit", mask=f"{user_name()}@{host_name()}.*", verbose=verbose)
