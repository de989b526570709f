"""Accounts on real processes: one person is never asked, others sign in, and what ends somebody's right ends it."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from afcore.errors import AfError, NotAllowed
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from tests.e2e.processes import ROOT, FarmProcess
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]


def as_token(farm: FarmProcess, token: str) -> BlockingClient:
    """A client that shows a token."""
    return BlockingClient([Address("127.0.0.1", farm.port)], program="test", credential=lambda host, port: token)


def ask_http(farm: FarmProcess, operation: str, token: str = "", **arguments: object) -> dict[str, object]:
    """Do an operation over HTTP; NotAllowed with the code when it is refused."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"http://127.0.0.1:{farm.port}/api/op/{operation}"
    request = urllib.request.Request(url, json.dumps(arguments).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, object] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        with error:
            said = json.loads(error.read())["error"]
        raise NotAllowed(said["sentence"], code=said["code"]) from None


def test_accounts_are_made_used_and_ended_from_the_command_line(farm_process: FarmProcess) -> None:
    farm = farm_process
    # One machine, one person: nobody asks.
    assert json.loads(farm.afcmd("session", "show", "--json").stdout)["role"] == "god"
    assert farm.afcmd("account", "add", "ann", stdin="correct horse battery\n").returncode == 0
    listed = farm.afcmd("account", "list", "--json").stdout
    assert json.loads(listed)["rows"][0]["name"] == "ann" and "argon2" not in listed

    wrong = farm.afcmd("login", "ann", stdin="incorrect horse\n")
    assert wrong.returncode == 1 and "name or the password is wrong" in wrong.stderr
    nobody = farm.afcmd("login", "zoe", stdin="incorrect horse\n")
    assert nobody.stderr == wrong.stderr
    done = farm.afcmd("login", "ann", stdin="correct horse battery\n")
    assert done.returncode == 0, done.stderr
    kept = Path(farm.environment["XDG_CONFIG_HOME"], "afwatch", "tokens.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    # From now on this user is ann: her own jobs, nothing of the farm.
    assert json.loads(farm.afcmd("session", "show", "--json").stdout) == {
        "name": "ann", "role": "user", "scope": "", "origin": "127.0.0.1",
    }  # fmt: skip
    block = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}
    job = farm.write_job({"name": "hers", "blocks": [block]})
    assert farm.afcmd("submit", str(job)).returncode == 0
    refused = farm.afcmd("pool", "set", "/", "--priority", "5")
    assert refused.returncode == 1 and "god" in refused.stderr
    token = next(iter(json.loads(kept.read_text()).values()))["token"]
    assert farm.afcmd("logout").returncode == 0 and "Signed out" not in kept.read_text()
    with as_token(farm, token) as ended, pytest.raises(NotAllowed, match="not known"):
        ended.request("server.status")
    assert json.loads(farm.afcmd("session", "show", "--json").stdout)["role"] == "god"
    # Nothing of a password, hash or token is in what the server says or keeps in words.
    for words in (("audit", "list", "--json"), ("token", "list", "--json"), ("config", "show", "--json")):
        said = farm.afcmd(*words).stdout
        assert "correct horse" not in said and token not in said and "argon2" not in said
    assert "correct horse" not in farm.log("server.log") and token not in farm.log("server.log")
    assert farm.afcmd("audit", "verify").returncode == 0


