"""The base class of classic services, ``services.service.service``, and what makes one of ours of such a class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from afcore.frames import TaskFrames, expand_file, fill_command, join_listed
from afnet.wire.messages import RunSpec
from afrender.classic.pathmap import PathMap
from afrender.classic.utils import toStr
from afrender.services.base import NUMERIC, SKIP_EXISTING, PathTranslator, Plan, Service

__all__ = ["ClassicService", "service"]


class service:
    """Made for one task, of what the farm says about it (``taskInfo``); override methods as usual."""

    def __init__(self, taskInfo: dict[str, Any], i_verbose: bool = False) -> None:
        self.verbose = i_verbose
        self.taskInfo = taskInfo
        self.parser: Any = None
        self.log = ""
        self.skip_task = False
        self.pm = PathMap()
        info = self.taskInfo
        info["wdir"] = self.pm.toClient(toStr(info.get("wdir")))
        info["command"] = self.pm.toClient(self.processCommandPattern())
        if info.get("capacity_coeff", 0) > 0:
            info["command"] = self.applyCmdCapacity(info["command"])
        if info.get("hosts"):
            info["command"] = self.applyCmdHosts(info["command"])
        info["files"] = [self.pm.toClient(file) for file in self.processFilesPattern()]
        if self.isSkippingExistingFiles() and info["files"]:
            self.checkExistingFiles()
        environment = info.get("environment", {})
        for name, value in list(environment.items()):
            environment[name] = self.pm.toClient(toStr(value))

    # -- what is asked for ---------------------------------------------------------------------------------------

    def skipTask(self) -> bool:
        """Say whether there is nothing to do."""
        return self.skip_task

    def getWDir(self) -> str:
        """Return the working directory."""
        return str(self.taskInfo["wdir"])

    def getCommand(self) -> str:
        """Return the whole command."""
        return str(self.taskInfo["command"])

    def getEnvironment(self) -> dict[str, str]:
        """Return the task's variables."""
        return dict(self.taskInfo.get("environment", {}))

    def getFiles(self) -> list[str]:
        """Return the files that the task should write."""
        return list(self.taskInfo["files"])

    def getParsedFiles(self) -> list[str]:
        """Return the files that the parser noted, as the farm knows them."""
        # A list of its own: the parser's files are still looked for on this machine.
        return [self.pm.toServer(file) for file in self.parser.files] if self.parser is not None else []

    def getLog(self) -> str:
        """Return what belongs in the task's log of events."""
        return self.log

    def appendLog(self, i_msg: str) -> None:
        """Add a line to the task's log of events."""
        self.log += ("\n" if self.log else "") + toStr(i_msg)

    def hasParser(self) -> bool:
        """Say whether somebody reads the output."""
        return self.parser is not None

    def checkExitStatus(self, i_status: int) -> bool:
        """Say whether an exit code is good."""
        return i_status == 0

    def checkRenderedFiles(self) -> bool:
        """Say whether all files are there and of a right size."""
        for file in self.getFiles():
            wrong = self.wrongFile(file)
            if wrong:
                self.appendLog(wrong)
                return False
        return True

    def doPost(self) -> list[str]:
        """Return commands for after a good end."""
        return []

    # -- how it is made ------------------------------------------------------------------------------------------

    def processPattern(
        self, i_block: str, i_task: Any = "", i_start: int | None = None, i_finish: int | None = None
    ) -> str:
        """Fill a block's pattern with the task's own text, or with frame numbers."""
        info = self.taskInfo
        if info.get("block_flags", 0) & NUMERIC:
            start = info.get("frame_start", 0) if i_start is None else i_start
            finish = info.get("frame_finish", 0) if i_finish is None else i_finish
            return fill_command(toStr(i_block), start, finish)
        return join_listed(toStr(i_block), toStr(i_task))

    def processCommandPattern(self) -> str:
        """Return the filled command."""
        info = self.taskInfo
        return self.processPattern(info.get("command_block", ""), info.get("command_task", ""))

    def processFilesPattern(self) -> list[str]:
        """Return the filled names of files."""
        info = self.taskInfo
        block = [toStr(one) for one in info.get("files_block", ())]
        own = [toStr(one) for one in info.get("files_task", ())]
        if info.get("block_flags", 0) & NUMERIC:
            frames = TaskFrames(info.get("frame_start", 0), info.get("frame_finish", 0), info.get("frames_num", 1))
            step = max(1, int(info.get("frame_inc", 1)))
            return [file for pattern in block for file in expand_file(pattern, frames, step)] + own
        if not block:
            return own
        return [join_listed(pattern, text) for pattern in block for text in (own if "@#@" in pattern else [""])]

    def applyCmdCapacity(self, i_command: str) -> str:
        """Put the capacity coefficient where the command asks for it."""
        return i_command.replace("@AF_CAPACITY@", str(self.taskInfo["capacity_coeff"]))

    def applyCmdHosts(self, i_command: str) -> str:
        """Put the names of captured hosts where the command asks for them."""
        return i_command.replace("@AF_HOSTS@", "-H " + ",".join(toStr(one) for one in self.taskInfo["hosts"]))

    def isSkippingExistingFiles(self) -> bool:
        """Say whether files that exist shall not be made again."""
        return bool(self.taskInfo.get("block_flags", 0) & SKIP_EXISTING)

    def checkExistingFiles(self) -> None:
        """Skip the task when all its files are there."""
        files = [file for file in self.getFiles() if file]
        wrong = [file for file in files if self.wrongFile(file)]
        for file in files:
            if file not in wrong:
                self.appendLog(f'File exists: "{file}"')
        self.skip_task = bool(files) and not wrong

    def wrongFile(self, i_file: str) -> str:
        """Return what is wrong with a file, or nothing."""
        try:
            size = os.stat(os.path.join(self.getWDir(), i_file)).st_size
        except OSError as error:
            return f'The file "{i_file}" is not there: {error.strerror}'
        if size == 0:
            return f'The file "{i_file}" is empty'
        most, least = self.taskInfo.get("file_size_max", -1), self.taskInfo.get("file_size_min", -1)
        if 0 < most < size:
            return f'The file "{i_file}" has {size} bytes, more than the allowed {most}'
        if size < least:
            return f'The file "{i_file}" has {size} bytes, less than the wanted {least}'
        return ""


