"""The farm file of a real server: read at the start and on request, refused when broken, written back."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.processes import FarmProcess, wait_for

TEXT = """<farm>
  <service name="generic" maxcount="1" maxhosts="5"/>
  <pattern name="all"><mask>.*</mask><capacity>3000</capacity><maxtasks>3</maxtasks><service name="generic"/></pattern>
</farm>
"""


def test_a_farm_file_is_read_at_the_start_and_again_on_request(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    path = farm.folder / "farm.xml"
    path.write_text(TEXT)
    farm.start_server("--config", str(farm.write_job({"farm_file": str(path)}, "config.json")))
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the agent")
    assert farm.ask("render.show", name="r1")["row"]["pool"] == "/all"
    assert farm.ask("render.show", name="r1")["row"]["capacity"] == 3000

    path.write_text(TEXT.replace("3000", "4000"))
    shown = farm.afcmd("farm", "reload").stdout
    assert shown.startswith("Loaded: 1 pattern, 1 limit, 1 pool, 0 renders.")
    assert farm.ask("render.show", name="r1")["row"]["capacity"] == 4000

    path.write_text(TEXT.replace("</mask>", "</mask"))
    refused = farm.afcmd("farm", "reload")
    assert refused.returncode == 1 and "farm.xml: line 3" in refused.stderr, refused
    assert farm.ask("render.show", name="r1")["row"]["capacity"] == 4000

    farm.ask("pool.set", paths=["/all"], parameters={"capacity_host": 2500})
    exported = farm.afcmd("farm", "export").stdout
    assert "<capacity>2500</capacity>" in exported and 'maxcount="1" maxhosts="5"' in exported
    path.write_text(exported)
    assert farm.afcmd("farm", "load", str(path)).stdout.startswith("Loaded: 1 pattern, 1 limit, 0 pools, 0 renders.")
    assert "capacity_host 2500" in farm.afcmd("farm", "check", "anything").stdout


def test_the_configuration_is_read_again(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    path = farm.write_job({"capacity_per_core": 100}, "config.json")
    farm.start_server("--config", str(path))
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the agent")
    cores = farm.ask("render.show", name="r1")["row"]["capacity"] // 100
    farm.write_job({"capacity_per_core": 200, "snapshot_bytes": 1000}, "config.json")
    shown = farm.afcmd("config", "reload").stdout
    rows = {line.split()[0]: line for line in shown.splitlines()}
    assert rows["capacity_per_core"].endswith("now") and rows["snapshot_bytes"].endswith("after a restart")
    assert farm.ask("render.show", name="r1")["row"]["capacity"] == 200 * cores
    farm.write_job({"capacity_per_cor": 200}, "config.json")
    refused = farm.afcmd("config", "reload")
    assert refused.returncode == 1 and 'did you mean "capacity_per_core"' in refused.stderr
    assert farm.ask("render.show", name="r1")["row"]["capacity"] == 200 * cores


def test_limits_survive_a_reload_and_show_who_holds_them(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    path = farm.folder / "farm.xml"
    path.write_text(TEXT)
    farm.start_server("--config", str(farm.write_job({"farm_file": str(path)}, "config.json")))
    farm.start_agent("r1")
    gate = farm.folder / "gate"
    hold = {"frame_first": 1, "frame_last": 3, "command": f"while [ ! -e {gate} ]; do sleep 0.05; done"}
    job = farm.submit(hold)
    wait_for(lambda: farm.ask("run.list")["rows"], what="a task to run")
    assert len(farm.ask("run.list")["rows"]) == 1, "one at once on the farm"
    path.write_text(TEXT.replace('maxcount="1"', 'maxcount="2"'))
    farm.ask("farm.reload")
    wait_for(lambda: len(farm.ask("run.list")["rows"]) == 2, what="a second task to run")
    (line,) = [line for line in farm.afcmd("pool", "tickets").stdout.splitlines() if line.startswith("/  ")]
    assert line.split() == ["/", "service:generic", "2", "2", "5", "r1", "2"]
    gate.touch()
    farm.wait_job(job)
