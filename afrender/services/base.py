"""The contract of a service: from what the server says about a run to a command, files and a verdict on this machine.

Rules of this file:
- patterns are filled first, then paths are translated to this machine: a translated path is never filled;
- a service only computes; it starts no process and changes no file.

A service of one's own is a file with a class of the file's name that inherits ``Service``; it lies in the folder
``services`` of the setting ``modules_folder``. Services that need nothing of their own are names only, in
``afcore.servicetable``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from afcore.frames import TaskFrames, expand_file, fill_command, join_listed
from afcore.settings import SETTINGS
from afnet.wire.messages import RunSpec

__all__ = [
    "CHECK_FILES",
    "NUMERIC",
    "SKIP_EXISTING",
    "SKIP_THUMBNAILS",
    "NoPaths",
    "PathTranslator",
    "Plan",
    "Service",
]

IMAGES = SETTINGS["af_thumbnail_extensions"].default
"""Endings of image files, unless the settings name others."""

THUMBNAILS_MOST = 3
"""Thumbnails of one task."""

NUMERIC = 1
SKIP_THUMBNAILS = 32
SKIP_EXISTING = 64
CHECK_FILES = 128
"""Bits of ``RunSpec.flags``, numbered as the trade knows them."""


class PathTranslator(Protocol):
    """Translates paths inside of texts between the farm's form and this machine's."""

    def to_client(self, text: str) -> str:
        """Return ``text`` with the server's paths as this machine has them."""

    def to_server(self, text: str) -> str:
        """Return ``text`` with this machine's paths as the server knows them."""


class NoPaths:
    """All machines have the same paths."""

    def to_client(self, text: str) -> str:
        """Return ``text``."""
        return text

    def to_server(self, text: str) -> str:
        """Return ``text``."""
        return text


@dataclass(slots=True)
class Plan:
    """What to start for a run.

    ``command``: a shell line, or a list of words for a start without a shell. ``folder``: the working directory; empty
    for none. ``environment``: variables beyond the agent's own. ``files``: what the task should write, full paths.
    ``skip``: there is nothing to do. ``notes``: lines for the head of the task's log.
    """

    command: str | list[str]
    folder: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    skip: bool = False
    notes: list[str] = field(default_factory=list)