class TaskInfo(dict[str, Any]):
    """What a classic service is told; the task's folder is made when somebody asks where it is."""

    def __init__(self, info: dict[str, Any], folder: Callable[[], str]) -> None:
        super().__init__(info)
        self._folder = folder

    def __missing__(self, key: str) -> Any:
        if key != "store_dir":
            raise KeyError(key)
        self[key] = self._folder()
        return self[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is known under a name."""
        return self[key] if key in self or key == "store_dir" else default


class ClassicService(Service):
    """A service of ours around a classic one, of the class ``classic``."""

    classic: type[Any] = service

    def __init__(self, run: RunSpec, paths: PathTranslator) -> None:
        super().__init__(run, paths)
        self.inner: Any = None
        self._told = ""

    def plan(self) -> Plan:
        """Return what to start, as the classic service says."""
        # Not before: classic services may look for their folder when they are made.
        inner = self.inner = self.classic(TaskInfo(task_info(self.run), self.task_folder), False)
        environment = {str(name): toStr(value) for name, value in inner.getEnvironment().items() if value}
        environment.update({name: value for name, value in self.make_environment().items() if name not in environment})
        folder = toStr(inner.getWDir())
        files = [os.path.join(folder, toStr(one)) for one in inner.getFiles()]
        # A list of words is started without a shell: classic services know only lines for one.
        words = toStr(inner.getCommand()) if isinstance(self.run.command, str) else self.make_command()
        plan = Plan(words, folder, environment, files, skip=inner.skipTask() is True)
        self._told = toStr(inner.getLog())
        if self._told:
            plan.notes.append(self._told)
        return plan

    def last_words(self) -> str:
        """Return what the classic service noted since the task began."""
        return toStr(self.inner.getLog()).removeprefix(self._told)

    def check_exit(self, code: int) -> bool:
        """Return whether exit code ``code`` is good; only a plain False says that it is not."""
        return self.inner.checkExitStatus(code) is not False

    def check_files(self, files: list[str]) -> str:
        """Return what the classic service finds wrong with the files."""
        if self.inner.checkRenderedFiles() is not False:
            return ""
        return toStr(self.inner.getLog()).rpartition("\n")[2] or "The service found the files bad"

    def meet(self, parser: Any) -> None:
        """Let the classic service know its parser."""
        if self.inner is not None:
            self.inner.parser = parser

    def found_files(self, noted: list[str]) -> list[str]:
        """Return the files that the parser noted as the classic service has the farm know them."""
        return [toStr(one) for one in self.inner.getParsedFiles() or ()]

    def post_commands(self, files: list[str]) -> list[str | list[str]]:
        """Return what the classic service wants done after a good end."""
        return [toStr(one) for one in self.inner.doPost() or ()]


def task_info(run: RunSpec) -> dict[str, Any]:
    """Return what a classic service is told about its task."""
    data = run.custom_data
    return {
        "wdir": run.working_directory,
        "parser": run.parser,
        "command_block": run.command if isinstance(run.command, str) else " ".join(map(str, run.command)),
        "command_task": run.task_command,
        "files_block": list(run.files),
        "files_task": list(run.task_files),
        "parsed_files": [],
        "hosts": list(run.hosts),
        "environment": dict(run.environment),
        "tickets": {},
        "capacity": run.capacity,
        "capacity_coeff": run.coefficient,
        "frame_start": run.frame_start,
        "frame_finish": run.frame_end,
        "frame_inc": run.frame_inc,
        "frames_num": run.frames,
        "job_id": run.job,
        "block_id": run.block,
        "task_id": run.task,
        "job_name": run.job_name,
        "block_name": run.block_name,
        "task_name": run.task_name,
        "user_name": run.user_name,
        "block_flags": run.flags | (NUMERIC if run.numeric else 0),
        "parser_koeff": run.parser_coeff,
        "file_size_min": run.file_size_min,
        "file_size_max": run.file_size_max,
        **{f"{kind}_custom_data": text for kind, text in data.items()},
    }
