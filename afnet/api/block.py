"""Blocks and tasks of a job, as submitters build them: ``Task`` and ``Block`` with all their setters.

Every setter writes one key of ``data``, whose names are those of the farm's JSON; what is wrong with a value is told
when the job is checked, with everything else that is wrong. Paths in texts are translated to the farm's unless the
last argument, ``TransferToServer``, is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from afcore.errors import Conflict
from afcore.jobspec import BlockFlag
from afcore.servicetable import SERVICES, parser_of
from afnet.api.limited import Limited
from afnet.api.site import configuration, to_server, working_directory

__all__ = ["Block", "Task"]


class _Part:
    """What tasks and blocks have in common: files and environment."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def setFiles(self, files: Sequence[str] | str, TransferToServer: bool = True) -> None:
        """Add result files; of a block they are patterns with ``@#@`` for the frame."""
        names = [files] if isinstance(files, str) else files
        self.data.setdefault("files", []).extend(to_server(name, TransferToServer) for name in names)

    def setEnv(self, name: str, value: str, TransferToServer: bool = True) -> None:
        """Set a variable of the environment in which the command runs."""
        self.data.setdefault("environment", {})[name] = to_server(str(value), TransferToServer)


class Task(_Part):
    """One listed task."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.setName(name)

    def setName(self, name: str) -> None:
        """Set the name; an empty one changes nothing."""
        if name:
            self.data["name"] = name

    def setCommand(self, command: str, TransferToServer: bool = True) -> None:
        """Set the command, or the text that fills ``@#@`` in the block's command."""
        self.data["command"] = to_server(command, TransferToServer)


