"""About how many bytes the farm keeps for each job."""

from collections.abc import Callable, Sized
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Job

__all__ = ["weigh_jobs"]

_TASK_BYTES = 18
"""Bytes of a task in the columns of its block."""

_LINE_BYTES = 100
"""What one kept line of a log is taken to weigh."""

_HOST_BYTES = 48
"""What is kept of one host that failed."""


def weigh_jobs(farm: Farm, lines_of: Callable[[int, int], Sized]) -> list[dict[str, Any]]:
    """Return a row of bytes for each job; ``lines_of`` gives the newest lines about a job."""
    rows = []
    for job in farm.jobs.values():
        hosts = sum(
            len(block.error_hosts) + sum(len(each) for each in block.task_error_hosts.values()) for block in job.blocks
        )
        row: dict[str, Any] = {
            "id": job.id,
            "name": job.name,
            "log": _LINE_BYTES * len(lines_of(job.id, 1000)),
            "error_hosts": _HOST_BYTES * hosts,
            "progress": _TASK_BYTES * sum(block.tasks.size for block in job.blocks),
            "texts": _texts(job),
        }
        rows.append(row)
    return rows


def _texts(job: Job) -> int:
    size = len(job.name) + len(job.annotation) + len(job.custom_data) + len(job.report)
    for block in job.blocks:
        spec = block.spec
        size += len(spec.command) + len(spec.name) + len(spec.service)
        if spec.tasks is not None:
            size += spec.tasks.names.size + spec.tasks.commands.size
    return size
