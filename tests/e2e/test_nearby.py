"""Farms that are found on the network: a real server announces itself over loopback, real agents look there."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from afcore.config import Config, parse_options
from afnet.api.trust import fingerprint_of, shown_fingerprint
from afnet.client.nearby import Nearby, _claims, look_nearby
from afnet.client.servers import Address
from afnet.server.announcing import Announcer, announced
from tests.e2e.manymachines import ELSEWHERE, ManyMachines, NewFarm
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]


def announcing(farm: FarmProcess) -> ManyMachines:
    """Start a farm that announces itself; nothing that its environment starts is told where it is."""
    made = ManyMachines(farm)
    made.farm.environment.update(AF_NEARBY="true", AF_NEARBY_NETWORKS=ELSEWHERE)
    made.start()
    del made.farm.environment["AF_SERVER"]
    return made


@pytest.fixture
def found_farm(new_farm: NewFarm) -> ManyMachines:
    """A farm that announces itself."""
    return announcing(new_farm())


def ours(many: ManyMachines) -> str:
    """Return the fingerprint of a farm's authority."""
    return fingerprint_of(many.authority.read_text())


def looked(many: ManyMachines, *, seconds: float = 3.0) -> list[Nearby]:
    """Return what is found of this farm alone: other tests may announce theirs."""
    found = look_nearby([ELSEWHERE], seconds=seconds, enough=lambda fingerprint: fingerprint == ours(many))
    return [each for each in found if each.fingerprint == ours(many)]


def nodes(many: ManyMachines) -> list[str]:
    """Return the names of a farm's nodes, and of those that would like to be."""
    return [row["name"] for row in many.farm.ask("node.list")["rows"]]


def test_a_farm_is_found_by_the_authority_that_it_shows_until_it_stops(found_farm: ManyMachines) -> None:
    found: list[Nearby] = []
    wait_for(lambda: found.extend(looked(found_farm)) or found, what="the farm to be found", seconds=60)
    assert found[0].address == found_farm.away
    liars = [
        # The farm answers there, but not with what is claimed; nobody answers; and one claims to be this very farm.
        (found_farm.away, "ab" * 32), (Address(ELSEWHERE, 1), "cd" * 32), (Address(ELSEWHERE, 2), ours(found_farm)),
    ]  # fmt: skip
    config = Config([parse_options({"nearby_networks": [ELSEWHERE]})])
    announcers = [Announcer(config, fingerprint=claim, foreign=[ELSEWHERE]) for _, claim in liars]
    for announcer, (address, _) in zip(announcers, liars, strict=True):
        announcer.start([address])
    try:
        heard: set[tuple[int, str]] = set()

        def all_claimed() -> bool:
            with contextlib.closing(_claims([ELSEWHERE], 3.0, 3.0)) as coming:
                heard.update((claim.addresses[0].port, claim.fingerprint) for claim in coming)
            return {(address.port, claim) for address, claim in liars} <= heard

        wait_for(all_claimed, what="all of them to be heard", seconds=60)
        found.clear()
        wait_for(lambda: found.extend(looked(found_farm)) or found, what="the farm to be found", seconds=60)
        assert [each.address for each in found] == [found_farm.away]
        told = {each.fingerprint for each in look_nearby([ELSEWHERE])}
        assert told.isdisjoint({"ab" * 32, "cd" * 32})
    finally:
        for announcer in announcers:
            announcer.stop()
    assert found_farm.farm.stop_server() == 0
    assert looked(found_farm, seconds=1.0) == []


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


def test_an_agent_joins_no_farm_that_it_found_before_a_person_at_a_terminal_chooses_it(
    found_farm: ManyMachines,
) -> None:
    farm = found_farm.farm
    wait_for(lambda: looked(found_farm), what="the farm to be found", seconds=60)
    # Nobody serves at this port of this machine.
    farm.environment["AF_SERVERPORT"] = "1"
    farm.start_agent("r3")
    found_farm.wait_for_log("r3", shown_fingerprint(ours(found_farm)))
    found_farm.wait_for_log("r3", "looking for the farm at 127.0.0.1")
    assert "r3" not in nodes(found_farm)
    assert not Path(farm.environment["XDG_DATA_HOME"], "afwatch", "render", "r3", "credential", "node.pem").exists()
    # At a terminal a person is offered the same.
    here, theirs = pty.openpty()
    agent = subprocess.Popen(
        [sys.executable, "-m", "afrender.main", "--headless", "--name", "r7"],
        env={**farm.environment, "AF_SERVERPORT": "1"}, cwd=farm.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = bytearray()

    def listen() -> None:
        try:
            while data := os.read(here, 4096):
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
        assert shown_fingerprint(ours(found_farm)) in text
        os.write(here, line.split()[0].encode() + b"\n")
        wait_for(lambda: "r7" in nodes(found_farm), what="the agent to announce itself", seconds=60)
        assert farm.afcmd("--server", f"127.0.0.1:{farm.port}", "node", "approve", "r7").returncode == 0
        wait_for(lambda: b"Registered" in said, what="the agent to be let in", seconds=60)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(timeout=60)
        listener.join(60)
        os.close(here)


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


def test_a_farm_that_listens_at_an_address_of_ipv6_is_found_there(new_farm: NewFarm) -> None:
    six = Address("::1", 0)
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(tuple(six))
    except OSError:
        pytest.skip("this machine has no IPv6")
    farm = new_farm()
    many = ManyMachines(farm)
    # Loopback carries no announcements over IPv6: they are made over IPv4, and tell where the server listens.
    farm.environment.update(AF_NEARBY="true", AF_NEARBY_NETWORKS=ELSEWHERE)
    many.settings.write_text('{"foreign_addresses": ["::1"]}')
    farm.start_server("--listen", f"[::1]:{farm.port}", "--config", str(many.settings))
    found: list[Nearby] = []
    wait_for(lambda: found.extend(looked(many)) or found, what="the farm to be found", seconds=60)
    assert found[0].address == Address("::1", farm.port)


def test_what_is_announced_is_where_the_server_listens() -> None:
    named = ["10.1.2.3", "fd00::5"]
    assert announced(["0.0.0.0"], named) == ["10.1.2.3"]
    assert announced(["::"], named) == ["fd00::5"]
    assert announced(["0.0.0.0", "::"], named) == ["10.1.2.3", "fd00::5"]
    assert announced(["10.9.9.9", "fe80::7%2"], named) == ["10.9.9.9", "fe80::7"]