class Block(_Part, Limited):
    """A block of tasks of one kind.

    ``service`` says what runs; its usual parser is set with it. A service that this machine does not know is sent as
    it is, without a parser: the farm knows its own. Tasks are listed in ``tasks`` or made of frames by ``setNumeric``.
    """

    def __init__(self, name: str = "block", service: str | None = None) -> None:
        super().__init__()
        config = configuration()
        self.tasks: list[Task] = []
        self._commands: list[str] = []
        self._names: list[str] = []
        self.data.update(name=name, flags=0, capacity=config["af_task_default_capacity"])
        self.setWorkingDirectory(working_directory())
        self.setService(config["af_task_default_service"] if service is None else service)

    def setName(self, name: str) -> None:
        """Set the name, which depend masks of other blocks match."""
        self.data["name"] = name

    def setTasksName(self, pattern: str) -> None:
        """Set the pattern for the names of tasks, as ``frame @#@``."""
        self.data["tasks_name"] = pattern

    def setService(self, service: str, nocheck: bool = False) -> None:
        """Set the service, and its usual parser unless ``nocheck``."""
        self.data["service"] = service
        if service in SERVICES and not nocheck:
            self.data["parser"] = parser_of(service)

    def setParser(self, parser: str, nocheck: bool = False) -> None:
        """Set the parser that reads the output of tasks."""
        self.data["parser"] = parser

    def setNumeric(self, start: int = 1, end: int = 10, pertask: int = 1, increment: int = 1) -> None:
        """Make the tasks of frames ``start`` to ``end``, ``pertask`` frames each, in steps of ``increment``.

        Raises Conflict when tasks are listed already.
        """
        if self.tasks or self._commands:
            raise Conflict(
                f'block "{self.data["name"]}": frames can not be set, tasks are listed already',
                hint="use setNumeric, or append to tasks, not both",
            )
        self.setFlag(BlockFlag.NUMERIC)
        self.data.update(frame_first=start, frame_last=end, frames_per_task=pertask, frames_inc=increment)

    def setFlag(self, flag: int) -> None:
        """Set a bit of the block's flags."""
        self.data["flags"] |= flag

    def setFramesPerTask(self, value: int) -> None:
        """Set frames per task of listed tasks; a negative number says how many tasks make a frame."""
        self.data["frames_per_task"] = value

    def setSequential(self, value: int) -> None:
        """Set the order of tasks: 1 rising, -1 falling, 0 middle first, N every Nth frame first."""
        self.data["sequential"] = value

    def setCapacity(self, capacity: int) -> None:
        """Set what a task takes of its render's capacity; numbers below 1 change nothing."""
        self._positive("capacity", capacity)

    def setVariableCapacity(self, capacity_coeff_min: int, capacity_coeff_max: int) -> None:
        """Let a task take its capacity several times, between these numbers, when a render has it to spare."""
        if capacity_coeff_min >= 0 or capacity_coeff_max >= 0:
            self.data.update(capacity_coeff_min=capacity_coeff_min, capacity_coeff_max=capacity_coeff_max)

    def setWorkingDirectory(self, working_directory: str, TransferToServer: bool = True) -> None:
        """Set the folder in which commands run."""
        self.data["working_directory"] = to_server(working_directory, TransferToServer)

    def setCommand(self, command: str | Sequence[str], prefix: bool = True, TransferToServer: bool = True) -> None:
        """Set the command: a line for the shell, or a list of arguments that is started without one.

        ``prefix`` puts ``AF_CMD_PREFIX``, or the setting ``af_cmdprefix``, before a line.
        """
        if isinstance(command, str):
            line = configuration()["af_cmdprefix"] + command if prefix else command
            self.data["command"] = to_server(line, TransferToServer)
        else:
            self.data["command"] = [to_server(argument, TransferToServer) for argument in command]

    def setCmdPre(self, command: str, TransferToServer: bool = True) -> None:
        """Set a command that runs before the block."""
        self.data["command_pre"] = to_server(command, TransferToServer)

    def setCmdPost(self, command: str, TransferToServer: bool = True) -> None:
        """Set a command that runs when the job is deleted."""
        self.data["command_post"] = to_server(command, TransferToServer)

    def addTicket(self, name: str, count: int) -> None:
        """Let every task take ``count`` of the tickets ``name``."""
        self.data.setdefault("tickets", {})[name] = count

    def setParserCoeff(self, value: int) -> None:
        """Set a number that the parser multiplies with."""
        self.data["parser_coeff"] = value

    def setErrorsAvoidHost(self, value: int) -> None:
        """Set after how many failures the block avoids a render."""
        self.data["errors_avoid_host"] = value

    def setErrorsForgiveTime(self, value: int) -> None:
        """Set after how many seconds a render's failures are forgiven."""
        self.data["errors_forgive_time"] = value

    def setErrorsRetries(self, value: int) -> None:
        """Set how often a failed task is started again by itself."""
        self.data["errors_retries"] = value

    def setErrorsTaskSameHost(self, value: int) -> None:
        """Set after how many failures of a task it avoids a render."""
        self.data["errors_task_same_host"] = value

    def setNeedHDD(self, value: int) -> None:
        """Set the free disk space a render must have, in GB."""
        self._positive("need_hdd", value)

    def setNeedMemory(self, value: int) -> None:
        """Set the free memory a render must have, in MB."""
        self._positive("need_memory", value)

    def setNeedPower(self, value: int) -> None:
        """Set the power a render must have."""
        self._positive("need_power", value)

    def setNeedCPUCores(self, value: int) -> None:
        """Set how many processor cores a render must have."""
        self._positive("need_cpu_cores", value)

    def setNeedGPUMemGB(self, value: float) -> None:
        """Set the free GPU memory a render must have, in GB."""
        self._positive("need_gpu_mem_mb", int(value * 1024))

    def setNeedCPUFreqGHz(self, value: float) -> None:
        """Set the processor frequency a render must have, in GHz."""
        self._positive("need_cpu_freq_mgz", int(value * 1000))

    def setNeedCPUFreqCores(self, value: float) -> None:
        """Set cores times frequency that a render must have, in GHz."""
        self._positive("need_cpu_freq_cores", int(value * 1000))

    def _positive(self, key: str, value: int) -> None:
        if value > 0:
            self.data[key] = value

    def setDependSubTask(self) -> None:
        """Let tasks that depend on this block start as soon as a running task has reported their frames."""
        self.setFlag(BlockFlag.DEPEND_SUB_TASK)

    def setTasksMaxRunTime(self, value: int) -> None:
        """Set the seconds after which a task is stopped with an error; numbers below 1 change nothing."""
        self._positive("task_max_run_time", value)

    setTaskMaxRunTime = setTasksMaxRunTime

    def setTaskMinRunTime(self, value: int) -> None:
        """Set the seconds a task must run at least to be done."""
        self._positive("task_min_run_time", value)

    def setTaskProgressChangeTimeout(self, value: int) -> None:
        """Set the seconds without progress after which a task is stopped with an error."""
        self._positive("task_progress_change_timeout", value)

    def setDependMask(self, value: str) -> None:
        """Set the mask of blocks of this job that must be done before."""
        self.data["depend_mask"] = value

    def setTasksDependMask(self, value: str) -> None:
        """Set the mask of blocks on which tasks depend task by task, by frame numbers."""
        self.data["tasks_depend_mask"] = value

    def skipThumbnails(self) -> None:
        """Make no thumbnails of the result files."""
        self.setFlag(BlockFlag.SKIP_THUMBNAILS)

    def skipExistingFiles(self, size_min: int = -1, size_max: int = -1) -> None:
        """Skip a task whose result files are there, with a size between these bounds where they are positive."""
        self.setFlag(BlockFlag.SKIP_EXISTING_FILES)
        self._file_sizes(size_min, size_max)

    def checkRenderedFiles(self, size_min: int = -1, size_max: int = -1) -> None:
        """Count a task as failed when its result files are not there or have a size outside these bounds."""
        self.setFlag(BlockFlag.CHECK_RENDERED_FILES)
        self._file_sizes(size_min, size_max)

    def _file_sizes(self, size_min: int, size_max: int) -> None:
        self._positive("file_size_min", size_min)
        self._positive("file_size_max", size_max)

    def setMultiHost(
        self,
        hosts_min: int,
        hosts_max: int,
        max_wait: int = 0,
        master_on_slave: bool = False,
        service: str = "",
        service_wait: int = 0,
    ) -> None:
        """Let each task run on several hosts at once."""
        self.setFlag(BlockFlag.MULTI_HOST | (BlockFlag.MASTER_ON_SLAVE if master_on_slave else 0))
        self.data.update(multihost_min=hosts_min, multihost_max=hosts_max, multihost_max_wait=max_wait)
        if service:
            self.data.update(multihost_service=service, multihost_service_wait=service_wait)

    def setSlaveLostIgnore(self) -> None:
        """Let a task on several hosts go on when it loses one of them."""
        self.setFlag(BlockFlag.SLAVE_LOST_IGNORE)

    def setTasksSuspended(self) -> None:
        """Let new tasks begin suspended."""
        self.setFlag(BlockFlag.SUSPEND_NEW_TASKS)

    def setCustomData(self, value: str) -> None:
        """Set a text that is kept with the block."""
        self.data["custom_data"] = value

    def addTasks(self, commands: Iterable[str], names: Iterable[str] = (), TransferToServer: bool = True) -> None:
        """List a task for each command, in columns: for a great many of them, without a ``Task`` each.

        ``names`` are as many as ``commands``, or none. Raises Conflict when they are not, or when ``Task`` objects are
        listed in ``tasks``.
        """
        lines = [to_server(command, TransferToServer) for command in commands]
        called = list(names) or [""] * len(lines)
        if len(called) != len(lines):
            raise Conflict(f'block "{self.data["name"]}": {len(called)} names for {len(lines)} commands')
        self._commands += lines
        self._names += called
        self._one_way_of_tasks()

    def _one_way_of_tasks(self) -> None:
        if self.tasks and self._commands:
            what = f'block "{self.data["name"]}": tasks are listed in two ways'
            raise Conflict(what, hint="append to tasks or use addTasks, not both")

    def fillTasks(self) -> None:
        """Write the listed tasks into ``data``. Raises Conflict when they are listed in two ways."""
        self._one_way_of_tasks()
        if self.tasks:
            self.data["tasks"] = [task.data for task in self.tasks]
        elif self._commands:
            self.data["tasks"] = {"commands": self._commands}
            if any(self._names):
                self.data["tasks"]["names"] = self._names
