"""What a person fills in to submit a job, and what it comes to: the job, the first and last command, and what is wrong.

Rules of this file:
- No Qt.  The job is checked by the same code as in the server, so what is told here is what it would say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from afcore.errors import BadSpec, Problem
from afcore.jobcheck import read_job
from afcore.jobspec import JobSpec
from afnet.api.scenes import Scene, scene_job, scene_type, with_frames
from afwatch.texts import tr

__all__ = ["Preview", "Submission"]


@dataclass(slots=True)
class Preview:
    """What would be sent."""

    job: dict[str, Any] = field(default_factory=dict)
    tasks: int = 0
    frames: int = 0
    first: str = ""
    """Command of the first task."""
    last: str = ""
    files: str = ""
    """First file that is written."""
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Submission:
    """The fields of the dialog."""

    kind: str = "scene"
    """``scene`` or ``command``."""
    name: str = ""
    scene: str = ""
    node: str = ""
    take: str = ""
    output: str = ""
    arguments: str = ""
    command: str = ""
    service: str = ""
    first: int = 1
    last: int = 100
    by: int = 1
    per_task: int = 1
    files: str = ""
    working_directory: str = ""
    priority: int = 99
    branch: str = ""
    pool: str = ""
    capacity: int = -1
    max_running_tasks: int = -1
    hosts_mask: str = ""
    depend_mask: str = ""
    user: str = ""
    paused: bool = False

    def job(self) -> dict[str, Any]:
        """Return the job as the farm takes it; BadSpec when it lacks something."""
        made = self._scene_job() if self.kind == "scene" else self._command_job()
        if self.user:
            made["user_name"] = self.user
        for name, value in (
            ("branch", self.branch), ("depend_mask", self.depend_mask), ("hosts_mask", self.hosts_mask),
        ):  # fmt: skip
            if value:
                made[name] = value
        made["priority"] = self.priority
        if self.pool:
            made["pools"] = {self.pool: 100}
        if self.max_running_tasks >= 0:
            made["max_running_tasks"] = self.max_running_tasks
        if self.paused:
            made["offline"] = True
        return made

    def _scene_job(self) -> dict[str, Any]:
        files = [with_frames(part.strip()) for part in self.files.split(",") if part.strip()]
        return scene_job(Scene(
            self.scene, self.first, self.last, by=self.by, per_task=self.per_task, name=self.name, node=self.node,
            take=self.take, output=with_frames(self.output), arguments=self.arguments, service=self.service,
            working_directory=self.working_directory, capacity=self.capacity, images=files,
        ))  # fmt: skip

    def _command_job(self) -> dict[str, Any]:
        problems = []
        if not self.command.strip():
            problems.append(Problem("command", tr("is empty"), tr("write what runs; @#@ stands for the frame")))
        if self.last < self.first:
            problems.append(Problem("last", tr("{0} is before the first frame {1}", self.last, self.first)))
        if problems:
            raise BadSpec(problems)
        files = [with_frames(part.strip()) for part in self.files.split(",") if part.strip()]
        block: dict[str, Any] = {
            "name": self.service or "frames", "service": self.service or "generic", "command": self.command,
            "frame_first": self.first, "frame_last": self.last, "frames_inc": self.by,
            "frames_per_task": self.per_task, "flags": 1,
        }  # fmt: skip
        if files:
            block["files"] = files
        if self.working_directory:
            block["working_directory"] = self.working_directory
        if self.capacity > 0:
            block["capacity"] = self.capacity
        return {"name": self.name or self.command.split()[0], "user_name": self.user or "me", "blocks": [block]}

    def labels(self) -> tuple[str, str]:
        """Return what ``node`` and ``take`` are called for this scene; empty for what it has not."""
        kind = scene_type(self.scene)
        return kind.node, kind.take

    def preview(self, services: Collection[str] | None = None) -> Preview:
        """Return what would be sent, with everything that is wrong with it."""
        found = Preview()
        try:
            found.job = self.job()
            spec: JobSpec = read_job(found.job, services=services)
        except BadSpec as error:
            found.problems = list(error.problems)
            return found
        block = spec.blocks[0]
        found.tasks = spec.tasks_num
        found.frames = (self.last - self.first) // self.by + 1
        found.first, found.last = (_text(block.task_command(index)) for index in (0, block.tasks_num - 1))
        files = block.task_files(0)
        found.files = files[0] if files else ""
        return found


def _text(command: Any) -> str:
    return command if isinstance(command, str) else " ".join(command)
