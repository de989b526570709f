"""A farm of many machines, on loopback addresses that count as such: init, pairing, TLS, and what a node may not do."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from afcore.errors import ConnectionLost, NotAllowed, WireError
from afnet.api.trust import context_of, fingerprint_of
from afnet.client.blocking import BlockingClient
from tests.e2e.manymachines import ELSEWHERE, PASSWORD, ManyMachines, NewFarm, init
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def many(new_farm: NewFarm) -> Iterator[ManyMachines]:
    """An initialised farm whose server runs."""
    made = ManyMachines(new_farm())
    made.start()
    yield made


def test_a_server_is_reached_from_elsewhere_only_after_init(new_farm: NewFarm) -> None:
    farm = new_farm()
    farm.start_server("--listen", f"0.0.0.0:{farm.port}", ready=False)
    assert farm.server is not None and farm.server.wait(timeout=60) == 1
    assert "afserver init" in farm.log("server.log")
    farm.server = None

    # It listens nowhere: a server of another farm at the port that this one would have is no hindrance.
    settings = farm.folder / "settings.json"
    settings.write_text(json.dumps({"listen": [f"127.0.0.1:{farm.port}"]}))
    with socket.create_server(("127.0.0.1", farm.port)):
        done = init(farm, "--config", str(settings))
    assert done.returncode == 0, done.stderr
    again = init(farm)
    assert again.returncode == 1 and "already" in again.stderr and "Traceback" not in again.stderr
    for path in (farm.data / "authority" / "authority.key",):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((farm.data / "authority").stat().st_mode) == 0o700
    code = next(line.strip() for line in done.stdout.splitlines() if re.fullmatch(r" +[A-Z2-7-]{39}", line))
    kept = b"".join(path.read_bytes() for path in farm.data.rglob("*") if path.is_file())
    assert code.replace("-", "")[:16].encode() not in kept and PASSWORD.encode() not in kept

    farm.server = farm.spawn(
        "server.log", "afnet.server.main", "--headless", "--listen", f"0.0.0.0:{farm.port}", "--data", str(farm.data)
    )
    wait_for(farm.answers, what="the server to answer everywhere")
    assert stat.S_IMODE((farm.data / "authority" / "server.pem").stat().st_mode) == 0o600


def test_a_paired_node_works_over_tls_and_its_tasks_see_nothing_of_its_credential(many: ManyMachines) -> None:
    farm = many.farm
    farm.environment["AF_TOKEN"] = "af_shown_to_no_task"
    credential = many.pair()
    key = (credential / "node.key").read_text()
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in credential.iterdir()} == {
        "authority.pem": 0o600, "node.key": 0o600, "node.pem": 0o600, "server": 0o600,
    }  # fmt: skip
    out = farm.folder / "seen"
    look = (
        f"{{ env; tr '\\0' ' ' < /proc/$$/cmdline; ls -l /proc/$$/fd; pwd; ls -a; cat ./*.pem ./*.key; }} > {out} 2>&1;"
        " true"
    )
    job = farm.submit({"command": look, "frame_first": 1, "frame_last": 1})
    assert farm.wait_job(job)["state"] == "done"
    seen = out.read_text()
    assert "AF_TASK" in seen or "PATH=" in seen
    secrets = (
        many.code, "shown_to_no_task", str(credential), "node.key", "node.pem", "authority", "PRIVATE KEY",
        *key.splitlines()[1:3],
    )  # fmt: skip
    for secret in secrets:
        assert secret not in seen, secret
    # But they share its user, which it says.
    assert "can read its certificate" in farm.log("r1.log")
    # It needs no code again.
    farm.kill_agent("r1")
    farm.start_agent("r1", "--server", str(many.away))
    wait_for(
        lambda: farm.log("r1.log").count("Registered as") == 2, what="the agent to come back by its certificate"
    )


def test_a_revoked_node_is_out_at_once_and_stays_out(many: ManyMachines) -> None:
    farm = many.farm
    many.pair()
    assert [row["state"] for row in farm.ask("node.list")["rows"]] == ["paired"]
    farm.ask("node.revoke", name="r1")
    wait_for(lambda: farm.ask("server.status")["renders_connected"] == 0, what="the node to be out")
    many.wait_for_log("r1", "does not belong to the farm")
    assert farm.ask("server.status")["renders_connected"] == 0
    assert [row["state"] for row in farm.ask("node.list")["rows"]] == ["revoked"]
    # The code is no way back under a name that is in use, and none for another agent of the same name.
    farm.kill_agent("r1")
    many.pair()
    wait_for(
        lambda: [row["state"] for row in farm.ask("node.list")["rows"]] == ["paired"], what="a new pairing"
    )
    farm.start_agent("other", "--server", str(many.away), "--pair", many.code, "--name", "r1", "--folder", "elsewhere")
    wait_for(lambda: farm.agents["other"].poll() == 1, what="the other agent to be refused")
    assert 'There is a node "r1" already' in farm.log("other.log")


def test_the_certificate_of_a_node_is_good_for_nothing_else(many: ManyMachines, tmp_path: Path) -> None:
    farm = many.farm
    credential = many.pair()
    stolen = context_of(str(many.authority))
    stolen.load_cert_chain(credential / "node.pem", credential / "node.key")
    with many.client(tls=stolen) as client, pytest.raises(NotAllowed, match="lets its agent in"):
        client.request("job.list")
    # Over HTTP neither, and no sign-in of the machine helps it.
    for path in ("/api/status", "/metrics", "/api/operations", "/"):
        connection = http.client.HTTPSConnection(ELSEWHERE, farm.port, context=stolen, timeout=60)
        connection.request("GET", path)
        assert connection.getresponse().status == 403, path
        connection.close()
    # And no server may be built of it.
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(credential / "node.pem", credential / "node.key")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = context_of(str(many.authority)).wrap_bio(incoming, outgoing)
    answers, questions = ssl.MemoryBIO(), ssl.MemoryBIO()
    impostor = listening.wrap_bio(questions, answers, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        caller.do_handshake()
    questions.write(outgoing.read())
    with pytest.raises(ssl.SSLWantReadError):
        impostor.do_handshake()
    incoming.write(answers.read())
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        caller.do_handshake()


def test_wrong_authorities_and_plain_callers_are_refused(many: ManyMachines, new_farm: NewFarm) -> None:
    farm = many.farm
    other = ManyMachines(new_farm())
    with many.client(tls=context_of(str(other.authority))) as client:
        with pytest.raises(ConnectionLost, match="not the farm"):
            client.connect()
    with pytest.raises(WireError, match="no plain connection"):
        BlockingClient([many.away], program="test", credential=lambda host, port: "").connect()
    # The code of another farm names another authority: its secret is not even shown.
    farm.start_agent("r9", "--server", str(many.away), "--pair", other.code)
    wait_for(lambda: farm.agents["r9"].poll() == 1, what="the agent to refuse the server")
    assert "not of the farm that made this pairing code" in farm.log("r9.log")
    assert farm.ask("node.list")["rows"] == []
    # A code of this farm's authority with another secret.
    wrong = "AAAA-AAAA-AAAA-AAAA" + many.code[19:]
    farm.start_agent("r8", "--server", str(many.away), "--pair", wrong)
    wait_for(lambda: farm.agents["r8"].poll() == 1, what="the agent to be refused")
    assert "pairing code is not known" in farm.log("r8.log")
    assert farm.ask("node.list")["rows"] == []


def test_an_agent_that_meets_another_authority_says_so_and_what_to_do(many: ManyMachines, new_farm: NewFarm) -> None:
    farm = many.farm
    other = ManyMachines(new_farm())
    # As on a workstation, but without a display, so that no tray of its own comes.
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        farm.environment.pop(name, None)
    farm.start_agent("r1", "--server", str(many.away), "--pair", many.code, headless=False)
    many.wait_for_log("r1", "Registered")
    farm.start_agent("r2", "--server", str(many.away), "--announce")
    many.wait_for_log("r2", "waits to be approved")
    assert farm.stop_server() == 0
    # Another farm at the same address.
    other.farm.port, other.away = farm.port, many.away
    other.start()
    many.wait_for_log("r1", "is not the farm known here: its certificate is of another authority. If the farm was set")
    assert "afrender --server HOST --pair CODE" in farm.log("r1.log")
    (channel,) = farm.folder.rglob("r1/tray.json")
    with socket.socket(socket.AF_UNIX) as tray:
        tray.settimeout(60)
        tray.connect(json.loads(channel.read_text())["unix"])
        assert "--pair CODE" in json.loads(tray.makefile().readline())["trouble"]
    # Its tasks go on: it stays. Who only waits to be let in has nothing to wait for.
    wait_for(lambda: farm.agents["r2"].poll() == 1, what="the agent that waits to end", seconds=60)
    assert "--pair CODE" in farm.log("r2.log") and "Traceback" not in farm.log("r2.log")
    assert farm.agents["r1"].poll() is None
    assert farm.log("r1.log").count(f"What answers at {many.away} is not") == 1
    # What it says it does: the code of the other farm makes it a node there.
    farm.kill_agent("r1")
    farm.start_agent("r1", "--server", str(many.away), "--pair", other.code)
    wait_for(lambda: farm.log("r1.log").count("Registered as") == 2, what="the agent in the other farm", seconds=60)


def test_an_agent_without_a_code_waits_for_an_administrator(many: ManyMachines) -> None:
    farm = many.farm
    farm.start_agent("r5", "--server", str(many.away), "--announce")
    wait_for(lambda: farm.ask("node.list")["rows"], what="the agent to announce itself")
    row = farm.ask("node.list")["rows"][0]
    assert (row["name"], row["state"]) == ("r5", "waits")
    many.wait_for_log("r5", row["key"][:32])
    assert farm.ask("server.status")["renders"] == 0
    assert farm.afcmd("node", "approve", "r5").returncode == 0
    many.wait_for_log("r5", "Registered")
    assert farm.ask("node.list")["rows"][0]["state"] == "paired"


def test_people_come_from_elsewhere_by_the_authority_and_a_sign_in(many: ManyMachines) -> None:
    farm = many.farm
    fingerprint = fingerprint_of(many.authority.read_text())
    assert fingerprint == re.sub(r"[:\s]", "", re.search(r"fingerprint is ([0-9A-F:]+)", many.said).group(1)).lower()  # type: ignore[union-attr]
    farm.environment["AF_SERVER"] = str(many.away)
    # Another machine has no secret of the server's own user.
    farm.environment["XDG_DATA_HOME"] = str(farm.folder / "another")
    refused = farm.afcmd("trust", "--fingerprint", "00" * 32)
    assert refused.returncode == 1 and "another fingerprint" in refused.stderr
    assert farm.afcmd("trust", "--fingerprint", fingerprint).returncode == 0
    nobody = farm.afcmd("job", "list")
    assert nobody.returncode == 1 and "afcmd login" in nobody.stderr
    assert farm.afcmd("login", "boss", stdin=PASSWORD + "\n").returncode == 0
    assert json.loads(farm.afcmd("session", "show", "--json").stdout)["name"] == "boss"
    # Submitters in other programs find authority and sign-in by themselves, and so does Python's own ssl.
    program = (
        "import af; job = af.Job('far'); block = af.Block('b', 'generic'); block.setCommand('true');"
        "block.setNumeric(1, 1); job.blocks.append(block); print(job.send())"
    )
    sent = subprocess.run(
        [sys.executable, "-c", program], env=farm.environment, cwd=farm.folder, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    assert [row["name"] for row in json.loads(farm.afcmd("job", "list", "--json").stdout)["rows"]] == ["far"]
    tokens = Path(farm.environment["XDG_CONFIG_HOME"], "afwatch", "tokens.json")
    token = next(iter(json.loads(tokens.read_text()).values()))
    request = urllib.request.Request(
        f"https://{ELSEWHERE}:{farm.port}/api/pools", headers={"Authorization": f"Bearer {token['token']}"}
    )
    known = ssl.create_default_context(cafile=str(many.authority))
    with urllib.request.urlopen(request, timeout=60, context=known) as answer:
        assert "pools" in json.loads(answer.read())
