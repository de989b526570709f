"""The statistics of real farms: the classic database verbs, rows of real runs, and databases that break meanwhile."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from afcore.errors import Rejected
from tests.e2e.breakable import Breakable, BreakableFile, BreakablePostgres
from tests.e2e.processes import ROOT, FarmProcess
from tests.store.cluster import Cluster, binaries
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def test_the_classic_database_verbs(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.start_server()
    wait_for(lambda: "no tables" not in farm.ask("statistics.check")["sentence"], what="the tables")
    works = farm.afcmd("db_check")
    assert (works.returncode, works.stdout) == (0, "Database connection is working.\n"), works.stderr
    drivers = farm.afcmd("db_drivers")
    assert drivers.returncode == 0
    assert [line.split()[0] for line in drivers.stdout.splitlines()[1:]] == ["SQLite", "PostgreSQL", "MariaDB"]
    asked = farm.afcmd("db_reset_all")
    assert asked.returncode == 1 and "confirmed" in asked.stderr and "--yes" in asked.stderr
    for verb in ("db_reset_all", "db_reset_jobs", "db_reset_tasks"):
        done = farm.afcmd(verb, "--yes")
        assert done.returncode == 0 and done.stdout.startswith("The tables are empty"), done.stderr
    updated = farm.afcmd("db_updatetables")
    assert updated.returncode == 0 and "as this version wants" in updated.stdout, updated.stderr
    help_text = farm.afcmd("h", "db_reset_all").stdout
    assert "afcmd statistics reset" in help_text
    level = farm.afcmd("statistics", "lag")
    assert level.stdout.rstrip().endswith("statistics.db has everything."), level.stdout


def test_what_is_wrong_with_the_connection_is_said(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    settings = farm.folder / "config.json"
    settings.write_text('{"af_db_conninfo": "host=127.0.0.1 port=1 dbname=afanasy user=afadmin password=AfPassword"}')
    farm.start_server("--config", str(settings))
    checked = farm.afcmd("db_check")
    assert checked.returncode == 1 and "host 127.0.0.1 does not answer" in checked.stderr
    assert "AfPassword" not in checked.stderr + farm.afcmd("config", "show").stdout + farm.log("server.log")
    wait_for(lambda: farm.ask("statistics.lag")["trouble"], what="the server to have tried itself")
    assert "does not answer" in farm.afcmd("statistics", "lag").stdout
    # The farm does not care.
    farm.start_agent()
    farm.wait_job(farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}))
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    assert farm.ask("statistics.lag")["rows"] == 2


def test_an_address_that_is_none_is_told(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    start(farm, "oracle://ann:geheim@db.example/farm")
    for words in (("db_check",), ("statistics", "--by", "user")):
        refused = farm.afcmd(*words)
        assert refused.returncode == 1 and "kind oracle is not known" in refused.stderr, words
    told = farm.afcmd("statistics", "lag").stdout
    assert "kind oracle is not known" in told and "everything" not in told and "geheim" not in told


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (make test says how)")
    made = Cluster(programs)
    try:
        yield made
    finally:
        made.remove()


def level(farm: FarmProcess) -> None:
    """Wait until everything is in the statistics."""
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    wait_for(lambda: farm.ask("statistics.lag")["rows"] == 0, what="the statistics to be level", seconds=60)


def start(farm: FarmProcess, address: str, *, module: str = "afnet.server.main", first: Sequence[str] = ()) -> None:
    settings = farm.folder / "config.json"
    settings.write_text(json.dumps({"statistics_database": address}))
    farm.start_server("--config", str(settings), module=module, first=first)


@pytest.mark.postgres
def test_each_column_comes_from_real_runs(cluster: Cluster, new_farm: Callable[[], FarmProcess]) -> None:
    farm, name = new_farm(), cluster.new_database()
    cards = [{"index": n, "kind": "gpu", "name": "card", "memory_mb": 8000} for n in range(2)]
    machine = farm.folder / "machine.json"
    machine.write_text(json.dumps({"identity": {"devices": cards}, "resources": [{}]}))
    start(farm, cluster.url(name))
    farm.start_agent("node1", "--fake-host", str(machine))
    busy = f"{sys.executable} -c 'x = bytearray(80_000_000); [n * n for n in range(2_000_000)]'"
    tells = "echo 'peak CPU memory used 1024 MB'; sleep 0.05"
    work = {"command": f"{busy}; {tells}", "parser": "arnold", "frame_first": 1, "frame_last": 4, "frames_per_task": 2}
    fails = {"command": "exit 3", "frame_first": 1, "frame_last": 1, "errors_retries": 0, "depend_mask": "b0"}
    id = farm.submit(
        {**work, "capacity": 500, "need_gpus": 1, "need_gpu_mem_mb": 100}, fails, name="shot", user_name="ann",
        host_name="desk", description="second try", folders={"output": "/shows/a/out"},
    )  # fmt: skip
    farm.ask("job.set", ids=[id], parameters={"annotation": "for ben"})
    farm.wait_job(id, "error")
    level(farm)
    serial = farm.job(id)["serial"]
    columns = [row[0] for row in cluster.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'tasks' ORDER BY ordinal_position", name
    )]  # fmt: skip
    rows = [dict(zip(columns, row, strict=True)) for row in cluster.execute(
        "SELECT * FROM tasks ORDER BY id_block, id_task", name
    )]  # fmt: skip
    assert len(rows) == 3
    alike = {
        "annotation": "for ben", "description": "second try", "folder": "/shows/a/out", "frame_pertask": 2,
        "hostname": "node1", "jobname": "shot", "service": "generic", "username": "ann", "serial": serial, "farm": 1,
        "job": id, "render": 1, "pool": "/", "branch": "/", "starts_count": 1, "run": 1, "coefficient": 0,
    }  # fmt: skip
    first, second, failed = rows
    assert first == {**first, **alike, "id_block": 0, "id_task": 0, "blockname": "b0", "capacity": 500, "error": 0,
                     "errors_count": 0, "status": "success", "exit_status": 0, "parser": "arnold", "cause": "",
                     "taskname": "frame 1-2", "command": work["command"], "resources": "arnold_gb:1"}  # fmt: skip
    assert failed == {**failed, **alike, "frame_pertask": 1, "id_block": 1, "id_task": 0, "blockname": "b1", "error": 1,
                      "errors_count": 1, "status": "error", "exit_status": 3, "command": "exit 3",
                      "capacity": 1000, "gpus": "", "peak_memory": failed["peak_memory"]}  # fmt: skip
    assert failed["cause"]
    assert {first["gpus"], second["gpus"]} <= {"0", "1"} and second["id_task"] == 1
    assert [row["seq"] for row in sorted(rows, key=lambda row: str(row["seq"]))] == [1, 2, 3]
    for row in (first, second):
        assert row["peak_memory"] > 80_000_000 and row["cpu_ms"] > 0, row
        assert row["time_started"] == row["started_ms"] // 1000 <= row["time_done"] == row["done_ms"] // 1000
        assert row["started_ms"] < row["done_ms"] and 0 <= row["waited_ms"] <= row["done_ms"]
    assert 0 <= failed["waited_ms"] <= failed["done_ms"] - max(first["done_ms"], second["done_ms"]) + 1000

    farm.ask("job.delete", ids=[id])
    wait_for(lambda: cluster.execute("SELECT count(*) FROM jobs", name) == [(2,)], what="the job's rows")
    jobs = cluster.execute(
        "SELECT annotation, blockname, capacity, description, folder, jobname, hostname, service, tasks_done,"
        " tasks_quantity, username, serial, id_block, farm, seq, job, branch FROM jobs ORDER BY id_block", name,
    )  # fmt: skip
    same = ("for ben", "shot", "desk", "ann")
    for row, (block, capacity, done, tasks) in zip(jobs, (("b0", 500, 2, 2), ("b1", 1000, 0, 1)), strict=True):
        assert (row[0], row[5], row[6], row[10]) == same and (row[1], row[2]) == (block, capacity)
        assert (row[3], row[4], row[7], row[8], row[9]) == ("second try", "/shows/a/out", "generic", done, tasks)
    assert [row[11:] for row in jobs] == [(serial, 0, 1, 1, id, "/"), (serial, 1, 1, 2, id, "/")]
    times = cluster.execute(
        "SELECT run_time_sum, run_time_ms, time_started, started_ms, time_done, done_ms FROM jobs WHERE id_block = 0",
        name,
    )[0]
    assert times[1] > 0 and times[0] == times[1] // 1000 and times[2] == times[3] // 1000 > 0  # type: ignore[operator]
    assert times[4] == times[5] // 1000 >= times[2]  # type: ignore[operator]
    wait_for(lambda: not cluster.execute("SELECT * FROM farm_jobs", name), what="the job to be gone from the farm")
    shown = json.loads(farm.afcmd("--json", "statistics", "--by", "user").stdout)
    (row,) = shown["rows"]
    assert (row["name"], row["runs"], row["errors"], row["jobs"]) == ("ann", 3, 1, 1)


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def test_a_busy_farm_does_not_care_what_its_statistics_do(
    kind: str, new_farm: Callable[[], FarmProcess], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broken: Breakable = BreakableFile(tmp_path / "place")
    if kind == "postgresql":
        broken = BreakablePostgres(request.getfixturevalue("cluster"))
    farm = new_farm()
    first = () if kind == "postgresql" else (broken.address,)

    def serve() -> None:
        start(farm, broken.address, module=broken.module, first=first)

    def newest() -> int:
        """The number of the farm's newest row, which is durable."""
        rows = farm.ask("history.runs", limit=1, before=0)["rows"]
        return int(rows[0]["seq"]) if rows else 0

    def busy(runs: int = 12) -> None:
        """Wait until tasks that started after now have ended: nothing of them waits for the statistics."""
        before, slots = newest(), farm.ask("render.list")["rows"][0]["max_tasks"]
        wait_for(lambda: newest() >= before + slots + runs, what="tasks to start and end", seconds=120)

    serve()
    farm.start_agent()
    wait_for(lambda: farm.ask("render.list")["rows"], what="the render")
    # The farm is busy from here to the end; each task is short, and there are more than will ever run. Their command
    # hardly lets itself be compressed: a row needs half a page.
    filling = random.Random(8).randbytes(1750).hex()
    job = farm.submit({"frame_first": 1, "frame_last": 100_000, "command": f"sleep 0.1 # {filling}"})
    busy()
    level(farm)
    with broken.slow():
        busy()
        assert farm.ask("statistics.lag")["rows"] >= 12
    level(farm)
    with broken.full():
        busy()
        # What pages have room for still goes in.
        wait_for(lambda: "disk is full" in farm.ask("statistics.lag")["trouble"], what="the trouble to be told")
        assert int(broken.query("SELECT max(seq) FROM tasks")[0][0]) < newest()
    level(farm)
    with broken.stopped():
        busy()
        wait_for(lambda: farm.ask("statistics.lag")["trouble"], what="the trouble to be told")
        # The server is killed meanwhile, and starts without them.
        farm.kill_server()
        serve()
        busy()
    # Killed while rows are on their way.
    wait_for(lambda: not farm.ask("statistics.lag")["trouble"], what="the database to be back")
    farm.kill_server()
    broken.crash()
    serve()
    busy(0)
    farm.ask("job.delete", ids=[job])
    # It is gone when its last tasks have ended.
    wait_for(lambda: job not in [row["id"] for row in farm.ask("job.list")["rows"]], what="the job to be gone")
    level(farm)
    kept = newest()
    rows = broken.query("SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM tasks")
    assert rows == [(kept, kept, 1, kept)]
    assert broken.query("SELECT sum(runs) FROM af_rollup WHERE dimension = 0 AND period = 2") == [(kept,)]
    assert broken.query("SELECT count(*) FROM jobs") == [(1,)]


