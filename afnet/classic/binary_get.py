"""What classic requests are answered in binary: one task, what hosts measure, jobs' weights, and statistics.

Rules of this file:
- A binary answer is the JSON answer written differently; lists of jobs, users and so on exist in JSON only.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from afcore.model.farm import Farm
from afnet.classic.binary import (
    BinaryMessage,
    Kind,
    encode_jobs_weight,
    encode_resources,
    encode_statistics,
    encode_task,
)
from afnet.classic.framing import info
from afnet.classic.json_get import Get

__all__ = ["in_binary", "jobs_weight", "statistics"]


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


def statistics(rows: Iterable[Mapping[str, Any]]) -> BinaryMessage:
    """Return what was counted at the door, by type of message; ``rows`` are those of ``server.traffic``.

    Each message that has no type of its own in this dialect stands under the nearest: JSON of any framing under 24,
    pages over HTTP under 26, what agents and clients of today's protocol send under 21 (data).
    """
    counts: dict[int, list[int]] = {}
    for row in rows:
        kind = _statistics_kind(row["kind"], row["peer"])
        count = counts.setdefault(kind, [0, 0, 0])
        count[0] += row["received_bytes"] + row["sent_bytes"]
        count[1] += row["messages"]
        count[2] = max(count[2], row["largest"])
    # Numbers of the message have 32 bits: what is more stays at the largest.
    told = {kind: tuple(min(number, _LARGEST) for number in count) for kind, count in counts.items()}
    return BinaryMessage(Kind.STATISTICS, encode_statistics(told))  # type: ignore[arg-type]


_LARGEST = (1 << 31) - 1
_HTTP_GET = 26


def _statistics_kind(kind: str, peer: str) -> int:
    if kind == "http":
        return _HTTP_GET
    if not peer.startswith("classic "):
        return Kind.DATA
    name = kind.removeprefix("binary ").upper()
    return Kind[name] if kind.startswith("binary ") and name in Kind.__members__ else Kind.JSON
