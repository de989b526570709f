"""``afcmd`` for scripts: jobs, blocks, renders, pools and monitors of the farm as objects, as in the classic module.

An object is what the farm answered: its keys are attributes of it (``job.st``, ``render.priority``), and ``data`` holds
them all. Functions that change something return the farm's answer, as those of ``Cmd`` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afnet.api.cmd import Cmd

__all__ = [
    "Block",
    "Job",
    "Monitor",
    "Pool",
    "Render",
    "getJob",
    "getJobList",
    "getPoolList",
    "getRenderList",
    "getRenderResources",
]


class _Node:
    """A thing of the farm; ``data`` is what the farm said of it."""

    kind = ""

    def __init__(self, data: dict[str, Any], cmd: Cmd | None = None) -> None:
        self.data = data
        self._cmd = cmd or Cmd()

    def __getattr__(self, name: str) -> Any:
        """Return a key of the answer; the farm leaves out what has nothing to say."""
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__} {self.__dict__['data'].get('name', '')} has no {name}"
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data.get('id', self.data.get('block_num', 0))}, {self.data.get('name')!r})"

    def get(self, name: str, default: Any = None) -> Any:
        """Return a key of the answer, or ``default`` where the farm left it out."""
        return self.data.get(name, default)

    def setParam(self, name: str, value: Any) -> Any:
        """Set a parameter by its name."""
        return self._cmd.act(self.kind, ids=[self.data["id"]], params={name: value})

    def operation(self, operation: str, **more: Any) -> Any:
        """Do an operation of the dialect, with what it needs."""
        return self._cmd.act(self.kind, operation, ids=[self.data["id"]], extra=more)


class Block(_Node):
    """A block of a job."""

    kind = "jobs"

    def setParam(self, name: str, value: Any) -> Any:
        """Set a parameter of the block by its name."""
        return self._cmd.setBlockParams(self.data["job_id"], self.data["block_num"], {name: value})

    def operation(self, operation: str, **more: Any) -> Any:
        """Do an operation on tasks of the block: all, or those of ``task_ids``."""
        return self._cmd.setBlockState(self.data["job_id"], self.data["block_num"], operation, more.get("task_ids", ()))

    def appendTasks(self, tasks: Sequence[Any]) -> Any:
        """Add tasks to a block of listed tasks."""
        return self._cmd.appendTasks(self.data["job_id"], self.data["block_num"], tasks)


class Job(_Node):
    """A job; ``blocks`` are ``Block`` objects."""

    kind = "jobs"

    def __init__(self, data: dict[str, Any], cmd: Cmd | None = None) -> None:
        super().__init__(data, cmd)
        self.blocks = [Block(each, self._cmd) for each in data.get("blocks", ())]

    def getProgress(self) -> Any:
        """Return how every task stands."""
        return self._cmd.getJobProgress(self.data["id"])

    def appendBlocks(self, blocks: Sequence[Any]) -> Any:
        """Add blocks."""
        return self._cmd.appendBlocks(self.data["id"], blocks)


class _Farm(_Node):
    """A render or a pool: it has services."""

    def addService(self, name: str) -> Any:
        """Let a service run there."""
        return self.operation("farm", mode="service_add", name=name)

    def removeService(self, name: str) -> Any:
        """Take a service off its own list."""
        return self.operation("farm", mode="service_remove", name=name)

    def enableService(self, name: str) -> Any:
        """Let a service run there again."""
        return self.operation("farm", mode="service_enable", name=name)

    def disableService(self, name: str) -> Any:
        """Let a service run there no more."""
        return self.operation("farm", mode="service_disable", name=name)

    def clearServices(self) -> Any:
        """Forget its own list of services."""
        return self.operation("farm", mode="clear_services")


class Render(_Farm):
    """A render."""

    kind = "renders"

    def setPool(self, path: str) -> Any:
        """Move it to a pool, by the pool's path."""
        return self.operation("set_pool", name=path)

    def reassignPool(self) -> Any:
        """Let the patterns of pools choose again."""
        return self.operation("reassign_pool")


class Pool(_Farm):
    """A pool of renders."""

    kind = "pools"


class Monitor(_Node):
    """A monitor that hears what changes; made without data it registers itself."""

    kind = "monitors"

    def __init__(self, data: dict[str, Any] | None = None, cmd: Cmd | None = None) -> None:
        cmd = cmd or Cmd()
        super().__init__(data if data is not None else {"id": cmd.monitorRegister()}, cmd)

    def subscribe(self, className: str, subscribe: bool = True) -> Any:
        """Hear of a class of things, or no longer."""
        return self._cmd.monitorSubscribe(self.data["id"], className, subscribe)

    def events(self) -> Any:
        """Return what changed since the last call."""
        return self._cmd.monitorEvents(self.data["id"])

    def unregister(self) -> Any:
        """Be forgotten."""
        return self._cmd.monitorUnregister(self.data["id"])


def getJobList(ids: Sequence[int] | None = None, cmd: Cmd | None = None) -> list[Job]:
    """Return jobs, all or those with these ids; none when no server answers."""
    cmd = cmd or Cmd()
    return [Job(each, cmd) for each in cmd.getJobList(ids) or ()]


def getJob(jobId: int, cmd: Cmd | None = None) -> Job | None:
    """Return one job with all its blocks say; None when there is none."""
    cmd = cmd or Cmd()
    found = cmd.getJobInfo(jobId)
    return Job(found[0], cmd) if found else None


def getRenderList(mask: str = "", cmd: Cmd | None = None) -> list[Render]:
    """Return the renders whose names begin with ``mask``, all for none."""
    cmd = cmd or Cmd()
    return [Render(each, cmd) for each in cmd.renderGetList(mask) or ()]


def getRenderResources(mask: str = "", cmd: Cmd | None = None) -> list[Render]:
    """Return the renders with what their hosts measure."""
    cmd = cmd or Cmd()
    return [Render(each, cmd) for each in cmd.renderGetResources(mask) or ()]


def getPoolList(cmd: Cmd | None = None) -> list[Pool]:
    """Return the pools."""
    cmd = cmd or Cmd()
    return [Pool(each, cmd) for each in cmd.getPoolList() or ()]
