"""Farms that are found on the network: a real server announces itself over loopback, real agents look there."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from afcore.config import Config, parse_options
from afnet.api.trust import fingerprint_of, shown_fingerprint
from afnet.client.nearby import Nearby, look_nearby
from afnet.client.servers import Address
from afnet.server.announcing import Announcer
from tests.e2e.test_nodes import ELSEWHERE, ManyMachines, NewFarm
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def found_farm(new_farm: NewFarm) -> ManyMachines:
    """A farm that announces itself; nothing that its environment starts is told where it is."""
    made = ManyMachines(new_farm())
    made.farm.environment.update(AF_NEARBY="true", AF_NEARBY_NETWORKS=ELSEWHERE)
    made.start()
    del made.farm.environment["AF_SERVER"]
    return made


def looked(many: ManyMachines) -> list[Nearby]:
    """Return what is found of this farm alone: other tests may announce theirs."""
    found = look_nearby([ELSEWHERE])
    return [each for each in found if each.address.port == many.farm.port]


def test_a_farm_is_found_with_its_fingerprint_until_it_stops(found_farm: ManyMachines) -> None:
    found: list[Nearby] = []
    wait_for(lambda: found.extend(looked(found_farm)) or found, what="the farm to be found", seconds=60)
    assert found[0].address == found_farm.away
    assert found[0].fingerprint == fingerprint_of(found_farm.authority.read_text())
    assert found_farm.farm.stop_server() == 0
    assert looked(found_farm) == []


def test_a_pairing_code_alone_finds_its_farm_and_the_agent_finds_it_again(found_farm: ManyMachines) -> None:
    farm = found_farm.farm
    wait_for(lambda: looked(found_farm), what="the farm to be found", seconds=60)
    farm.start_agent("r1", "--pair", found_farm.code)
    found_farm.wait_for_log("r1", "Registered")
    farm.kill_agent("r1")
    # Where it was paired is remembered, also when nothing is announced.
    farm.environment["AF_NEARBY"] = "false"
    farm.start_agent("r1")
    wait_for(lambda: farm.log("r1.log").count("Registered as") == 2, what="the agent to be back", seconds=60)
    wrong = "AAAA-" * 7 + "AAAA"
    farm.start_agent("r2", "--pair", wrong)
    wait_for(lambda: farm.agents["r2"].poll() == 1, what="the agent with another farm's code to end", seconds=60)
    assert "was not found" in farm.log("r2.log") and "Traceback" not in farm.log("r2.log")


def test_an_agent_at_which_nobody_sits_says_which_farm_is_there_and_joins_none(found_farm: ManyMachines) -> None:
    farm = found_farm.farm
    wait_for(lambda: looked(found_farm), what="the farm to be found", seconds=60)
    # Nobody serves at this port of this machine.
    farm.environment["AF_SERVERPORT"] = "1"
    farm.start_agent("r1")
    fingerprint = shown_fingerprint(fingerprint_of(found_farm.authority.read_text()))
    found_farm.wait_for_log("r1", fingerprint)
    found_farm.wait_for_log("r1", "looking for the farm at 127.0.0.1")
    assert farm.ask("node.list")["rows"] == []
    assert not Path(farm.environment["XDG_DATA_HOME"], "afwatch", "render", "r1", "credential", "node.pem").exists()


def test_a_person_at_a_terminal_is_offered_the_farm_and_chooses_it(found_farm: ManyMachines) -> None:
    farm = found_farm.farm
    wait_for(lambda: looked(found_farm), what="the farm to be found", seconds=60)
    ours, theirs = pty.openpty()
    agent = subprocess.Popen(
        [sys.executable, "-m", "afrender.main", "--headless", "--name", "r7"],
        env={**farm.environment, "AF_SERVERPORT": "1"}, cwd=farm.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = bytearray()

    def listen() -> None:
        try:
            while data := os.read(ours, 4096):
                said.extend(data)
        except OSError:
            return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        wait_for(lambda: b"or Enter for none" in said, what="the offer", seconds=60)
        text = said.decode().replace("\r\n", "\n")
        at = str(found_farm.away)
        line = next(line for line in text.splitlines() if at in line)
        assert shown_fingerprint(fingerprint_of(found_farm.authority.read_text())) in text
        os.write(ours, line.split()[0].encode() + b"\n")
        wait_for(lambda: farm.ask("node.list")["rows"], what="the agent to announce itself", seconds=60)
        assert farm.afcmd("--server", f"127.0.0.1:{farm.port}", "node", "approve", "r7").returncode == 0
        wait_for(lambda: b"Registered" in said, what="the agent to be let in", seconds=60)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(timeout=60)
        listener.join(10)
        os.close(ours)


def test_nothing_is_announced_on_loopback_without_an_authority_or_when_switched_off() -> None:
    named = {"nearby_networks": [ELSEWHERE]}
    here, away = [Address("127.0.0.1", 4)], [Address(ELSEWHERE, 4)]
    for options, fingerprint, listen in (
        (named, "aa", here),
        (named, "", away),
        ({**named, "nearby": False}, "aa", away),
    ):
        announcer = Announcer(Config([parse_options(options)]), fingerprint=fingerprint, foreign=[ELSEWHERE])
        announcer.start(listen)
        assert not [thread for thread in threading.enumerate() if thread.name == "announcing"]
        announcer.stop()


def test_what_claims_an_authority_that_it_does_not_show_is_not_told(found_farm: ManyMachines) -> None:
    liar = Announcer(Config([parse_options({"nearby_networks": [ELSEWHERE]})]), fingerprint="ab" * 32,
                     foreign=[ELSEWHERE])  # fmt: skip
    liar.start([found_farm.away])
    nobody = Announcer(Config([parse_options({"nearby_networks": [ELSEWHERE]})]), fingerprint="cd" * 32,
                       foreign=[ELSEWHERE])  # fmt: skip
    nobody.start([Address(ELSEWHERE, 1)])
    try:
        wait_for(lambda: looked(found_farm), what="the farm to be found", seconds=60)
        for _ in range(2):
            found = look_nearby([ELSEWHERE])
            assert {each.fingerprint for each in found}.isdisjoint({"ab" * 32, "cd" * 32})
    finally:
        liar.stop()
        nobody.stop()
