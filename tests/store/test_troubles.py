"""What goes wrong with a database, and the sentence each trouble gets."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from afcore.errors import ConfigError, Corrupt, Fenced, InUse, StoreError, TooNew, Unavailable
from afcore.store.base import Retention, RunQuery
from afcore.store.filesystem import file_system_of, refuse_network
from afcore.store.lock import FolderLock
from afcore.store.opening import open_store
from afcore.store.postgres import LEADER_KEY
from afcore.store.sqlite import KEPT_FREE, SqliteDatabase
from afcore.store.sqlstore import SqlStore
from tests.store.builders import WAIT, Calls, batch, job_row, run_row
from tests.store.cluster import PASSWORD, Cluster
from tests.store.conftest import Place


def sqlite_store(path: Path, *settings: str) -> SqlStore:
    """A store on a file, without the folder's lock."""
    return SqlStore(SqliteDatabase(path, settings=settings), now=1.0)


# Folders and files


def test_two_servers_on_one_folder(tmp_path: Path) -> None:
    first = open_store(data=tmp_path)
    with pytest.raises(InUse, match=rf"{tmp_path} \(process {os.getpid()} on ") as caught:
        open_store(data=tmp_path)
    assert "--data" in caught.value.hint
    with pytest.raises(InUse):
        open_store(str(tmp_path / "afwatch.db"))
    with pytest.raises(InUse):
        open_store("memory:", data=tmp_path)
    first.close()
    open_store(data=tmp_path).close()
    open_store("memory:", data=tmp_path).close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys, os; from pathlib import Path; from afcore.store.lock import FolderLock;"
        "FolderLock(Path(sys.argv[1])); print(os.getpid(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        pid = child.stdout.readline().strip()
        with pytest.raises(InUse, match=f"process {pid} on"):
            FolderLock(tmp_path)
        child.kill()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="the data folder .*file/data cannot be written"):
        open_store(data=tmp_path / "file" / "data")
    (tmp_path / "afwatch.db").mkdir()
    with pytest.raises(Unavailable, match="is a folder, not a database file"):
        open_store(data=tmp_path)
    FolderLock(tmp_path).release()


