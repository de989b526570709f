"""The tables of snapshots: writing one in small steps, reading the newest, dropping what newer ones replace.

Rules of this file:
- A snapshot is written under its own number beside the older ones, and counts once its last step set ``complete``.
- A step takes some milliseconds: 128 KiB of plain bytes, or some hundred rows, and one transaction.
- Job 0 is the farm itself; a job without a body was deleted.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from afcore.errors import Corrupt
from afcore.store.base import SNAPSHOT_FORMAT, Snapshot
from afcore.store.checks import Manifest, check_format
from afcore.store.packing import pack, unpack

__all__ = [
    "PART",
    "Piece",
    "drop_incomplete",
    "manifests",
    "packed_pieces",
    "read_newest",
    "superseded",
    "write_pieces",
]

PART = 1 << 17
"""Plain bytes of one stored part."""
STEP_BYTES = 1 << 17
STEP_ROWS = 400
FARM = 0


class Piece(NamedTuple):
    """A part of a snapshot, packed. ``block`` is -1 for what belongs to the job itself."""

    job: int
    block: int
    position: int
    part: int
    body: bytes | None


def _pieces(snapshot: Snapshot) -> Iterator[tuple[int, int, int, bytes | None]]:
    yield FARM, -1, 0, snapshot.farm
    for job, body in snapshot.jobs.items():
        yield job, -1, 0, body
    for (job, block), columns in snapshot.columns.items():
        for position, column in enumerate(columns):
            yield job, block, position, column
    for job in snapshot.deleted:
        yield job, -1, 0, None


def packed_pieces(snapshot: Snapshot) -> Iterator[list[Piece]]:
    """Yield the parts of ``snapshot`` in groups as large as one step; compressing happens as they are asked for."""
    group: list[Piece] = []
    size = 0
    for job, block, position, body in _pieces(snapshot):
        if body is None:
            group.append(Piece(job, block, position, 0, None))
        for part, start in enumerate(range(0, max(1, len(body)), PART) if body is not None else ()):
            assert body is not None
            plain = body if len(body) <= PART else body[start : start + PART]
            group.append(Piece(job, block, position, part, pack(plain, compress_above=64)))
            size += len(plain)
            if size >= STEP_BYTES or len(group) >= STEP_ROWS:
                yield group
                group, size = [], 0
    if group:
        yield group


def write_pieces(connection: Connection, seq: int, pieces: list[Piece]) -> int:
    """Write one group; return its bytes."""
    for_jobs = [p for p in pieces if p.block < 0]
    for_columns = [p for p in pieces if p.block >= 0]
    if for_jobs:
        connection.execute(
            text("INSERT INTO af_snapshot_job (job, seq, part, body) VALUES (:job, :seq, :part, :body)"),
            [{"job": p.job, "seq": seq, "part": p.part, "body": p.body} for p in for_jobs],
        )
    if for_columns:
        connection.execute(
            text(
                "INSERT INTO af_snapshot_columns (job, block, seq, position, part, body)"
                " VALUES (:job, :block, :seq, :position, :part, :body)"
            ),
            [{**p._asdict(), "seq": seq} for p in for_columns],
        )
    return sum(len(p.body) for p in pieces if p.body is not None)


def drop_incomplete(connection: Connection) -> None:
    """Remove what was left of snapshots that were never finished."""
    for table in ("af_snapshot_job", "af_snapshot_columns"):
        connection.execute(text(f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM af_snapshot WHERE NOT complete)"))
    connection.execute(text("DELETE FROM af_snapshot WHERE NOT complete"))


def manifests(connection: Connection) -> list[Manifest]:
    """Return what is known of the complete snapshots, oldest first."""
    rows = connection.execute(text("SELECT seq, at, size, total FROM af_snapshot WHERE complete ORDER BY seq"))
    return [Manifest(seq=seq, at=at, size=size, journal=total) for seq, at, size, total in rows]


def read_newest(connection: Connection, until: int | None = None) -> Snapshot | None:
    """Return the newest complete state, put together from every snapshot that holds a part of it.

    With ``until`` the newest of those up to that batch: the past.
    """
    newest = connection.execute(
        text("SELECT seq, at, format FROM af_snapshot WHERE complete AND seq <= :until ORDER BY seq DESC LIMIT 1"),
        {"until": _LAST if until is None else until},
    ).first()
    if newest is None:
        return None
    seq, at, written = newest
    check_format(written, f"snapshot {seq}", newest=SNAPSHOT_FORMAT)
    jobs: dict[int, list[bytes]] = {}
    gone: set[int] = set()
    for job, part, body in connection.execute(_NEWEST_JOBS, {"seq": seq}):
        if body is None:
            gone.add(job)
        else:
            _add(jobs.setdefault(job, []), part, body, f"job {job} in the snapshots")
    columns: dict[tuple[int, int], list[list[bytes]]] = {}
    for job, block, position, part, body in connection.execute(_NEWEST_COLUMNS, {"seq": seq}):
        if job in gone:
            continue
        lists = columns.setdefault((job, block), [])
        what = f"block {block} of job {job} in the snapshots"
        if part == 0:
            if position != len(lists):
                raise Corrupt(f"{what} has no column {len(lists)}", hint=_ADVICE)
            lists.append([])
        _add(lists[-1], part, body, what)
    if FARM not in jobs:
        raise Corrupt(f"snapshot {seq} has no farm in it", hint=_ADVICE)
    farm = b"".join(jobs.pop(FARM))
    return Snapshot(
        seq=seq,
        at=at,
        farm=farm,
        jobs={job: b"".join(parts) for job, parts in jobs.items()},
        columns={key: [b"".join(parts) for parts in lists] for key, lists in columns.items()},
        format=written,
    )


_LAST = 2**63 - 1
"""No batch has a greater number."""
_ADVICE = "put back the newest copy of the data folder"
_NEWEST_JOBS = text(
    "SELECT s.job, s.part, s.body FROM af_snapshot_job s JOIN"
    " (SELECT job, max(seq) AS seq FROM af_snapshot_job WHERE seq <= :seq GROUP BY job) n"
    " ON n.job = s.job AND n.seq = s.seq ORDER BY s.job, s.part"
)
_NEWEST_COLUMNS = text(
    "SELECT s.job, s.block, s.position, s.part, s.body FROM af_snapshot_columns s JOIN"
    " (SELECT job, block, max(seq) AS seq FROM af_snapshot_columns WHERE seq <= :seq GROUP BY job, block) n"
    " ON n.job = s.job AND n.block = s.block AND n.seq = s.seq"
    " ORDER BY s.job, s.block, s.position, s.part"
)


def _add(parts: list[bytes], part: int, body: Any, what: str) -> None:
    if part != len(parts):
        raise Corrupt(f"{what} has no part {len(parts)}", hint=_ADVICE)
    parts.append(unpack(bytes(body), what))


def superseded(connection: Connection, base: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield the statements, each a small one, that drop what snapshot ``base`` or an older newer one replaces."""
    gone = connection.execute(
        text("SELECT job, seq FROM af_snapshot_job WHERE body IS NULL AND seq <= :base"), {"base": base}
    ).all()
    old_columns = connection.execute(
        text(
            "SELECT job, block, seq FROM af_snapshot_columns o WHERE position = 0 AND part = 0 AND seq < :base AND"
            " EXISTS (SELECT 1 FROM af_snapshot_columns n WHERE n.job = o.job AND n.block = o.block"
            " AND n.seq > o.seq AND n.seq <= :base)"
        ),
        {"base": base},
    ).all()
    old_jobs = connection.execute(
        text(
            "SELECT job, seq FROM af_snapshot_job o WHERE part = 0 AND seq < :base AND EXISTS"
            " (SELECT 1 FROM af_snapshot_job n WHERE n.job = o.job AND n.seq > o.seq AND n.seq <= :base)"
        ),
        {"base": base},
    ).all()
    for job, block, seq in old_columns:
        yield (
            "DELETE FROM af_snapshot_columns WHERE job = :job AND block = :block AND seq = :seq",
            {"job": job, "block": block, "seq": seq},
        )
    for job, seq in old_jobs:
        yield "DELETE FROM af_snapshot_job WHERE job = :job AND seq = :seq", {"job": job, "seq": seq}
    for job, seq in gone:
        yield "DELETE FROM af_snapshot_columns WHERE job = :job AND seq <= :seq", {"job": job, "seq": seq}
        yield "DELETE FROM af_snapshot_job WHERE job = :job AND seq <= :seq", {"job": job, "seq": seq}