def test_the_farms_own_list_forgets_what_the_statistics_have(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    away = farm.folder / "place"
    settings = farm.folder / "config.json"
    short = {"history_keep_days": 1e-5, "journal_keep_days": 0, "snapshot_events": 10}
    settings.write_text(json.dumps({**short, "statistics_database": str(away / "statistics.db")}))

    def trimmed() -> int:
        """Return the number of the first batch in the journal: it grows with what is dropped."""
        with closing(sqlite3.connect(f"file:{farm.data}/afwatch.db?mode=ro", uri=True, timeout=60)) as reader:
            return int(reader.execute("SELECT coalesce(min(seq), 0) FROM af_journal").fetchone()[0])

    def works() -> bool:
        farm.wait_job(farm.submit({"frame_first": 1, "frame_last": 8, "command": "true"}))
        return True

    def busy() -> None:
        """Let tasks end until something old was dropped."""
        before = trimmed()
        wait_for(lambda: works() and trimmed() > before, what="something to be dropped")

    farm.start_server("--config", str(settings))
    farm.start_agent()
    busy()
    busy()  # what the first dropping took is done
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    told = farm.ask("statistics.lag")
    rows = farm.ask("history.runs", limit=1000)["rows"]
    assert told["trouble"] and len(rows) == told["rows"] == rows[0]["seq"], "what the statistics lack stays"

    away.mkdir()
    farm.ask("statistics.update-tables")  # before it tries again by itself
    level(farm)
    wait_for(lambda: works() and not farm.ask("history.runs", job=rows[0]["job"])["rows"], what="runs to be forgotten")
    level(farm)
    with closing(sqlite3.connect(f"file:{away}/statistics.db?mode=ro", uri=True, timeout=60)) as reader:
        kept, newest = reader.execute("SELECT count(*), max(seq) FROM tasks").fetchone()
    assert kept == newest > rows[0]["seq"], "the statistics have them all"
    job = str(rows[0]["job"])
    shown = farm.afcmd("history", "runs", "--job", job).stdout.splitlines()
    assert shown == [f"Nothing is like that: job {job}.", "Runs are kept for 1e-05 days (history_keep_days)."]


def test_what_the_farm_is_now_is_there_within_two_seconds(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.start_server()
    farm.start_agent("node1")
    gate = farm.folder / "gate"
    command = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    id = farm.submit({"frame_first": 1, "frame_last": 3, "command": command, "capacity": 700}, name="shot")
    database = farm.data / "statistics.db"

    def now(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as reader:
            return reader.execute(statement).fetchall()

    wait_for(lambda: farm.job(id)["running"] == 2, what="two tasks")
    # The statistics come some time after the start: their file, then their tables.
    wait_for(lambda: farm.ask("statistics.lag")["rows"] == 0 and database.exists(), what="the statistics to be there")
    wait_for(
        lambda: now("SELECT count(*) FROM sqlite_schema WHERE name = 'farm_pools'") == [(1,)], what="their tables"
    )
    wait_for(
        lambda: now("SELECT name, state, tasks_quantity, tasks_running FROM farm_jobs") == [("shot", "running", 3, 2)],
        what="the job",
    )  # fmt: skip
    assert now("SELECT job, name, service, tasks_running, capacity FROM farm_blocks") == [(id, "b0", "generic", 2, 700)]
    wait_for(
        lambda: now("SELECT name, tasks_running, capacity_used FROM farm_renders") == [("node1", 2, 1400)],
        what="the render",
    )  # fmt: skip
    assert now("SELECT path, renders, tasks_running, capacity_used FROM farm_pools") == [("/", 1, 2, 1400)]
    user = farm.job(id)["user"]
    assert now(f"SELECT jobs, tasks_running FROM farm_users WHERE name = '{user}'") == [(1, 2)]
    gate.touch()
    farm.wait_job(id)
    wait_for(lambda: now("SELECT state, percent FROM farm_jobs") == [("done", 100)], what="the end of the job")
    farm.ask("job.delete", ids=[id])
    wait_for(lambda: now("SELECT count(*) FROM farm_jobs") == [(0,)], what="the job to be gone")
    assert now("SELECT count(*) FROM farm_blocks") == [(0,)]


def test_figures_of_the_past_and_their_deletion(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.start_server()
    farm.start_agent("node1")
    for show, tasks in (("a", 3), ("b", 2)):
        farm.wait_job(farm.submit({"frame_first": 1, "frame_last": tasks, "command": "true"},
                                  name=f"shot_{show}", folders={"output": f"/shows/{show}/out"}))  # fmt: skip
    level(farm)
    # A job is done a moment before its rows are on the disk, and only then the statistics lack something.
    wait_for(
        lambda: sum(row["runs"] for row in farm.ask("statistics.show", by="job")["rows"]) == 5, what="the five runs"
    )
    table = farm.afcmd("statistics", "--by", "folder", "--under", "/shows", "--per", "day")
    assert table.returncode == 0 and [line.split()[1:3] for line in table.stdout.splitlines()[1:3]] == [
        ["/shows/a", "3"], ["/shows/b", "2"],
    ], table.stdout + table.stderr  # fmt: skip
    csv = farm.afcmd("statistics", "--by", "job", "--csv").stdout.splitlines()
    assert csv[0].startswith("name,start,runs,errors,error_rate") and csv[1].startswith("shot_a,")
    environment = {**farm.environment, "PYTHONPATH": f"{ROOT}/afnet/python"}
    program = "import af; print([(row['name'], row['runs']) for row in af.statistics(by='job', since='1d')])"
    asked = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout.strip() == "[('shot_a', 3), ('shot_b', 2)]"
    wrong = farm.afcmd("statistics", "--since", "yesterday-ish")
    assert wrong.returncode != 0 and "is no time" in wrong.stderr and "Traceback" not in wrong.stderr
    unsure = farm.afcmd("statistics", "delete", "--folder", "/shows/a")
    assert unsure.returncode == 1 and "confirmed" in unsure.stderr
    nothing = farm.afcmd("statistics", "delete", "--yes")
    assert nothing.returncode != 0 and "folder" in nothing.stderr
    gone = farm.afcmd("statistics", "delete", "--folder", "/shows/a", "--yes")
    assert gone.stdout == "Deleted 3 rows of tasks and 0 rows of jobs.\n", gone.stderr
    assert [row["name"] for row in farm.ask("statistics.show", by="job")["rows"]] == ["shot_b"]
    # The farm's own list of what ended forgets the same, and goes on counting.
    assert {row["jobname"] for row in farm.ask("history.runs")["rows"]} == {"shot_b"}
    assert farm.ask("statistics.lag")["rows"] == 0
    with pytest.raises(Rejected):
        farm.ask("statistics.delete", folder="/shows/b")
    (act,) = farm.ask("audit.list", action="statistics.")["rows"]
    assert act["what"] == "deleted records of /shows/a from the statistics: 3 rows of tasks, 0 rows of jobs"
    assert act["what"] in farm.log("server.log")