@pytest.mark.parametrize("address", ["mysql://host/name", "", "postgresql://host:port/farm"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ConfigError, match="database") as caught:
        open_store(address)
    assert caught.value.hint


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_file_elsewhere(tmp_path: Path, form: str) -> None:
    path = tmp_path / "else where" / "farm?a%20b.db"
    store = open_store(form.format(path), data=tmp_path / "data")
    store.load()
    store.commit([batch(1, store)])
    store.close()
    assert path.is_file()


def test_a_read_only_file_is_told(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        (tmp_path / "afwatch.db").write_bytes(b"")
        (tmp_path / "afwatch.db").chmod(0o400)
        with pytest.raises(Unavailable, match="is read-only"):
            sqlite_store(tmp_path / "afwatch.db")
        return
    store = sqlite_store(tmp_path / "afwatch.db")  # root may write anything: play it with a setting of the connection
    assert store._connection is not None
    store._connection.connection.driver_connection.execute("PRAGMA query_only=ON")  # type: ignore[union-attr]
    with pytest.raises(Unavailable, match="is read-only") as caught:
        store.commit([batch(1, store)])
    assert "rights" in caught.value.hint
    store.renew()
    store.commit([batch(1, store)])
    store.close()


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "afwatch.db")
    store.load()
    assert store._connection is not None
    driver = store._connection.connection.driver_connection
    assert driver is not None
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count={pages + 3}")
    calls = Calls()
    writer = calls.writer(store)
    store.renew, make_room = (lambda: None), store.renew  # type: ignore[method-assign]
    writer.start()
    writer.put(batch(1, store, os.urandom(100_000), runs=[run_row()]))
    calls.wait(lambda: bool(calls.away))
    assert "the disk is full" in str(calls.away[0])
    assert "make room" in calls.away[0].hint
    store.renew = make_room  # type: ignore[method-assign]
    calls.wait(lambda: calls.committed == [1])
    assert calls.back == 1
    assert writer.stop(WAIT)
    history = store.history()
    assert len(history.rows_after(0)) == 1
    history.close()
    store.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "afwatch.db").write_bytes(b"these are my holiday photographs, not a database at all" * 100)
    with pytest.raises(Corrupt, match="damaged or no database"):
        open_store(data=tmp_path)
    open_store(str(tmp_path / "other.db")).close()


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "afwatch.db") as other:
        other.execute("CREATE TABLE photographs (name TEXT)")
    other.close()
    with pytest.raises(Corrupt, match="did not make: photographs"):
        open_store(data=tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "UPDATE af_journal SET body = zeroblob(20) WHERE seq = 2",
            "batch 2 of the journal is damaged",
        ),
        ("DELETE FROM af_journal WHERE seq = 2", "the journal has no batch 2: after 1 comes 3"),
        ("DELETE FROM af_journal WHERE seq = 1", "the journal has no batch 1: after 0 comes 2"),
    ],
)
def test_a_damaged_journal_is_told_and_left_alone(tmp_path: Path, change: str, sentence: str) -> None:
    store = open_store(data=tmp_path)
    store.load()
    for seq in (1, 2, 3):
        store.commit([batch(seq, store)])
    store.close()
    with sqlite3.connect(tmp_path / "afwatch.db") as other:
        other.execute(change)
    other.close()
    store = open_store(data=tmp_path)
    with pytest.raises(Corrupt, match=sentence) as caught:
        list(store.load().batches)
    assert "copy" in caught.value.hint
    store.close()


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    store = open_store(data=tmp_path)
    store.load()
    for seq in range(1, 30):
        store.commit([batch(seq, store, os.urandom(3000))])
    store.close()
    path = tmp_path / "afwatch.db"
    data = bytearray(path.read_bytes())
    for place in range(30 * 4096, len(data), 4096):
        data[place : place + 100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(Corrupt):
        opened = open_store(data=tmp_path)
        try:
            list(opened.load().batches)
        finally:
            opened.close()


def test_another_program_that_keeps_the_file_locked(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "afwatch.db", "PRAGMA busy_timeout=1")
    other = sqlite3.connect(tmp_path / "afwatch.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another program"):
        store.commit([batch(1, store)])
    other.execute("ROLLBACK")
    other.close()
    store.commit([batch(1, store)])
    store.close()


def test_what_was_deleted_is_given_back(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "afwatch.db")
    store.load()
    store.commit([batch(1, store)])
    with sqlite3.connect(tmp_path / "afwatch.db") as other:
        other.execute("CREATE TABLE ballast (body BLOB)")
        other.execute(f"INSERT INTO ballast VALUES (zeroblob({4096 * (KEPT_FREE + 1000)}))")
        other.execute("DROP TABLE ballast")
    other.close()
    for _ in store.trim_steps(Retention(), now=1.0):
        pass
    store.close()
    assert (tmp_path / "afwatch.db").stat().st_size < 4096 * (KEPT_FREE + 300)


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw shared:2 - nfs4 filer:/home rw
31 30 8:2 / /home/local\\040disk rw - xfs /dev/sdb1 rw
32 21 0:41 / /mnt rw - tmpfs none rw
33 32 0:42 / /mnt/a rw - fuse.sshfs me@host:/ rw
34 32 0:43 / /mnt/b rw - cifs //server/share rw
a line that is none
35 32 0:44 / /mnt/b rw - ext4 /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "point"),
    [
        ("/var/lib/afwatch", "ext4", "/"),
        ("/home/ann/.local/share", "nfs4", "/home"),
        ("/homework", "ext4", "/"),
        ("/home/local disk/farm", "xfs", "/home/local disk"),
        ("/mnt/a/farm", "fuse.sshfs", "/mnt/a"),
        ("/mnt/b", "ext4", "/mnt/b"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str, point: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == (kind, point)
    assert file_system_of(Path(path), "") == ("", "")


def test_network_folders_are_refused() -> None:
    for path in ("/home/ann", "/mnt/a/x"):
        with pytest.raises(Unavailable, match=f"network file system, and {path} does") as caught:
            refuse_network(Path(path), MOUNTS)
        assert "local disk" in caught.value.hint
    with pytest.raises(Unavailable, match="network folder"):
        refuse_network(Path("\\\\server\\share\\farm"), MOUNTS)
    refuse_network(Path("/var/lib"), MOUNTS)


def test_a_data_folder_on_the_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "afcore.store.opening.refuse_network",
        lambda path: refuse_network(path, f"1 0 0:1 / {tmp_path.resolve()} rw - nfs filer:/x rw"),
    )
    with pytest.raises(Unavailable, match="must not lie on a network file system"):
        open_store(data=tmp_path)
    FolderLock(tmp_path).release()


# Values


def test_text_is_cut_to_its_column(database_place: Place) -> None:
    store = database_place.open()
    store.load()
    store.commit(
        [batch(1, store, runs=[run_row(command="x" * 5000, jobname="n" * 513)], jobs=[job_row(folder="f" * 600)])]
    )
    history = store.history()
    (row,) = history.rows_after(0)
    (job,) = history.jobs_after(0)
    assert (len(row.command), len(row.jobname), len(job.folder)) == (4096, 512, 512)
    history.close()


def test_history_never_stops_the_farm(database_place: Place) -> None:
    store = database_place.open()
    store.load()
    odd = run_row(1, command="a\tb\\n\nc\r'\"\u2028é", resources="\\.")
    bad = run_row(2, command="nul\0 half\udcff", exit_status=3221225477, id_task=2**40, job=2**70)
    store.commit([batch(1, store, runs=[odd, bad])])
    store.commit([batch(2, store, runs=[run_row(3)])])
    assert store.last_seq == 2
    history = store.history()
    rows = history.rows_after(0)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert rows[0] == odd
    assert rows[1].exit_status == 3221225477
    assert rows[1].command == "nul half?"
    history.close()


# PostgreSQL

pg = pytest.mark.postgres


@pg
@pytest.mark.parametrize(
    ("user", "password", "database", "sentence"),
    [
        ("guest", "wrong", "postgres", "refuses this user or password"),
        ("guest", "", "postgres", "refuses this user or password"),
        ("stranger", "", "postgres", "refuses this user or password"),
        ("nobody_known", "", "postgres", "refuses this user or password"),
        ("owner", "", "no_such_farm", "does not exist"),
    ],
)
def test_what_postgresql_refuses(cluster: Cluster, user: str, password: str, database: str, sentence: str) -> None:
    with pytest.raises(Unavailable, match=sentence) as caught:
        open_store(cluster.url(database, user, password))
    assert caught.value.hint
    assert not password or password not in str(caught.value)


@pg
def test_a_user_who_may_not_make_tables(cluster: Cluster, farm_database: str) -> None:
    with pytest.raises(Unavailable, match="does not allow this user") as caught:
        open_store(cluster.url(farm_database, "guest", PASSWORD))
    assert PASSWORD not in str(caught.value)


def test_a_postgresql_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not reachable"):
        open_store(f"postgresql://ann:geheim@/farm?host={tmp_path}", data=tmp_path)
    with pytest.raises(Unavailable, match="is not reachable") as caught:
        open_store("postgresql://ann:geheim@127.0.0.1:1/farm")
    assert "geheim" not in str(caught.value) and "127.0.0.1" in str(caught.value)
    FolderLock(tmp_path).release()


@pg
def test_a_classic_statistics_database_is_not_taken(cluster: Cluster, farm_database: str) -> None:
    cluster.execute("CREATE TABLE tasks (serial bigint)", farm_database)
    with pytest.raises(Corrupt, match="did not make: tasks"):
        open_store(cluster.url(farm_database))


@pg
def test_one_leader_on_postgresql(cluster: Cluster, farm_database: str) -> None:
    first = open_store(cluster.url(farm_database))
    first.load()
    with pytest.raises(InUse, match=r"another server leads the farm .* \(database process \d+, connected from"):
        open_store(cluster.url(farm_database))
    first.close()
    open_store(cluster.url(farm_database)).close()


@pg
def test_commits_are_synced_on_postgresql(cluster: Cluster, farm_database: str) -> None:
    cluster.execute(f"ALTER DATABASE {farm_database} SET synchronous_commit = off", "postgres")
    store = open_store(cluster.url(farm_database))
    assert isinstance(store, SqlStore) and store._connection is not None
    assert store._connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    store.close()


def end_connections(cluster: Cluster, database: str, *, but: int = 0) -> None:
    """End every connection to ``database`` except process ``but``, and wait until they are gone."""
    statement = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
    cluster.execute(statement, "postgres", [database, but])


@pg
def test_a_lost_connection_is_made_again(cluster: Cluster, farm_database: str) -> None:
    store = open_store(cluster.url(farm_database))
    store.load()
    history = store.history()
    calls = Calls()
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store, runs=[run_row(1)]))
    calls.wait(lambda: calls.committed == [1])
    assert len(history.rows_after(0)) == 1
    end_connections(cluster, farm_database)
    writer.put(batch(2, store, runs=[run_row(2)]))
    calls.wait(lambda: calls.committed == [1, 2])
    assert (len(calls.away), calls.back) == (1, 1)
    with pytest.raises(Unavailable):
        history.runs(RunQuery())
    assert [row.id_task for row in history.runs(RunQuery()).rows] == [2, 1]
    with pytest.raises(InUse):
        open_store(cluster.url(farm_database))
    history.close()
    assert writer.stop(WAIT)
    store.close()


