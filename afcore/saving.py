"""A snapshot in the making: copied job by job while the farm goes on, and yet of one moment.

Rules of this file:
- Everything in the image is as it was when the saving began: what an event is about to change is copied before it.
- What belongs to no job is copied at the beginning, in one go; of jobs and columns only what changed since the last.
- One step copies one job without its columns, or one column of a block.
- An event that names a block changes no column of another one; a test of random histories would tell.
"""

from collections.abc import Iterable

from afcore.codec import column_bytes
from afcore.events import Event, FarmRecovered, SystemCommandsQueued
from afcore.image import FarmImage, farm_bytes, job_bytes
from afcore.model.farm import Farm
from afcore.model.tasks import COLUMN_NAMES

__all__ = ["Saving"]


class Saving:
    """Fills ``image``; it is whole when ``step`` returns False."""

    def __init__(self, farm: Farm, *, since: int, deleted: list[int]) -> None:
        """Begin: ``since`` is the ``Farm.version`` that a store has, ``deleted`` are jobs that it has still."""
        self._farm = farm
        self.image = FarmImage(farm_bytes(farm), deleted=deleted)
        self._jobs = [id for id, job in farm.jobs.items() if job.version > since]
        """What is left to copy, the next one last."""
        self._blocks = {
            id: [block.index for block in farm.jobs[id].blocks if block.version > since] for id in self._jobs
        }
        """Of each of these jobs: the blocks whose columns are left."""
        self._jobs.reverse()

    @property
    def whole(self) -> bool:
        """Whether nothing is left to copy."""
        return not self._blocks

    def step(self) -> bool:
        """Copy a little more; return whether something is left."""
        while self._jobs:
            id = self._jobs[-1]
            blocks = self._blocks.get(id)
            if blocks is None:
                self._jobs.pop()
            elif id not in self.image.jobs:
                self._copy_job(id)
                break
            else:
                self._copy_column(id, blocks[0])
                break
        return bool(self._blocks)

    def finish(self) -> FarmImage:
        """Copy everything that is left."""
        while self.step():
            pass
        return self.image

    def before(self, event: Event) -> None:
        """Copy what an event is about to change."""
        if not self._blocks:
            return
        job: int = getattr(event, "job", 0)
        if job in self._blocks:
            self._keep(job, getattr(event, "block", None))
        if isinstance(event, SystemCommandsQueued):
            for command in event.commands:
                if command.holds in self._blocks:
                    self._keep(command.holds, None)
        elif isinstance(event, FarmRecovered):
            self.finish()

    def _keep(self, job: int, block: int | None) -> None:
        """Copy a job, with the columns of one block or of all."""
        if job not in self.image.jobs:
            self._copy_job(job)
        left: Iterable[int] = list(self._blocks.get(job, ()))
        for index in left:
            if block is None or index == block:
                while index in self._blocks.get(job, ()):
                    self._copy_column(job, index)

    def _copy_job(self, id: int) -> None:
        self.image.jobs[id] = job_bytes(self._farm.jobs[id])
        if not self._blocks[id]:
            del self._blocks[id]

    def _copy_column(self, id: int, index: int) -> None:
        """Copy the next column of a block."""
        columns = self.image.columns.setdefault((id, index), [])
        columns.append(column_bytes(getattr(self._farm.jobs[id].blocks[index].tasks, COLUMN_NAMES[len(columns)])))
        if len(columns) < len(COLUMN_NAMES):
            return
        blocks = self._blocks[id]
        blocks.remove(index)
        if not blocks:
            del self._blocks[id]
