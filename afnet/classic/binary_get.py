"""What the classic ``get`` answers in binary: one task, what hosts measure, and how much each job weighs.

Rules of this file:
- A binary answer is the JSON answer written differently; lists of jobs, users and so on exist in JSON only.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from afcore.model.farm import Farm
from afnet.classic.binary import BinaryMessage, Kind, encode_jobs_weight, encode_resources, encode_task
from afnet.classic.framing import info
from afnet.classic.json_get import Get

__all__ = ["in_binary", "jobs_weight"]

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


def jobs_weight(rows: Iterable[Mapping[str, Any]]) -> BinaryMessage:
    """Return what each job weighs: rows with name, id, and the bytes of log, error hosts, progress and texts."""
    columns = ("name", "id", "log", "error_hosts", "progress", "texts")
    found = [tuple(row[name] for name in columns) for row in rows]
    return BinaryMessage(Kind.JOBS_WEIGHT, encode_jobs_weight(found))