@pg
def test_a_connection_lost_between_steps_does_not_come_back_without_the_lock(
    cluster: Cluster, farm_database: str
) -> None:
    store = open_store(cluster.url(farm_database))
    store.load()
    end_connections(cluster, farm_database)
    with pytest.raises(Unavailable):
        store.trim(Retention(), now=1.0)
    with pytest.raises(Unavailable, match="is not connected"):
        store.commit([batch(1, store)])
    store.renew()
    store.commit([batch(1, store)])
    with pytest.raises(InUse):
        open_store(cluster.url(farm_database))
    store.close()


@pg
def test_a_leader_that_was_replaced_writes_nothing(cluster: Cluster, farm_database: str) -> None:
    old = open_store(cluster.url(farm_database))
    old.load()
    old.commit([batch(1, old)])
    end_connections(cluster, farm_database)
    new = open_store(cluster.url(farm_database))
    new.load()
    assert new.epoch == old.epoch + 1
    with pytest.raises(Unavailable):
        old.commit([batch(2, old)])
    with pytest.raises(Fenced, match="took over"):
        old.renew()
    new.commit([batch(2, new)])
    new.close()
    old.renew()
    with pytest.raises(Fenced, match="epoch 1 of this server is over"):
        old.commit([batch(2, old)])
    old.close()


