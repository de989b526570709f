"""A paired node and whom nobody knows, over every door of a farm of many machines: each operation, by TLS."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afnet.api.trust import context_of
from afnet.transport.wsframes import FrameReader, check_answer, request_upgrade
from afnet.wire.codec import LIMIT_TO_CLIENT
from afnet.wire.messages import Hello, Refused, Reply, Request, Subscribe, Welcome
from afrender.pairing import Credential
from tests.e2e.manymachines import ManyMachines, many_machines
from tests.e2e.matrixasks import ASKS, CLASSIC, Thing
from tests.e2e.test_matrix import REFUSED, Agent, check
from tests.wire.matrix import MATRIX

pytestmark = [pytest.mark.e2e]

NODES_ONLY = "lets its agent in, and nobody else"


class SecureAgent(Agent):
    """A native conversation over TLS from another machine."""

    def __init__(self, many: ManyMachines, context: ssl.SSLContext, hello: Hello) -> None:
        plain = socket.create_connection((many.away.host, many.away.port), timeout=60)
        self._socket = context.wrap_socket(plain)
        key = b"0123456789abcdef"
        self._socket.sendall(request_upgrade(str(many.away), key))
        data = bytearray()
        while not (end := check_answer(data, key)):
            data += self._socket.recv(65536)
        self._reader = FrameReader(masked=False, limit=LIMIT_TO_CLIENT)
        self._frames: list[Any] = self._reader.feed(bytes(data[end:]))
        self.send(hello)
        self.greeting = self.next(Welcome, Refused)


class Far:
    """A farm of many machines with one job, and a node that was paired by hand."""

    def __init__(self, many: ManyMachines, folder: Path) -> None:
        self.many = many
        block = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}
        job = many.farm.ask("job.submit", job={"name": "x", "user_name": "bob", "offline": True, "blocks": [block]})
        many.farm.ask("account.add", name="bob", role="user", password="the horse of bob")
        self.thing = Thing(
            "bob", job["id"], "r1", "operation-x",
            lambda: str(many.farm.ask("token.create", account="bob")["id"]), lambda kind: 1,
        )  # fmt: skip
        credential = Credential(folder)
        credential.pin(many.authority.read_text())
        request, _ = credential.request("r1")
        self.nobody = context_of(str(many.authority))
        secret = many.code.replace("-", "")[:16]
        given = json.dumps({"name": "r1", "request": request, "secret": secret})
        status, answer = many.https("/api/pair", given.encode(), self.nobody)
        assert status == 200, answer
        credential.keep(json.loads(answer)["certificate"], many.away)
        self.node = credential.context()

    def classic(self, context: ssl.SSLContext, request: dict[str, Any]) -> bytes:
        """Ask in the classic dialect from another machine."""
        body = json.dumps(request).encode()
        plain = socket.create_connection((self.many.away.host, self.many.away.port), timeout=60)
        with context.wrap_socket(plain) as one:
            one.sendall(b"AFANASY %d JSON" % len(body) + body)
            data = b""
            with contextlib.suppress(OSError):
                while piece := one.recv(65536):
                    data += piece
                    if b"JSON" in data and len(data) >= data.index(b"JSON") + 4 + int(data.split()[1]):
                        break
            return data


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """One farm for all of it."""
    with many_machines(tmp_path_factory.mktemp("far")) as many:
        yield Far(many, tmp_path_factory.mktemp("node"))


def test_a_paired_node_does_no_operation_over_the_native_door(far: Far) -> None:
    node = SecureAgent(far.many, far.node, Hello([1], "test", "agent", host="r1"))
    with contextlib.closing(node):
        assert isinstance(node.greeting, Welcome), node.greeting
        for registered in (False, True):
            if registered:
                node.register("r1", "bob")
            check(lambda name, thing: node.request(name, ASKS[name](thing)), list(MATRIX), "node", far.thing)
            # It hears of nothing but its own row, and acts in no mode of people.
            for kind, filter in (("jobs", {}), ("renders", {}), ("renders", {"ids": [999]}), ("monitors", {})):
                node.send(Subscribe(5, kind, filter))
                assert node.next(Refused).code in REFUSED, kind
            node.send(Request(6, "mode.set", {"mode": "GOD"}))
            assert isinstance(node.next(Refused, Reply), Refused)
    as_person = SecureAgent(far.many, far.node, Hello([1], "test", "client"))
    with contextlib.closing(as_person):
        assert isinstance(as_person.greeting, Refused) and NODES_ONLY in as_person.greeting.sentence


@pytest.mark.parametrize("name", ["r2", "../r1", "r1 "])
def test_a_paired_node_is_no_other_render(far: Far, name: str) -> None:
    node = SecureAgent(far.many, far.node, Hello([1], "test", "agent", host=name))
    with contextlib.closing(node), pytest.raises(AssertionError, match="This certificate is of the render"):
        node.register(name, "bob")


def test_a_paired_node_does_no_operation_over_http_and_classically(far: Far) -> None:
    token = far.many.farm.ask("token.create", account="bob")["token"]
    # Not even with a token that somebody left in its way.
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        for name in MATRIX:
            body = json.dumps(ASKS[name](far.thing)).encode()
            status, said = far.many.https(f"/api/op/{name}", body, far.node, **headers)
            assert status == 403 and NODES_ONLY.encode() in said, (name, said)
    for name, request in CLASSIC.items():
        asked = request(far.thing, "bob")
        assert NODES_ONLY.encode() in far.classic(far.node, asked), name
        body = json.dumps(asked).encode()
        _, said = far.many.https("/", body, far.node, AFANASY=str(len(body)), Authorization=f"Bearer {token}")
        assert NODES_ONLY.encode() in said, name


def test_whom_nobody_knows_gets_nothing_over_tls(far: Far) -> None:
    stranger = SecureAgent(far.many, far.nobody, Hello([1], "test", "client"))
    with contextlib.closing(stranger):
        check(lambda name, thing: stranger.request(name, ASKS[name](thing)), list(MATRIX), "nobody", far.thing)

    def over_http(name: str, thing: Thing) -> str:
        status, said = far.many.https(f"/api/op/{name}", json.dumps(ASKS[name](thing)).encode(), far.nobody)
        return "" if status < 300 else str(json.loads(said)["error"]["code"])

    check(over_http, list(MATRIX), "nobody", far.thing)
    for name, request in CLASSIC.items():
        assert b"does not know who you are" in far.classic(far.nobody, request(far.thing, "bob")), name
    agent = SecureAgent(far.many, far.nobody, Hello([1], "test", "agent", host="r9"))
    with contextlib.closing(agent):
        assert isinstance(agent.greeting, Refused)
