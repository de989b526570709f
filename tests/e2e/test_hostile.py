"""What hostile callers send leaves a real server well, and everybody else served: numbers, texts, floods, pages."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, WSMsgType

from afcore.errors import AfError, BadSpec, NotAllowed, Rejected
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from afnet.registry import OPERATIONS
from afnet.transport.wsframes import encode_frame
from afnet.wire.messages import Registered, Start
from tests.e2e.manymachines import ManyMachines, many_machines
from tests.e2e.matrixasks import ASKS, Thing
from tests.e2e.test_matrix import Agent, elsewhere
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]

PASSWORD = "the horse of ann"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyMachines]:
    """A farm of many machines with a person; what is sent to it must not hurt it."""
    with many_machines(tmp_path_factory.mktemp("hostile")) as made:
        farm = made.farm
        farm.ask("account.add", name="ann", role="user", password=PASSWORD)
        farm.ask("account.add", name="gus", role="god", password=PASSWORD)
        farm.forget_client()
        yield made
        assert farm.server is not None and farm.server.poll() is None, farm.log("server.log")[-4000:]
        assert "Traceback" not in farm.log("server.log"), farm.log("server.log")[-4000:]


@pytest.fixture(autouse=True)
def nobody_stays(many: ManyMachines) -> Iterator[None]:
    """Hang up after each test."""
    yield
    many.farm.forget_client()


def as_token(many: ManyMachines, token: str) -> BlockingClient:
    """A person on the server's own machine."""
    return BlockingClient(
        [Address("127.0.0.1", many.farm.port)], program="test", credential=lambda host, port: token
    )


def is_well(many: ManyMachines) -> bool:
    """Say whether the server answers its own user."""
    try:
        return bool(many.farm.ask("server.status")["database"] == "ready")
    finally:
        many.farm.forget_client()


@pytest.mark.parametrize("days", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_sign_in_that_would_never_end_is_none(many: ManyMachines, days: str) -> None:
    body = f'{{"name": "ann", "password": "{PASSWORD}", "days": {days}}}'.encode()
    for path in ("/api/login", "/api/op/session.login"):
        status, said = many.https(path, body)
        assert status == 400 and b"days" in said, said
    assert all(row["expires"] < time.time() + 1e9 for row in many.farm.ask("token.list")["rows"])
    assert is_well(many)


@pytest.mark.parametrize("text", ["\\ud800", "a\\u0000b"])
def test_what_is_no_text_is_refused_before_it_is_kept(many: ManyMachines, text: str) -> None:
    token = many.farm.ask("token.create", account="gus")["token"]
    shown = {"Authorization": f"Bearer {token}"}
    for operation, given in (
        ("user.add", f'{{"name": "{text}"}}'),
        ("pool.set", f'{{"paths": ["/"], "parameters": {{"annotation": "{text}"}}}}'),
        ("pool.set", f'{{"paths": ["{text}"], "parameters": {{"annotation": ""}}}}'),
        ("pool.set", f'{{"paths": ["/"], "parameters": {{"tickets": {{"{text}": [1, 1]}}}}}}'),
    ):
        status, said = many.https(f"/api/op/{operation}", given.encode(), **shown)
        assert status == 400 and b"bad_arguments" in said, said
    # The classic dialect says what it can say of it.
    body = (
        f'{{"action": {{"user_name": "u", "host_name": "h", "type": "pools", "ids": [1], '
        f'"params": {{"annotation": "x{text}"}}}}}}'
    ).encode()
    with socket.create_connection(("127.0.0.1", many.farm.port), timeout=60) as one:
        one.sendall(b"AFANASY %d JSON" % len(body) + body)
        assert b"Action processed" in one.recv(65536)
    assert many.farm.ask("pool.show", path="/")["row"]["annotation"] in ("x?", "xab")
    assert is_well(many)


def test_numbers_and_names_by_the_million_are_a_sentence(many: ManyMachines) -> None:
    token = many.farm.ask("token.create", account="ann")["token"]
    shown = {"Authorization": f"Bearer {token}"}
    ranges = ",".join(["0-999998"] * 400)
    status, said = many.https("/api/op/job.pause", json.dumps({"ids": ranges}).encode(), **shown)
    assert status == 400 and b"all its ranges together" in said
    for path, given in (
        ("/api/op/session.show", {f"argumnt{number}": 1 for number in range(2000)}),
        ("/api/op/" + "x" * 5000, {}),
    ):
        status, said = many.https(path, json.dumps(given).encode())
        assert status in (400, 401) and len(said) < 20_000, said[:200]
    job = {"name": "x", "blocks": [{f"comand{number}": 1 for number in range(100_000)}]}
    status, said = many.https("/api/jobs", json.dumps({"job": job}).encode(), **shown)
    assert status == 400 and b"unknown field" in said
    deep = b'{"ids": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert many.https("/api/op/job.pause", deep, **shown)[0] == 400
    assert is_well(many)


def test_whom_nobody_knows_sends_little_and_not_slowly(many: ManyMachines) -> None:
    for path in ("/api/op/job.submit", "/api/jobs"):
        status, said = many.https(path, b" " * 70_000)
        assert status == 413 and b"65536" in said, said
    for path in ("/api/login", "/login", "/api/pair", "/api/announce"):
        assert many.https(path, b" " * 70_000)[0] == 413, path


def test_a_mask_that_would_take_for_ever_holds_up_nobody(many: ManyMachines) -> None:
    token = many.farm.ask("token.create", account="ann")["token"]
    block = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}
    with as_token(many, token) as client:
        client.request("job.submit", {"job": {"name": "a" * 60, "offline": True, "blocks": [block]}})
        for mask in ("(a+)+$b", "(a|a)*b", "(.*)*b"):
            spec = {"name": "b", "offline": True, "depend_mask": mask, "hosts_mask": mask, "blocks": [block]}
            client.request("job.submit", {"job": spec})
        for mask in (r"(a+)+\1b", "(?i)[\\x00-\\U0010ffff]"):
            with pytest.raises(BadSpec, match="mask that can be used"):
                client.request("job.submit", {"job": {"name": "b", "depend_mask": mask, "blocks": [block]}})
    assert is_well(many)


