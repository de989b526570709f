"""The statistics of real farms: the classic database verbs, rows of real runs, and databases that break meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.processes import FarmProcess
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
    assert "does not answer" in farm.afcmd("statistics", "lag").stdout
    # The farm does not care.
    farm.start_agent()
    farm.wait_job(farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}))
    assert farm.ask("statistics.lag")["rows"] == 2
