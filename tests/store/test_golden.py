"""What was written by any version since the first can be read: databases and packed bodies kept as files.

A new format version adds files; files of older versions are never written again. ``python -m tests.store.test_golden``
writes those of the present version where they are missing.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import msgspec
import pytest

from afcore.store.base import BODY_FORMAT, Store
from afcore.store.migrate import FORMAT
from afcore.store.opening import open_store
from afcore.store.packing import join_entries, pack, unpack
from tests.store.builders import batch, job_row, run_row, snapshot

GOLDEN = Path(__file__).parent / "golden"

SHORT = [msgspec.msgpack.encode([1_700_000_000.5, "job.submit", "ann", [[31, 2, 0, 7, 1]]])]
LONG = [
    msgspec.msgpack.encode([number, "run.report", "render1", [[31, 2, 0, number, 1, "x" * 40]]])
    for number in range(400)
]


def live(store: Store) -> None:
    """A short life of a farm with a bit of everything."""
    store.load()
    store.commit([batch(1, store, SHORT), batch(2, store, b"plain bytes", runs=[run_row(1), run_row(2, error=1)])])
    store.write_snapshot(
        snapshot(2, jobs={2: b"job two", 3: b"job three"}, columns={(2, 0): [b"ab", bytes(5000)], (3, 0): [b"c"]})
    )
    store.commit([batch(3, store, LONG, jobs=[job_row(0)])])
    store.write_snapshot(snapshot(3, columns={(2, 0): [b"AB", bytes(5000)]}, deleted=[3]))
    store.commit([batch(4, store, SHORT, runs=[run_row(3)])])


def check(store: Store) -> None:
    """That life, remembered."""
    found = store.load()
    assert (found.epoch, found.last_seq) == (2, 4)
    assert found.snapshot is not None
    assert (found.snapshot.seq, found.snapshot.farm) == (3, b"farm 3")
    assert found.snapshot.jobs == {2: b"job two"}
    assert found.snapshot.columns == {(2, 0): [b"AB", bytes(5000)]}
    assert [(b.seq, b.format, b.body) for b in found.batches] == [(4, 1, join_entries(SHORT))]
    history = store.history()
    assert [(row.seq, row.id_task, row.error) for row in history.rows_after(0)] == [(1, 1, 0), (2, 2, 1), (3, 3, 0)]
    assert [row.blockname for row in history.jobs_after(0)] == ["render"]
    history.close()


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_a_database_of_every_version_is_read(tmp_path: Path, version: int) -> None:
    with sqlite3.connect(tmp_path / "afwatch.db") as made:
        made.executescript((GOLDEN / f"farm_v{version}.sql").read_text(encoding="utf-8"))
    made.close()
    store = open_store(data=tmp_path)
    check(store)
    store.close()


@pytest.mark.parametrize("version", range(1, BODY_FORMAT + 1))
def test_packed_bodies_of_every_version_are_read(version: int) -> None:
    for name, entries in (("short", SHORT), ("long", LONG)):
        packed = (GOLDEN / f"body_v{version}_{name}.bin").read_bytes()
        assert unpack(packed, name) == join_entries(entries)


def _write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, entries in (("short", SHORT), ("long", LONG)):
        path = GOLDEN / f"body_v{BODY_FORMAT}_{name}.bin"
        if not path.exists():
            path.write_bytes(pack(join_entries(entries)))
    path = GOLDEN / f"farm_v{FORMAT}.sql"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(data=Path(folder))
            live(store)
            store.close()
            with sqlite3.connect(Path(folder) / "afwatch.db") as made:
                text = "\n".join(made.iterdump()).replace(f"'{_host(made)}'", "'farmserver'")
            made.close()
            path.write_text(text + "\n", encoding="utf-8")


def _host(made: sqlite3.Connection) -> str:
    (host,) = made.execute("SELECT value FROM af_meta WHERE key = 'leader'").fetchone()
    return str(host)


if __name__ == "__main__":
    _write()