def test_a_filter_that_is_none_keeps_no_screen_from_its_rows(many: ManyMachines) -> None:
    token = many.farm.ask("token.create", account="ann")["token"]
    with as_token(many, token) as wrong, as_token(many, token) as other:
        for filter in ({"ids": 5}, {"names": 5}, {"user": []}, {"job": {}}):
            with pytest.raises(BadSpec, match="filter"):
                next(iter(wrong.subscribe("jobs", filter)))
        with pytest.raises(BadSpec):
            next(iter(wrong.subscribe("tasks", {"job": []})))
        rows = other.subscribe("users", interval=0.02)
        assert next(rows).whole
        many.farm.ask("user.add", name="somebody")
        assert any(row for row in next(rows).rows)


def test_a_token_that_only_looks_or_submits_changes_nothing_of_the_server(many: ManyMachines) -> None:
    thing = Thing("ann", 1, "r1", "x", lambda: "none", lambda kind: 1)
    given_up = {"session.login", "token.revoke"}
    for scope in ("read", "submit"):
        token = many.farm.ask("token.create", account="gus", scope=scope)["token"]
        with as_token(many, token) as client:
            for name, operation in OPERATIONS.items():
                changes = operation.kind in ("command", "server") and operation.audited
                if not changes or name in given_up or (scope == "submit" and name in _SUBMITS):
                    continue
                with pytest.raises(Rejected) as refused:
                    client.request(name, ASKS[name](thing))
                assert refused.value.code in ("not_allowed", "not_signed_in"), (scope, name, refused.value)
    with as_token(many, token) as client, pytest.raises(NotAllowed):
        client.request("audit.list")


_SUBMITS = {"job.submit", "job.append-blocks", "block.append-tasks"}