class Service:
    """The general service; others override what they do differently."""

    def __init__(self, run: RunSpec, paths: PathTranslator) -> None:
        self.run = run
        self.paths = paths
        self.frames = TaskFrames(run.frame_start, run.frame_end, run.frames)
        self.settings: Mapping[str, Any] = {}
        """Settings of this machine; they are there once the service is made."""
        self.store = ""
        """Where the folder of this task may be made; there once the service is made."""

    def plan(self) -> Plan:
        """Return what to start."""
        run = self.run
        folder = self.paths.to_client(run.working_directory)
        files = self.fill_files() if run.files or run.task_files else []
        plan = Plan(self.make_command(), folder, self.make_environment(), [os.path.join(folder, one) for one in files])
        if run.flags & SKIP_EXISTING and plan.files:
            self._skip_existing(plan)
        return plan

    def make_command(self) -> str | list[str]:
        """Return the whole command for this machine: filled, translated, with capacity and hosts."""
        run = self.run
        if isinstance(run.command, str):
            return self._finish(self.fill_pattern(run.command, run.task_command))
        words = [self._finish(self.fill_pattern(str(word), "")) for word in run.command]
        if not run.numeric and run.task_command:
            words = [word.replace("@#@", run.task_command) for word in words]
        return words

    def fill_pattern(self, pattern: str, own: str) -> str:
        """Fill ``pattern`` with the frames of a numeric block's task, or with the listed task's ``own`` text."""
        if self.run.numeric:
            return fill_command(pattern, self.frames.start, self.frames.end) if "@#" in pattern else pattern
        return join_listed(pattern, own)

    def _finish(self, text: str) -> str:
        text = self.paths.to_client(text)
        if self.run.coefficient > 0 and "@AF_CAPACITY@" in text:
            text = self.apply_capacity(text)
        if self.run.hosts and "@AF_HOSTS@" in text:
            text = self.apply_hosts(text)
        return text

    def apply_capacity(self, command: str) -> str:
        """Put the run's capacity coefficient where the command asks for it."""
        return command.replace("@AF_CAPACITY@", str(self.run.coefficient))

    def apply_hosts(self, command: str) -> str:
        """Put the names of captured hosts where the command asks for them."""
        return command.replace("@AF_HOSTS@", "-H " + ",".join(self.run.hosts))

    def fill_files(self) -> list[str]:
        """Return the files that the task should write, for this machine, also relative to its folder."""
        run = self.run
        if run.numeric:
            files = [one for pattern in run.files for one in expand_file(pattern, self.frames, run.frame_inc)]
        else:
            files = [
                one
                for pattern in run.files
                for one in ([join_listed(pattern, own) for own in run.task_files] if "@#@" in pattern else [pattern])
            ]
        files.extend(one for one in run.task_files if run.numeric or not any("@#@" in pattern for pattern in run.files))
        return [self.paths.to_client(one) for one in files if one]

    def make_environment(self) -> dict[str, str]:
        """Return the task's variables; one with an empty value is left out."""
        run = self.run
        environment = {name: self.paths.to_client(value) for name, value in run.environment.items() if value}
        environment["AF_JOB_ID"] = str(run.job)
        environment["AF_BLOCK_ID"] = str(run.block)
        environment["AF_TASK_ID"] = str(run.task)
        if run.devices:
            environment["CUDA_VISIBLE_DEVICES"] = environment["AF_GPUS"] = ",".join(map(str, run.devices))
        return environment

    def check_exit(self, code: int) -> bool:
        """Return whether exit code ``code`` means that the application did its work."""
        return code == 0

    def check_files(self, files: list[str]) -> str:
        """Return a sentence about the first of ``files`` that is missing or of a wrong size, or nothing."""
        for file in files:
            wrong = self._wrong_file(file)
            if wrong:
                return wrong
        return ""

    def last_words(self) -> str:
        """Return what the end of the task's log shall say; asked once its end is judged."""
        return ""

    def post_commands(self, files: list[str]) -> list[str | list[str]]:
        """Return what is to be run after a good end, one after the other; ``files`` are those the parser noted."""
        return []

    def meet(self, parser: Any) -> None:
        """Know the parser of the task, once both are made."""

    def found_files(self, noted: list[str]) -> list[str]:
        """Return the files that the parser ``noted`` as the farm knows them: other machines have other paths."""
        return [self.paths.to_server(file) for file in noted]

    def task_folder(self) -> str:
        """Return a folder of the task's own: what is in it goes to the server when the task is over, within limits."""
        if self.store:
            os.makedirs(self.store, mode=0o700, exist_ok=True)
        return self.store

    def thumbnail_files(self, noted: list[str], planned: list[str]) -> list[str]:
        """Return the images that thumbnails are made of: those the parser ``noted``, else the ``planned`` files.

        Of more than three the first, the middle one and the last are taken.
        """
        if self.run.flags & SKIP_THUMBNAILS:
            return []
        files = [file for file in noted or planned if self.is_image(file)]
        return files if len(files) <= THUMBNAILS_MOST else [files[0], files[len(files) // 2], files[-1]]

    def image_checks(self, planned: list[str]) -> list[tuple[str, str]]:
        """Return the images to look into after a good end, each with the one of the frame before it, or nothing."""
        images = [file for file in planned if self.is_image(file)]
        before = dict(zip(images[1:], images[:-1], strict=True)) if self.run.numeric else {}
        if self.run.numeric:
            # Files of several patterns follow each other: the first of each has another pattern's file before it.
            folder = self.paths.to_client(self.run.working_directory)
            start, step = self.frames.start, max(1, self.run.frame_inc)
            for pattern in self.run.files:
                own, earlier = (
                    os.path.join(folder, self.paths.to_client(fill_command(pattern, frame, frame)))
                    for frame in (start, start - step)
                )
                before[own] = earlier if own != earlier else ""
        return [(file, before.get(file, "")) for file in images]

    def is_image(self, file: str) -> bool:
        """Say whether a file is an image, by its name."""
        return os.path.splitext(file)[1][1:].lower() in self.settings.get("af_thumbnail_extensions", IMAGES)

    def parser_info(self, plan: Plan) -> Mapping[str, Any]:
        """Return what the parser is told about the task."""
        run = self.run
        return {
            "wdir": plan.folder,
            "parser": run.parser,
            "service": run.service,
            "command": plan.command,
            "files": plan.files,
            "environment": plan.environment,
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
            "block_flags": run.flags,
            "capacity": run.capacity,
            "capacity_coeff": run.coefficient,
            "parser_koeff": run.parser_coeff,
        }

    def _wrong_file(self, file: str) -> str:
        try:
            state = os.stat(file)
        except OSError as error:
            return f'The file "{file}" is not there: {error.strerror}'
        if not stat.S_ISREG(state.st_mode):
            return f'"{file}" is no file'
        size = state.st_size
        if size == 0:
            return f'The file "{file}" is empty'
        if 0 < self.run.file_size_max < size:
            return f'The file "{file}" has {size} bytes, more than the allowed {self.run.file_size_max}'
        if size < self.run.file_size_min:
            return f'The file "{file}" has {size} bytes, less than the wanted {self.run.file_size_min}'
        return ""

    def _skip_existing(self, plan: Plan) -> None:
        wrong = [file for file in plan.files if self._wrong_file(file)]
        if not wrong:
            plan.skip = True
            plan.notes = ["All files exist already:", *plan.files]
        elif len(wrong) < len(plan.files):
            plan.notes = [f"{len(plan.files) - len(wrong)} of {len(plan.files)} files exist already."]
