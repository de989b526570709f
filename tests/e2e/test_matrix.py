"""Every operation tried by everybody over every door of a real server, against the matrix that was written by hand."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from afcore.errors import ConnectionLost, Rejected
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from afnet.registry import OPERATIONS
from afnet.transport.wsframes import BINARY, FrameReader, check_answer, encode_frame, request_upgrade
from afnet.wire.codec import LIMIT_TO_CLIENT, decode, encode
from afnet.wire.messages import Goodbye, Hello, Message, Refused, Register, Registered, Reply, Request, Welcome
from tests.e2e.matrixasks import ASKS, CLASSIC, NOT_CLASSIC, Thing
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for
from tests.wire.matrix import COLUMNS, MATRIX

pytestmark = [pytest.mark.e2e]

_NO = ("may not", "does not know who you are", "This sign-in has expired", "This sign-in is not known")
"""What the classic dialect, which has no codes, says to whom it refuses."""

REFUSED = frozenset({"not_allowed", "not_signed_in"})
BLOCK = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}


def elsewhere() -> str:
    """Return an address of this machine that is not loopback; empty when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # nothing is sent
        except OSError:
            return ""
        own: str = probe.getsockname()[0]
    return "" if own.startswith("127.") else own


class Agent:
    """A native conversation as an agent has it, from an address of choice."""

    def __init__(self, port: int, source: str, token: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        key = os.urandom(16)
        self._socket.sendall(request_upgrade(f"127.0.0.1:{port}", key))
        data = bytearray()
        while not (end := check_answer(data, key)):
            data += self._socket.recv(65536)
        self._reader = FrameReader(masked=False, limit=LIMIT_TO_CLIENT)
        self._frames: list[Any] = self._reader.feed(bytes(data[end:]))
        self.send(Hello([1], "test", "agent", host="node", token=token))
        self.greeting = self.next(Welcome, Refused)

    def send(self, message: Message) -> None:
        self._socket.sendall(encode_frame(encode([message]), mask=b"1234"))

    def next(self, *kinds: type) -> Any:
        """Return the next message of these kinds."""
        while True:
            while self._frames:
                opcode, payload = self._frames.pop(0)
                if opcode == BINARY:
                    for message in decode(payload):
                        if isinstance(message, kinds):
                            return message
            got = self._socket.recv(65536)
            assert got, "the server hung up"
            self._frames = list(self._reader.feed(got))

    def register(self, name: str, user: str) -> None:
        self.send(Register(name, "test", "linux", user, "", 1.0, name, [], [], {"cpu_num": 1, "mem_total": 1}, []))
        found = self.next(Registered, Refused)
        assert isinstance(found, Registered), found

    def request(self, operation: str, arguments: dict[str, Any]) -> str:
        """Return the code of the refusal; empty for an answer."""
        self.send(Request(1, operation, arguments))
        found = self.next(Reply, Refused)
        return found.code if isinstance(found, Refused) else ""

    def close(self) -> None:
        self._socket.close()


class World:
    """A server with people, their things and what they show."""

    def __init__(self, farm: FarmProcess, here: str) -> None:
        self.farm, self.here = farm, here
        self.config = farm.folder / "matrix.json"
        self.list_networks()
        farm.start_server("--config", str(self.config))
        self.tokens: dict[str, str] = {}
        for name, role in (("ann", "user"), ("bob", "user"), ("vic", "visor"), ("gus", "god")):
            farm.ask("account.add", name=name, role=role, password=f"the horse of {name}")
            self.tokens[name] = farm.ask("token.create", account=name)["token"]
        self.tokens["expired"] = farm.ask(
            "session.login", name="gus", password="the horse of gus", days=0.000001
        )["token"]  # fmt: skip
        made = farm.ask("token.create", account="gus")
        farm.ask("token.revoke", id=made["id"])
        self.tokens["revoked"] = made["token"]
        for name, source in (("ann", "127.0.0.1"), ("bob", here)):
            agent = Agent(farm.port, source, self.tokens["gus"])
            agent.register(f"r-{name}", name)
            agent.close()
        self._made = 0
        self.agents: list[Agent] = []
        self.agents_at = "127.0.0.1"
        """Where agents call from that stay connected: nobody who asks sits at their computers."""
        self.things = {name: self._thing(name) for name in ("ann", "bob")}
        farm.forget_client()
        wait_for(self._has_expired, what="the token to expire")

    def _has_expired(self) -> bool:
        with self.client("expired") as client:
            try:
                return self.native(client, "session.show", {}) in REFUSED
            except ConnectionLost:
                return False  # in the middle of this conversation: the next one is refused

    def list_networks(self, *networks: str) -> None:
        self.config.write_text(json.dumps({"classic_networks": list(networks)}))

    def god(self, operation: str, **arguments: Any) -> Any:
        """Do an operation as the server's own user."""
        try:
            return self.farm.ask(operation, **arguments)
        finally:
            self.farm.forget_client()

    def _thing(self, name: str) -> Thing:
        block = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}
        operation = f"operation-{name}"
        with self.client(name) as client:
            spec = {"name": f"of {name}", "offline": True, "blocks": [block]}
            job = client.request("job.submit", {"job": spec})["id"]
            client.request("job.set", {"ids": [job], "parameters": {"priority": 50}}, initiator=operation)
        return Thing(
            name, job, f"r-{name}", operation, lambda: str(self.god("token.create", account=name)["id"]),
            lambda kind: self._lost(kind, name),
        )  # fmt: skip

    def _lost(self, kind: str, name: str) -> int:
        """Make something of a person that nobody will miss."""
        self._made += 1
        called = f"lost{self._made}"
        if kind == "number":
            return self._made
        if kind == "job":
            block = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 2}
            listed = {"name": "c", "service": "generic", "tasks": [{"name": "t", "command": "true"}]}
            spec = {"name": called, "user_name": name, "offline": True, "blocks": [block, listed]}
            return int(self.god("job.submit", job=spec)["id"])
        if kind in ("render", "online"):
            agent = Agent(self.farm.port, self.agents_at, self.tokens["gus"])
            agent.register(called, name)
            if kind == "online":
                self.agents.append(agent)
            else:
                agent.send(Goodbye("It leaves."))
                agent.close()
                wait_for(lambda: "offline" in self._render(called)["words"], what="the render to be offline")
            return int(self._render(called)["id"])
        if kind == "user":
            self.god("user.add", name=called)
            return int(self.god("user.show", name=called)["row"]["id"])
        if kind == "pool":
            return int(self.god("pool.add", path=f"/{called}")["id"])
        spec = {"name": called, "user_name": name, "branch": f"/{called}", "offline": True, "blocks": [BLOCK]}
        job = self.god("job.submit", job=spec)["id"]
        self.god("job.delete", ids=[job])
        return int(self.god("branch.show", path=f"/{called}")["row"]["id"])

    def _render(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = self.god("render.show", name=name)["row"]
        return row

    def forget_agents(self) -> None:
        """Hang up on every agent that stays connected."""
        for agent in self.agents:
            agent.close()
        self.agents.clear()

    # Doors: each returns the code of the refusal, empty for an answer

    def client(self, who: str) -> BlockingClient:
        """Return a native client that shows somebody's token."""
        token = self.tokens[who]
        return BlockingClient(
            [Address("127.0.0.1", self.farm.port)], program="test", credential=lambda host, port: token
        )

    @staticmethod
    def native(client: BlockingClient, operation: str, arguments: dict[str, Any]) -> str:
        try:
            client.request(operation, arguments)
        except Rejected as error:
            return error.code
        return ""

    def http_connection(self, who: str) -> http.client.HTTPConnection:
        """Return a connection over which somebody will ask."""
        source = (self.here, 0) if who == "nobody" else None
        return http.client.HTTPConnection("127.0.0.1", self.farm.port, timeout=60, source_address=source)

    def http(self, connection: http.client.HTTPConnection, who: str, operation: str, arguments: dict[str, Any]) -> str:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        connection.request("POST", f"/api/op/{operation}", json.dumps(arguments), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read() or b"{}")
        return "" if answer.status < 300 else str(said["error"]["code"])

    def classic(self, source: str, request: dict[str, Any]) -> str:
        body = json.dumps(request).encode()
        with socket.create_connection(("127.0.0.1", self.farm.port), timeout=60, source_address=(source, 0)) as one:
            one.sendall(b"AFANASY %d JSON" % len(body) + body)
            data = b""
            while b"JSON" not in data or len(data) < data.index(b"JSON") + 4 + int(data.split()[1]):
                data += one.recv(65536)
        return self._said(data.partition(b"JSON")[2])

    def classic_with_token(self, who: str, request: dict[str, Any]) -> str:
        """Ask in the classic dialect over HTTP as this machine, where a shown token says who asks."""
        body = json.dumps(request)
        headers = {"AFANASY": str(len(body)), "Authorization": f"Bearer {self.tokens[who]}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.farm.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/", body, headers)
            return self._said(connection.getresponse().read())

    def _said(self, data: bytes) -> str:
        said = data.decode("utf-8", "replace")
        known = any(words in said for words in _NO)
        return "not_allowed" if known else ""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for the whole matrix."""
    here = elsewhere()
    if not here:
        pytest.skip("this machine has loopback addresses only: nobody can call from elsewhere")
    farm = FarmProcess(tmp_path_factory.mktemp("matrix") / "farm")
    try:
        yield World(farm, here)
    finally:
        farm.close()


@pytest.fixture(autouse=True)
def no_agent_stays(world: World) -> Iterator[None]:
    """Hang up on agents that were to be told something."""
    yield
    world.forget_agents()


WHO = {
    "nobody": "nobody", "own": "ann", "foreign": "ann", "visor": "vic", "god": "gus", "expired": "expired",
    "revoked": "revoked",
}  # fmt: skip


def of(world: World, column: str) -> Thing:
    """Return whose things a column is asked about."""
    return world.things["ann" if column == "own" else "bob"]


def check(ask: Callable[[str, Thing], str], names: list[str], column: str, thing: Thing) -> None:
    """Try a column; every cell that is not as expected is told."""
    wrong = []
    for name in names:
        code = ask(name, thing)
        if (code not in REFUSED) != MATRIX[name][column]:
            wrong.append(f"{name}: {column} {'may' if code not in REFUSED else 'may not'} ({code or 'answered'})")
    assert not wrong, wrong


def test_every_operation_has_its_row_and_its_question() -> None:
    assert set(MATRIX) == set(OPERATIONS), "write a row in tests/wire/matrix.py for a new operation"
    assert set(ASKS) == set(OPERATIONS), "say in tests/e2e/matrixasks.py how it is asked"
    assert CLASSIC.keys() ^ NOT_CLASSIC == set(OPERATIONS), "say there how it is asked classically, or that it is not"


@pytest.mark.parametrize("column", [column for column in COLUMNS if column not in ("node", "nobody")])
def test_over_the_native_door(world: World, column: str) -> None:
    with world.client(WHO[column]) as client:
        thing = of(world, column)
        check(lambda name, thing: world.native(client, name, ASKS[name](thing)), list(MATRIX), column, thing)


def test_nobody_over_the_native_door(world: World) -> None:
    connection = Stranger(world.farm.port, world.here)
    try:
        check(lambda name, thing: connection.request(name, ASKS[name](thing)), list(MATRIX), "nobody", of(world, ""))
    finally:
        connection.close()


class Stranger(Agent):
    """A person from another machine who shows nothing."""

    def send(self, message: Message) -> None:
        if isinstance(message, Hello):
            message = Hello([1], "test", "client")
        super().send(message)


def test_a_node_over_the_native_door(world: World) -> None:
    node = Agent(world.farm.port, "127.0.0.1")
    node.register("r-node", "ann")
    check(lambda name, thing: node.request(name, ASKS[name](thing)), list(MATRIX), "node", of(world, "node"))
    node.close()
    stranger = Agent(world.farm.port, world.here)
    assert isinstance(stranger.greeting, Refused)
    stranger.close()


@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "node"])
def test_over_the_http_door(world: World, column: str) -> None:
    who = WHO[column]
    with contextlib.closing(world.http_connection(who)) as connection:

        def ask(name: str, thing: Thing) -> str:
            return world.http(connection, who, name, ASKS[name](thing))

        check(ask, list(MATRIX), column, of(world, column))


@pytest.mark.parametrize(
    ("column", "network"),
    [("nobody", ""), ("own", "user"), ("foreign", "user"), ("visor", "visor"), ("god", "god")],
)
def test_over_the_classic_door(world: World, column: str, network: str) -> None:
    """No token is shown here: whom the server believes is a matter of the network."""
    world.list_networks(*([f"{world.here}/32 {network}"] if network else []))
    world.god("config.reload")
    claimed = {"visor": "vic", "god": "gus"}.get(column, "ann")
    world.agents_at = "127.0.0.1"

    def ask(name: str, thing: Thing) -> str:
        return world.classic(world.here, CLASSIC[name](thing, claimed))

    # Here a submitter acts under the very name that the job claims: there is no job of somebody else.
    names = [name for name in CLASSIC if (name, column) != ("job.submit", "foreign")]
    check(ask, names, column, of(world, column))


@pytest.mark.parametrize("column", [column for column in COLUMNS if column not in ("nobody", "node")])
def test_a_token_says_who_asks_over_the_classic_door(world: World, column: str) -> None:
    """The server's own user calls, who may everything: a token that is shown counts in the place of that."""
    who = WHO[column]
    world.agents_at = world.here

    def ask(name: str, thing: Thing) -> str:
        return world.classic_with_token(who, CLASSIC[name](thing, who))

    # A job is submitted under the name that it claims where the network says who it is; a token says it itself.
    check(ask, [name for name in CLASSIC if name != "job.submit"], column, of(world, column))


def test_the_servers_own_user_is_god_over_the_classic_door(world: World) -> None:
    check(
        lambda name, thing: world.classic("127.0.0.1", CLASSIC[name](thing, "anybody")), list(CLASSIC), "god",
        of(world, "god"),
    )  # fmt: skip


def test_who_sits_at_a_computer_may_use_its_render_whoever_it_is_registered_for(world: World) -> None:
    agent = Agent(world.farm.port, "127.0.0.1")
    agent.register("r-here", "bob")
    far = Agent(world.farm.port, world.here, world.tokens["gus"])
    far.register("r-far", "bob")
    try:
        with world.client("ann") as client:
            for name, parameters, code in (
                ("r-here", {"nimby": True}, ""),
                ("r-far", {"nimby": True}, "not_allowed"),
                ("r-here", {"user_name": "ann"}, "not_allowed"),
            ):
                asked = {"names": [name], "parameters": parameters}
                assert world.native(client, "render.set", asked) == code, name
    finally:
        agent.close()
        far.close()


def test_nothing_that_was_refused_has_changed_anything(world: World) -> None:
    jobs = {row["id"]: row for row in world.god("job.list")["rows"]}
    for name in ("ann", "bob"):
        row = jobs[world.things[name].job]
        assert (row["user"], row["state"]) == (name, "paused"), row
    assert {row["name"] for row in world.god("render.list")["rows"]} >= {"r-ann", "r-bob"}
    assert [row["name"] for row in world.god("account.list")["rows"]] == ["ann", "bob", "gus", "vic"]
    assert world.god("audit.verify")["whole"]