def test_an_agent_that_says_what_is_no_number_stops_nobody(many: ManyMachines) -> None:
    nan, inf = float("nan"), float("inf")
    token = many.farm.ask("token.create", account="gus")["token"]
    agent = Agent(many.farm.port, "127.0.0.1", token)
    with contextlib.closing(agent):
        wrong = {"cpu_num": "many", "mem_free_mb": nan, "gpus": [1, 2], "custom": 5, "hdd_free_gb": inf}

        def say(message: list[Any]) -> None:
            agent._socket.sendall(encode_frame(msgspec.msgpack.encode([message]), mask=b"1234"))

        say([30, "hostile", "x", "linux", "ann", "", inf, "1", [{"mac": 5}], [{"index": "x"}], wrong, []])
        agent.next(Registered)
        block = {"frame_first": 1, "frame_last": 1, "command": "true"}
        job = many.farm.submit(block)
        run = agent.next(Start).runs[0]
        say([38, wrong, [[job, 0, 0, run.run, 2**60, 2**60, -(2**60), True, False, "x" * 100_000, "y", "z"]]])
        say([38, {"gpus": [{"util": nan}]}, []])
        say([38, {"gpus": [7]}, []])
        say([36, job, 0, 0, run.run, 77, 2**60, nan, inf, "why", "", False, "", 0, -5, 2**62])
        wait_for(
            lambda: many.farm.ask("task.show", job=job, block=0, task=0)["row"]["errors"], what="the end to be counted"
        )
        # A piece of a file is larger than any.
        say([50, job, 0, 0, run.run, "log", 0, b"x" * (1 << 19), False, False])
        wait_for(lambda: _hung_up(agent), what="the server to hang up")
    assert is_well(many)


def _hung_up(agent: Agent) -> bool:
    try:
        return not agent._socket.recv(65536)
    except OSError:
        return True


def test_an_open_page_ends_with_the_right_to_look_and_begins_anew_with_another(many: ManyMachines) -> None:
    farm = many.farm
    farm.ask("account.add", name="eve", role="god", password=PASSWORD)
    made = {what: farm.ask("token.create", account="eve") for what in ("revoked", "other")}
    farm.forget_client()

    async def look() -> dict[str, int]:
        async with ClientSession() as session:
            sockets = {}
            for what, token in made.items():
                shown = {"Authorization": f"Bearer {token['token']}"}
                url = f"http://127.0.0.1:{farm.port}/live?view=now"
                sockets[what] = await session.ws_connect(url, headers=shown)
                await sockets[what].send_str(json.dumps({"known": {}}))
                assert (await sockets[what].receive()).type is WSMsgType.TEXT
            loop = asyncio.get_running_loop()

            async def end_of(what: str) -> int:
                while (message := await sockets[what].receive()).type is WSMsgType.TEXT:
                    pass
                return int(message.data)

            await loop.run_in_executor(None, lambda: farm.ask("token.revoke", id=made["revoked"]["id"]))
            codes = {"revoked": await asyncio.wait_for(end_of("revoked"), 60)}
            await loop.run_in_executor(None, lambda: farm.ask("account.role", name="eve", role="user"))
            codes["other"] = await asyncio.wait_for(end_of("other"), 60)
            return codes

    assert asyncio.run(look()) == {"revoked": 4401, "other": 4403}
    farm.forget_client()


def test_a_secret_is_not_taken_where_others_may_listen(many: ManyMachines) -> None:
    """From a listed network classic clients speak plainly; nobody signs in or shows a token so."""
    here = elsewhere()
    if not here:
        pytest.skip("this machine has loopback addresses only: nobody can call from elsewhere")
    farm = many.farm
    token = farm.ask("token.create", account="ann")["token"]
    many.settings.write_text(json.dumps({"foreign_addresses": ["127.0.0.2"], "classic_networks": [f"{here}/32"]}))
    farm.ask("config.reload")
    farm.forget_client()
    sign_in = json.dumps({"name": "ann", "password": PASSWORD})
    for path, body, headers in (
        ("/api/op/server.status", "{}", {"Authorization": f"Bearer {token}"}),
        ("/api/op/server.status", "{}", {"Cookie": f"af_session={token}"}),
        ("/api/login", sign_in, {}),
        ("/api/op/session.login", sign_in, {}),
    ):
        connection = http.client.HTTPConnection(
            many.away.host, many.away.port, timeout=60, source_address=(here, 0)
        )
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            assert answer.status == 403 and b"over TLS only" in answer.read(), path


def test_nothing_of_all_that_is_left(many: ManyMachines) -> None:
    with contextlib.suppress(AfError):
        assert many.farm.ask("audit.verify")["whole"]
    assert is_well(many)


def test_an_answer_does_not_say_which_library_made_it(many: ManyMachines) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", many.farm.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/api/status")
        answer = connection.getresponse()
        assert answer.read() and answer.getheader("Server") == "afwatch"
