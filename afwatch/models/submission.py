"""What a person fills in to submit a job, and what it comes to: the job, the first and last command, and what is wrong.

Rules of this file:
- No Qt.  The job is checked by the same code as in the server, so what is told here is what it would say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from afcore.errors import BadSpec, Problem
from afcore.jobcheck import read_job
from afcore.jobspec import JobSpec
from afnet.api.scenes import Scene, command_job, scene_job, scene_type, with_frames

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


@dataclass
class Submission(Scene):
    """The fields of the dialog: those of a scene, and what else it asks."""

    path: str = ""
    first: int = 1
    last: int = 100
    priority: int = 99
    kind: str = "scene"
    """``scene`` or ``command``."""
    command: str = ""
    files: str = ""
    """What is written, with commas between; like ``images`` of a scene."""
    branch: str = ""
    pool: str = ""
    user: str = ""

    def job(self) -> dict[str, Any]:
        """Return the job as the farm takes it; BadSpec when it lacks something."""
        said = replace(
            self, images=[with_frames(part.strip()) for part in self.files.split(",") if part.strip()],
            output=with_frames(self.output),
        )  # fmt: skip
        made = scene_job(said) if self.kind == "scene" else command_job(said, self.command)
        if self.user:
            made["user_name"] = self.user
        if self.branch:
            made["branch"] = self.branch
        if self.pool:
            made["pools"] = {self.pool: 100}
        return made

    def labels(self) -> tuple[str, str]:
        """Return what ``node`` and ``take`` are called for this scene; empty for what it has not."""
        kind = scene_type(self.path)
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
