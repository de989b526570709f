"""What the classic ``get`` answers in binary: one task, what hosts measure, and how much each job weighs.

Rules of this file:
- A binary answer is the JSON answer written differently; lists of jobs, users and so on exist in JSON only.
"""

from collections.abc import Callable, Sized
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Job
from afnet.classic.binary import BinaryMessage, Kind, encode_jobs_weight, encode_resources, encode_task
from afnet.classic.framing import info
from afnet.classic.json_get import Get

__all__ = ["in_binary", "jobs_weight"]

_TASK_BYTES = 18
"""Bytes of a task in the columns of its block."""

_LINE_BYTES = 100
"""What one kept line of a log is taken to weigh."""

_HOST_BYTES = 48
"""What is kept of one host that failed."""


def in_binary(farm: Farm, wish: Get, answer: dict[str, Any]) -> dict[str, Any] | BinaryMessage:
    """Return an answer as a binary message, a refusal as it is, and a sentence for what has no binary form here."""
    if "info" in answer:
        return answer
    if "task" in answer:
        pos = answer["task"]["pos"]
        job = farm.jobs.get(pos["job"])
        flags = job.blocks[pos["block"]].spec.flags if job is not None and pos["block"] < len(job.blocks) else 0
        return BinaryMessage(Kind.TASK, encode_task(answer, block_flags=flags))
    if wish.kind == "renders" and wish.mode == "resources":
        return BinaryMessage(Kind.RENDERS_RESOURCES, encode_resources(answer["renders"]))
    what = " ".join(word for word in (wish.kind, wish.mode) if word)
    return info(f"Afwatch answers {what} in JSON only: ask without binary.")


def jobs_weight(farm: Farm, lines_of: Callable[[int, int], Sized]) -> BinaryMessage:
    """Return about how many bytes the farm keeps for each job; ``lines_of`` gives the newest lines about a job."""
    rows = []
    for job in farm.jobs.values():
        hosts = sum(
            len(block.error_hosts) + sum(len(each) for each in block.task_error_hosts.values()) for block in job.blocks
        )
        tasks = sum(block.tasks.size for block in job.blocks)
        log = _LINE_BYTES * len(lines_of(job.id, 1000))
        rows.append((job.name, job.id, log, _HOST_BYTES * hosts, _TASK_BYTES * tasks, _texts(job)))
    return BinaryMessage(Kind.JOBS_WEIGHT, encode_jobs_weight(rows))


def _texts(job: Job) -> int:
    own = len(job.name) + len(job.annotation) + len(job.custom_data) + len(job.report)
    return own + sum(len(block.spec.command) + len(block.spec.name) + len(block.spec.service) for block in job.blocks)