@pg
def test_an_own_lost_session_is_no_other_leader(cluster: Cluster, farm_database: str) -> None:
    store = open_store(cluster.url(farm_database))
    assert isinstance(store, SqlStore)
    store.load()
    with cluster.connection(farm_database) as ghost:
        end_connections(cluster, farm_database, but=ghost.info.backend_pid)
        with ghost.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LEADER_KEY,))
        with pytest.raises(Unavailable):
            store.commit([batch(1, store)])
        with pytest.raises(Unavailable, match="the lost connection still holds the leader's lock"):
            store.renew()
    store.renew()
    store.commit([batch(1, store)])
    store.close()


def test_a_sqlite_leader_that_was_replaced_writes_nothing(tmp_path: Path) -> None:
    old = sqlite_store(tmp_path / "afwatch.db")
    new = sqlite_store(tmp_path / "afwatch.db")
    new.commit([batch(1, new)])
    with pytest.raises(Fenced):
        old.commit([batch(1, old)])
    new.close()
    old.close()


@pg
def test_a_commit_whose_answer_was_lost_is_not_doubled(cluster: Cluster, farm_database: str) -> None:
    """The transaction was committed, and the connection broke before the answer came."""
    store = open_store(cluster.url(farm_database))
    assert isinstance(store, SqlStore)
    store.load()
    store.commit([batch(1, store, runs=[run_row(1)])])
    marks = store._marks
    given = [batch(2, store, runs=[run_row(2)]), batch(3, store, runs=[run_row(3)])]
    store.commit(given[:1])
    store._marks = marks
    end_connections(cluster, farm_database)
    with pytest.raises(Unavailable):
        store.commit(given)
    store.renew()
    store.commit(given)
    history = store.history()
    assert [(row.seq, row.id_task) for row in history.rows_after(0)] == [(1, 1), (2, 2), (3, 3)]
    history.close()
    store.close()


@pg
def test_a_server_that_restarts_is_waited_for(cluster: Cluster, farm_database: str) -> None:
    store = open_store(cluster.url(farm_database))
    store.load()
    calls = Calls()
    writer = calls.writer(store)
    writer.start()
    cluster.stop()
    try:
        writer.put(batch(1, store))
        calls.wait(lambda: bool(calls.away))
    finally:
        cluster.start()
    calls.wait(lambda: calls.committed == [1])
    assert writer.stop(WAIT)
    store.close()


# Versions


def test_a_newer_database_is_refused(database_place: Place) -> None:
    store = database_place.open()
    assert isinstance(store, SqlStore) and store._connection is not None
    with store._connection.begin():
        store._connection.exec_driver_sql("UPDATE af_meta SET value = '99' WHERE key = 'needs'")
    store.close()
    with pytest.raises(TooNew, match=r"format 99, this one knows \d+"):
        database_place.open()


def test_a_newer_journal_is_refused(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store, format=7)])
    store.close()
    with pytest.raises(TooNew, match="batch 1 of the journal has format 7"):
        list(place.open().load().batches)


def test_what_is_not_known_is_told_in_the_words_of_the_driver(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "afwatch.db")
    assert store._connection is not None
    with store._connection.begin():
        store._connection.exec_driver_sql("DROP TABLE af_journal")
    with pytest.raises(StoreError, match="answers: no such table: af_journal"):
        store.commit([batch(1, store)])
    store.close()
