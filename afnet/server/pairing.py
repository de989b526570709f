"""Lets render nodes into the farm: by a pairing code, or by an administrator's approval; and takes them out again.

Rules of this file:
- Who shows no valid code gets nothing but a place in the list of those that wait; tries are counted by address.
- A certificate is given out when it is durable that it counts, so that no restart forgets a node.
- The key of a node never leaves it: it sends a request that is signed with it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, Conflict, NotAllowed, Problem
from afcore.states import Role
from afnet.server.auditing import Auditor
from afnet.server.authority import Authority, Signed, request_fingerprint
from afnet.server.body import body_within
from afnet.server.nodes import Nodes
from afnet.server.passwords import TRIES_OF_ADDRESS, Attempts
from afnet.server.people import check_name
from afnet.server.runner import Answer, Runner

__all__ = ["Pairing", "add_pairing"]

_BODY_MOST = 32768
_PATIENCE = 25.0
"""Seconds that an agent's question is held while nobody has approved it; then it asks again."""


class Pairing:
    """Does the operations of the registry that begin with ``node``, and what agents ask before they are nodes."""

    def __init__(
        self, nodes: Nodes, authority: Authority | None, runner: Runner, auditor: Auditor, *, now: Callable[[], float]
    ) -> None:
        self._nodes = nodes
        self._authority = authority
        self._runner = runner
        self._auditor = auditor
        self._now = now
        self._attempts = Attempts()
        self._approved: dict[str, tuple[str, Signed]] = {}
        """Certificates of approved agents that have not come for them yet, with the key's fingerprint."""
        self._asking: dict[str, set[asyncio.Future[None]]] = {}
        self.operations: dict[str, Callable[[dict[str, Any], Principal, Answer], None]] = {
            "node.list": lambda given, who, answer: answer({"rows": nodes.rows(given["state"]), "next": None}, None),
            "node.code": self._code,
            "node.approve": self._approve,
            "node.revoke": self._revoke,
        }
        """By name; each is given bound arguments, who asks, and the answer to call."""

    def _signing(self) -> Authority:
        if self._runner.away is not None:
            raise self._runner.away
        if self._authority is None:
            raise Conflict(
                "This farm has no certificate authority, so it takes no nodes from elsewhere.",
                hint="Stop the server and run `afserver init` once.",
            )
        return self._authority

    # Administrators

    def _code(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        authority = self._signing()
        label = given["label"] or f"code of {who.name}"
        code, row = self._nodes.new_code(authority.fingerprint, hours=given["hours"], uses=given["uses"], label=label)
        often = f"for {given['uses']} nodes" if given["uses"] else "for any number of nodes"
        what = f"made a pairing code {often} within {given['hours']:g} hours"
        audit = self._auditor.of_words(self._now(), who, "node.code", what, self._runner.next_operation())
        self._runner.keep([row], audit, answer, {"code": code, "fingerprint": authority.fingerprint})

    def _approve(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        authority = self._signing()
        waits = self._nodes.waiting(given["name"])
        signed = authority.sign_node(waits.request, waits.name, now=self._now())
        row = self._nodes.add(
            waits.name, serial=signed.serial, fingerprint=signed.fingerprint, expires=signed.expires, by=who.name,
            address=waits.address,
        )  # fmt: skip
        what = f"took the node {waits.name} at {waits.address} into the farm, its key is {waits.key}"
        audit = self._auditor.of_words(self._now(), who, "node.approve", what, self._runner.next_operation())

        def kept(reply: Any, error: AfError | None) -> None:
            if error is None:
                self._approved[waits.name] = (waits.key, signed)
                self._tell(waits.name)
            answer(reply, error)

        self._runner.keep([row], audit, kept, {})

    def _revoke(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        if self._runner.away is not None:
            raise self._runner.away
        name = given["name"]
        if not self._nodes.is_node(name) and self._is_waiting(name):
            self._nodes.forget_waiting(name)
            what, rows = f"sent away the agent {name} that waited to be approved", []
        else:
            rows, what = [self._nodes.revoke(name)], f"took the node {name} out of the farm"
            self._approved.pop(name, None)
        self._tell(name)
        audit = self._auditor.of_words(self._now(), who, "node.revoke", what, self._runner.next_operation())
        self._runner.keep(rows, audit, answer, {})

    def _is_waiting(self, name: str) -> bool:
        return any(row["name"] == name and row["state"] == "waits" for row in self._nodes.rows())

    def _tell(self, name: str) -> None:
        for future in self._asking.pop(name, set()):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Let those go that wait for an answer."""
        for name in list(self._asking):
            self._tell(name)

    # Agents

    def shown(self) -> dict[str, Any]:
        """Return the authority for everybody to see."""
        authority = self._signing()
        return {"authority": authority.pem, "fingerprint": authority.fingerprint}

    async def pair(self, given: dict[str, Any], origin: str) -> dict[str, Any]:
        """Take in a node that shows a code; return its certificate."""
        authority = self._signing()
        name, request = _texts(given, "name", "request")
        (secret,) = _texts(given, "secret")
        keys = {f"pairing codes from {origin}": TRIES_OF_ADDRESS}
        self._attempts.check(keys, self._now())
        try:
            code = self._nodes.check_code(secret)
        except NotAllowed:
            self._attempts.failed(keys, self._now())
            nobody = Principal(name[:64], Role.NOBODY, origin)
            row = self._auditor.of_words(self._now(), nobody, "node.pair", "was refused: the pairing code is wrong")
            self._runner.keep((), row)
            raise
        self._attempts.succeeded(keys)
        check_name(name)
        self._nodes.check_free(name)
        signed = authority.sign_node(request, name, now=self._now())
        rows = [
            self._nodes.add(
                name, serial=signed.serial, fingerprint=signed.fingerprint, expires=signed.expires, by=code.label,
                address=origin,
            )
        ]  # fmt: skip
        used = self._nodes.use(code)
        if used is not None:
            rows.append(used)
        who = Principal(name, Role.NODE, origin)
        what = f"came into the farm with the pairing code {code.id} ({code.label})"
        audit = self._auditor.of_words(self._now(), who, "node.pair", what)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def kept(reply: Any, error: AfError | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(None)

        self._runner.keep(rows, audit, kept, {})
        await future
        return {"certificate": signed.pem, "authority": authority.pem}

    async def announce(self, given: dict[str, Any], origin: str) -> dict[str, Any]:
        """Note an agent that has no code; answer when it is approved, or that it waits still."""
        authority = self._signing()
        name, request = _texts(given, "name", "request")
        check_name(name)
        key = request_fingerprint(request)
        if name not in self._approved:
            self._nodes.announce(name, request, key, origin)
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asking = self._asking.setdefault(name, set())
            asking.add(future)
            try:
                await asyncio.wait([future], timeout=_PATIENCE)
            finally:
                asking.discard(future)
                if not asking:
                    self._asking.pop(name, None)
        approved_key, signed = self._approved.get(name, ("", None))
        if signed is None or approved_key != key:
            return {"state": "waits", "key": key}
        del self._approved[name]
        return {"state": "paired", "certificate": signed.pem, "authority": authority.pem}


def _texts(given: dict[str, Any], *names: str) -> list[str]:
    found = [given.get(name) for name in names]
    problems = [
        Problem(name, "must be a text")
        for name, value in zip(names, found, strict=True)
        if not isinstance(value, str) or not value
    ]
    if problems:
        raise BadSpec(problems, code="bad_arguments")
    return [str(value) for value in found]


def add_pairing(app: web.Application, pairing: Pairing) -> None:
    """Let agents ask for their certificates."""
    import json

    async def body_of(request: web.Request) -> dict[str, Any]:
        data = await body_within(request, _BODY_MOST)
        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise BadSpec([Problem("", "the body must be one JSON object")], code="bad_arguments")
        return given

    async def authority(request: web.Request) -> web.StreamResponse:
        """``GET /api/authority``: the certificate of the farm's authority, for whoever asks."""
        return web.json_response(pairing.shown())

    async def pair(request: web.Request) -> web.StreamResponse:
        """``POST /api/pair`` with ``{"name", "request", "secret"}``: answers the node's certificate."""
        return web.json_response(await pairing.pair(await body_of(request), request.remote or ""))

    async def announce(request: web.Request) -> web.StreamResponse:
        """``POST /api/announce`` with ``{"name", "request"}``: answers when approved, else after a while."""
        return web.json_response(await pairing.announce(await body_of(request), request.remote or ""))

    app.router.add_get("/api/authority", authority)
    app.router.add_post("/api/pair", pair)
    app.router.add_post("/api/announce", announce)
