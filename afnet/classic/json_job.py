"""The classic ``job`` message: a submission, read without strictness, and its two answers."""

from typing import Any

from afcore.commands import SubmitJob
from afcore.errors import AfError
from afcore.jobspec import JobSpec

__all__ = ["read_job", "refused_answer", "submitted_answer"]


def read_job(request: dict[str, Any]) -> SubmitJob:
    """Return the command of ``{"job": {...}}``.

    Unknown keys and values of the wrong type are as if they were not there, as the dialect has it; what the job means
    is checked by the farm, which refuses more than the reference did. Raises BadSpec when ``job`` is no object.
    """
    spec = JobSpec.from_json(request["job"], strict=False)
    # Hosts masks without a mode are of the find kind in this dialect and regular expressions elsewhere.
    if not spec.hosts_mask_type:
        spec.hosts_mask_type = "find"
    # The farm counts its ids and never gives one twice.
    spec.id = 0
    return SubmitJob(spec, lenient=True)


def submitted_answer(*, id: int, serial: int, warning: str = "") -> dict[str, Any]:
    """Return the answer to a job that was taken, with what its sender should know about it."""
    answer: dict[str, Any] = {"id": id, "serial": serial}
    return {**answer, "warning": warning} if warning else answer


def refused_answer(error: AfError) -> dict[str, Any]:
    """Return the answer to a job that was refused, with everything that is wrong with it."""
    return {"id": 0, "serial": 0, "error": str(error)}
