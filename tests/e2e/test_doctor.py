"""``afserver doctor`` on real farms: what it says of a good one, and that it finds what was made weak on purpose."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.e2e.manymachines import ManyMachines, NewFarm, init
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]


def doctor(farm: FarmProcess, *words: str) -> tuple[int, str]:
    """Run it; return exit code and output."""
    done = farm.run(
        "afnet.server.main", "doctor", "--data", str(farm.data), "--listen", f"127.0.0.1:{farm.port}", *words
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def findings(farm: FarmProcess, *words: str) -> list[dict[str, Any]]:
    """Return what it found, as programs read it."""
    found: list[dict[str, Any]] = json.loads(doctor(farm, "--json", *words)[1])["findings"]
    return found


def bad(found: list[dict[str, Any]], *but: str) -> list[str]:
    """Return what a person should do something about, but about the parts that this machine decides."""
    return [one["sentence"] for one in found if one["level"] in ("weak", "wrong") and one["about"] not in but]


def said(found: list[dict[str, Any]], about: str) -> str:
    return "\n".join(f"{one['level']}: {one['sentence']} ({one['hint']})" for one in found if one["about"] == about)


def test_a_farm_on_one_machine_has_nothing_to_do(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.cold = True  # agents are known by their command lines
    assert farm.server is not None
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("server.status")["renders_connected"] == 1, what="the agent", seconds=60)
    found = findings(farm)
    assert bad(found, "disk") == []
    assert f"listens at 127.0.0.1:{farm.port}" in said(found, "addresses")
    assert f"process {farm.server.pid}" in said(found, "server") and "1 of 1 renders" in said(found, "server")
    assert "behind" in said(found, "statistics")
    assert f"r1 (process {farm.agents['r1'].pid})" in said(found, "tasks")
    assert "mode 0700" in said(found, "keys") and "his alone" in said(found, "keys")
    assert "Python" in said(found, "versions") and "UTC" in said(found, "clock") and "GiB" in said(found, "disk")
    # Nothing that it looks at is changed, and the farm goes on.
    assert farm.ask("server.status")["renders_connected"] == 1


def test_what_is_weak_is_found_with_what_to_do(new_farm: NewFarm) -> None:
    many = ManyMachines(new_farm())
    farm = many.farm
    code, text = doctor(farm)
    assert "it would listen" in text and "was not asked" in text
    settings = farm.folder / "weak.json"
    settings.write_text(
        json.dumps(
            {
                "classic_networks": ["10.1.0.0/16", "0.0.0.0/0 visor"], "user_jobs_max": 0,
                "database": "postgresql://farm:hidden@db.example.org/farm",
            }
        )
    )  # fmt: skip
    settings.chmod(0o644)
    (farm.data / "authority" / "authority.key").chmod(0o640)
    farm.data.chmod(0o755)
    code, text = doctor(farm, "--config", str(settings), "--listen", f"0.0.0.0:{farm.port}")
    assert code == 1
    lines = text.splitlines()
    for words in (
        "WRONG  others may read this key:", "chmod 600", "others may enter the folder of the server's data",
        "WEAK   whoever sends from 0.0.0.0/0", "note   whoever sends from 10.1.0.0/16", "user_jobs_max",
        "others may read the password of database", "nothing demands encryption", "every network of this machine",
    ):  # fmt: skip
        assert any(words in line for line in lines), (words, text)
    assert "hidden" not in text
    (farm.data / "authority" / "authority.key").unlink()
    assert "authority.key is missing" in said(findings(farm), "keys")


def test_an_address_for_others_without_an_authority_is_wrong(new_farm: NewFarm) -> None:
    farm = new_farm()
    code, text = doctor(farm, "--listen", f"0.0.0.0:{farm.port}")
    assert code == 1 and "afserver init" in text
    wrong = farm.folder / "wrong.json"
    wrong.write_text('{"moonshine": 1}')
    code, text = doctor(farm, "--config", str(wrong))
    assert code == 1 and "moonshine" in text


def test_a_running_farm_of_many_machines_is_asked(new_farm: NewFarm) -> None:
    many = ManyMachines(new_farm())
    many.start()
    farm = many.farm
    farm.cold = True
    many.pair("r1")
    farm.start_agent("r5", "--server", str(many.away), "--announce")
    wait_for(lambda: len(farm.ask("node.list")["rows"]) == 2, what="the agent to announce itself", seconds=60)
    code, text = doctor(farm)
    assert code == 1 and "agents wait to be approved: r5" in text
    found = findings(farm)
    assert f"listens at {many.away}" in said(found, "addresses")
    assert "administrators: boss" in said(found, "server")
    agents = said(found, "agents")
    assert "of the server's version: 1" in agents and "paired nodes: 1, connected: 1" in agents
    # The agent has told it of itself, wherever it is.
    assert "weak: tasks share the user of their agent" in agents and "own tasks: r1 (run_as" in agents
    assert "counts until" in said(found, "keys")
    # Where agent and tasks share a user, a farm of many machines is told to do something about it.
    assert "weak: tasks of the agent r5" in said(found, "tasks") and "run_as" in said(found, "tasks")


@pytest.mark.skipif(os.name != "posix", reason="owners and modes of files are a matter of POSIX")
def test_files_of_another_user_are_told(new_farm: NewFarm) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    farm = new_farm()
    assert init(farm).returncode == 0
    os.chown(farm.data / "authority" / "authority.key", 65534, 65534)
    assert "belongs to the user number 65534" in said(findings(farm), "keys")