def test_a_token_ends_with_its_revocation_on_open_connections_too(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("account.add", name="ann", role="visor", password="correct horse battery")
    made = farm.ask("token.create", account="ann", label="a program")
    with as_token(farm, made["token"]) as client:
        assert client.request("session.show")["role"] == "visor"
        assert ask_http(farm, "session.show", made["token"])["name"] == "ann"
        rows = client.subscribe("jobs")
        assert next(rows).whole
        farm.ask("token.revoke", id=made["id"])
        with pytest.raises(AfError, match="revoked"):
            next(rows)
        with pytest.raises(NotAllowed) as refused:
            client.request("server.status")
        assert refused.value.code == "not_signed_in"
    with pytest.raises(NotAllowed) as over_http:
        ask_http(farm, "server.status", made["token"])
    assert over_http.value.code == "not_signed_in"


def test_a_role_or_password_that_changes_counts_at_once_and_after_a_restart(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("account.add", name="ann", role="god", password="correct horse battery")
    token = farm.ask("session.login", name="ann", password="correct horse battery")["token"]
    with as_token(farm, token) as client:
        assert client.request("account.list")["rows"]
        farm.ask("account.role", name="ann", role="user")
        with contextlib.suppress(AfError):
            client.request("session.show")  # the conversation was ended, or is about to be
        with pytest.raises(NotAllowed, match="god"):
            client.request("account.list")
    farm.kill_server()
    farm.start_server()
    with as_token(farm, token) as client:
        assert client.request("session.show")["role"] == "user"
        farm.ask("account.password", name="ann", password="another horse entirely")
        wait_for(lambda: _is_refused(farm, token), what="the old sign-in to end")
    assert farm.ask("audit.verify") == {**farm.ask("audit.verify"), "whole": True, "wrong": ""}


def _is_refused(farm: FarmProcess, token: str) -> bool:
    try:
        ask_http(farm, "server.status", token)
    except NotAllowed:
        return True
    return False


def test_the_machines_secret_is_for_its_own_user_and_its_own_server(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("server.status")
    (path,) = Path(farm.environment["XDG_DATA_HOME"], "afwatch", "secrets").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    secret = json.loads(path.read_text())["secret"]
    assert ask_http(farm, "session.show", secret)["role"] == "god"
    with pytest.raises(NotAllowed):
        ask_http(farm, "session.show", secret[:-1])
    old = secret
    farm.kill_server()
    farm.start_server()
    farm.ask("server.status")
    with pytest.raises(NotAllowed):
        ask_http(farm, "session.show", old)
    farm.stop_server()
    assert not path.exists()


CALL = """
import os, socket, sys
data = sys.argv[2].encode().decode("unicode_escape").encode()
os.setgid(65534); os.setuid(65534)
one = socket.socket(); one.connect(("127.0.0.1", int(sys.argv[1])))
one.sendall(data)
while data := one.recv(65536): sys.stdout.buffer.write(data)
"""


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can call as another user")
def test_another_user_of_the_machine_is_nobody_until_given_an_account(farm_process: FarmProcess) -> None:
    farm = farm_process

    def call(text: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-c", CALL, str(farm.port), text], capture_output=True, timeout=60, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def post(operation: str, body: str, more: str = "") -> bytes:
        return call(
            f"POST /api/op/{operation} HTTP/1.1\\r\\nHost: localhost\\r\\n{more}Content-Length: {len(body)}\\r\\n"
            f"Connection: close\\r\\n\\r\\n{body}"
        )

    assert post("server.status", "{}").startswith(b"HTTP/1.1 401")
    assert b"may not use it" in call('AFANASY 20 JSON{"get":{"type":"jobs"}}')
    farm.ask("account.add", name="ann", role="user", password="correct horse battery")
    made = farm.ask("token.create", account="ann")
    (answer,) = [post("session.show", "{}", f"Authorization: Bearer {made['token']}\\r\\n")]
    assert answer.startswith(b"HTTP/1.1 200") and b'"ann"' in answer
    signed = post("session.login", '{"name":"ann","password":"correct horse battery"}')
    assert signed.startswith(b"HTTP/1.1 200") and b'"token"' in signed


def test_af_finds_its_token_by_itself(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("account.add", name="ann", role="user")
    made = farm.ask("token.create", account="ann", scope="submit")
    program = (
        "import af\njob = af.Job('from a program')\nblock = af.Block('b')\nblock.setNumeric(1, 2)\n"
        "block.setCommand('true')\njob.blocks.append(block)\nprint(job.send())\n"
    )
    environment = {
        **farm.environment, "AF_TOKEN": made["token"], "USER": "ann",
        "PYTHONPATH": f"{ROOT / 'afnet' / 'python'}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and "Error" not in done.stdout, done.stdout + done.stderr
    (row,) = farm.ask("job.list", user="ann")["rows"]
    assert row["name"] == "from a program"
    # What it may do is what it is for.
    with as_token(farm, made["token"]) as client, pytest.raises(NotAllowed, match='for "submit" only'):
        client.request("job.delete", {"ids": [row["id"]]})
    # A name that is not his is refused by the server, whatever the program says.
    with pytest.raises(NotAllowed):
        ask_http(farm, "job.submit", made["token"], job={"name": "x", "user_name": "bob", "blocks": []})


def test_a_narrow_token_makes_no_wider_one(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("account.add", name="gus", role="god", password="correct horse battery")
    for scope in ("read", "submit", "user", "visor"):
        token = farm.ask("token.create", account="gus", scope=scope)["token"]
        with as_token(farm, token) as client:
            assert client.request("session.show")["scope"] == scope
            for operation, given in (
                ("token.create", {"scope": "all"}),
                ("account.password", {"old": "correct horse battery", "password": "another horse entirely"}),
                ("account.add", {"name": "zoe", "role": "god"}),
            ):
                with pytest.raises(NotAllowed):
                    client.request(operation, given)
