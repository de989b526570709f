"""Which render nodes belong to the farm: paired ones and their certificates, pairing codes, who waits to be approved.

Rules of this file:
- Plain state, told the time; nothing here waits, signs or knows a socket. What is to be kept leaves as ``KeptRow``.
- A certificate counts while its node stands here: whoever is revoked is nobody in the same turn.
- A code holds a secret and the beginning of the authority's fingerprint, so that a node pins the right authority
  before it shows the secret to anybody. Only a SHA-256 of the secret is kept.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from afcore.envelope import Principal
from afcore.errors import Conflict, LimitReached, NotAllowed, NotFound
from afcore.states import Role
from afcore.store.ledger import KeptRow
from afnet.wire.messages import Hello

__all__ = ["CODE_HOURS", "Code", "Node", "Nodes", "Waiting", "node_token"]

CODE_HOURS = 24.0
"""Hours that a pairing code counts when nobody says another time."""

_WAITING_MOST = 500
_REFUSED_MOST = 10_000
_WAITING_OF_ADDRESS = 8
_ABSENT = 300.0
"""Seconds after which an agent that asks no more is forgotten; they ask every half minute."""
_NODES_MOST = 100_000
_CODES_MOST = 100
_HALF = 10
"""Bytes of the secret in a code, and of the fingerprint behind it."""


class Node(msgspec.Struct, kw_only=True, frozen=True):
    """A render node that was paired."""

    name: str
    """Also the only name of a render that it may be."""
    serial: str
    """Of its certificate, hexadecimal."""
    fingerprint: str
    """SHA-256 of its certificate."""
    paired: float
    """Unix seconds."""
    by: str
    """How it came in: the label of a code, or who approved it."""
    address: str
    """Where it called from then."""
    expires: float
    revoked: float = 0.0
    """When its right was taken away; 0: it has it."""


class Code(msgspec.Struct, kw_only=True, frozen=True):
    """A pairing code."""

    id: str
    digest: str
    """SHA-256 of the secret, hexadecimal."""
    label: str
    expires: float
    uses: int
    """Nodes that it may still bring in; 0 for any number."""


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    """An agent that has announced itself."""

    name: str
    request: str
    """For a certificate, PEM."""
    key: str
    """Fingerprint of its key, which the agent shows as well."""
    address: str
    since: float
    heard: float = 0.0
    """When it asked last: one that asks no more waits no more."""


def node_token(serial: str) -> str:
    """Return what a conversation under a node's certificate is known by, as others are by a token's id."""
    return f"node {serial}"


class Nodes:
    """Every node of a farm."""

    def __init__(self, kept: Iterable[KeptRow] = (), *, now: Callable[[], float]) -> None:
        self._now = now
        self._nodes: dict[str, Node] = {}
        self._by_fingerprint: dict[str, Node] = {}
        self._codes: dict[str, Code] = {}
        self._waiting: dict[str, Waiting] = {}
        self._refused: dict[str, None] = {}
        """Keys of agents that were sent away, the oldest first; forgotten with the server's process."""
        self.on_ended: Callable[[Callable[[str, str], bool], str], None] | None = None
        """Told with a test of (name, token) and a sentence when a node's right ends."""
        self.connected: Callable[[], Mapping[str, Hello]] = dict
        """Returns what the nodes said first that are connected now, by name."""
        for row in kept:
            if row.body is None:
                continue
            if row.kind == "node":
                self._add(msgspec.msgpack.decode(row.body, type=Node))
            elif row.kind == "pairing":
                code = msgspec.msgpack.decode(row.body, type=Code)
                self._codes[code.id] = code

    def _add(self, node: Node) -> KeptRow:
        former = self._nodes.get(node.name)
        if former is not None:
            self._by_fingerprint.pop(former.fingerprint, None)
        self._nodes[node.name] = node
        if not node.revoked:
            self._by_fingerprint[node.fingerprint] = node
        return KeptRow(kind="node", key=node.name, body=msgspec.msgpack.encode(node))

    # Who is it

    def recognise(self, certificate: bytes, origin: str) -> tuple[Principal, str]:
        """Return which node shows a certificate (DER) and the word its conversation is known by.

        Raises NotAllowed when it is none (any more).
        """
        node = self._by_fingerprint.get(hashlib.sha256(certificate).hexdigest())
        if node is None or node.expires <= self._now():
            raise NotAllowed(
                "This render node does not belong to the farm (any more).",
                hint="Pair it again: `afcmd node code` makes a code, `afrender --server HOST --pair CODE` uses it.",
                code="not_paired",
            )
        return Principal(node.name, Role.NODE, origin), node_token(node.serial)

    # Codes

    def new_code(self, authority: str, *, hours: float, uses: int, label: str) -> tuple[str, KeptRow]:
        """Make a pairing code; ``authority`` is the authority's fingerprint, ``uses`` 0 for any number of nodes."""
        self._forget_old_codes()
        if len(self._codes) >= _CODES_MOST:
            raise LimitReached(f"There are {_CODES_MOST} pairing codes already.", hint="They end by themselves.")
        secret = base64.b32encode(secrets.token_bytes(_HALF)).decode()
        pinned = base64.b32encode(bytes.fromhex(authority)[:_HALF]).decode()
        code = Code(
            id=secrets.token_hex(4), digest=_digest(secret), label=label, expires=self._now() + hours * 3600.0,
            uses=uses,
        )
        self._codes[code.id] = code
        whole = secret + pinned
        shown = "-".join(whole[at : at + 4] for at in range(0, len(whole), 4))
        return shown, KeptRow(kind="pairing", key=code.id, body=msgspec.msgpack.encode(code))

    def _forget_old_codes(self) -> None:
        now = self._now()
        self._codes = {id: code for id, code in self._codes.items() if code.expires > now}

    def check_code(self, secret: str) -> Code:
        """Return the code with this secret; NotAllowed when there is none that counts."""
        digest = _digest(secret)
        now = self._now()
        for code in self._codes.values():
            if hmac.compare_digest(code.digest, digest) and code.expires > now:
                return code
        raise NotAllowed(
            "This pairing code is not known, was used, or has expired.", hint="`afcmd node code` makes a new one.",
            code="not_paired",
        )  # fmt: skip

    def use(self, code: Code) -> KeptRow | None:
        """Count a node that a code brought in; return what is to be kept of it."""
        if not code.uses:
            return None
        if code.uses == 1:
            self._codes.pop(code.id, None)
            return KeptRow(kind="pairing", key=code.id, body=None)
        left = msgspec.structs.replace(code, uses=code.uses - 1)
        self._codes[code.id] = left
        return KeptRow(kind="pairing", key=code.id, body=msgspec.msgpack.encode(left))

    # Nodes

    def check_free(self, name: str) -> None:
        """Raise Conflict while a node of this name belongs to the farm: nobody takes another's place."""
        known = self._nodes.get(name)
        if known is not None and not known.revoked and known.expires > self._now():
            raise Conflict(
                f'There is a node "{name}" already.', hint=f"`afcmd node revoke {name}` first, if it is to be replaced."
            )
        if len(self._nodes) >= _NODES_MOST:
            raise LimitReached(f"The farm has {_NODES_MOST} nodes already.")

    def add(self, name: str, *, serial: str, fingerprint: str, expires: float, by: str, address: str) -> KeptRow:
        """Take a node into the farm."""
        self.check_free(name)
        self._waiting.pop(name, None)
        return self._add(
            Node(
                name=name, serial=serial, fingerprint=fingerprint, paired=self._now(), by=by, address=address,
                expires=expires,
            )
        )  # fmt: skip

    def revoke(self, name: str) -> KeptRow:
        """Take a node's right away, now, on open connections too; NotFound when there is none of that name."""
        node = self._nodes.get(name)
        if node is None or node.revoked:
            raise NotFound(f'There is no node "{name}".', hint="`afcmd node list` shows the nodes there are.")
        row = self._add(msgspec.structs.replace(node, revoked=self._now()))
        if self.on_ended is not None:
            ended = node_token(node.serial)
            self.on_ended(lambda _, token: token == ended, "This render node was taken out of the farm.")
        return row

    def is_node(self, name: str) -> bool:
        """Say whether a node of this name belongs to the farm."""
        node = self._nodes.get(name)
        return node is not None and not node.revoked

    # Who waits

    def announce(self, name: str, request: str, key: str, address: str) -> Waiting:
        """Note an agent that would like to belong to the farm; it comes again until it does."""
        self.check_free(name)
        if key in self._refused:
            raise NotAllowed(
                "An administrator of the farm sent this agent away.",
                hint="A pairing code (`afcmd node code`) lets it in all the same.",
            )
        self._forget_absent()
        known = self._waiting.get(name)
        if known is not None and known.key != key:
            raise Conflict(
                f'Another agent waits under the name "{name}" already.', hint="Give this one another name with --name."
            )
        if known is None:
            mine = sum(each.address == address for each in self._waiting.values())
            if len(self._waiting) >= _WAITING_MOST or mine >= _WAITING_OF_ADDRESS:
                raise LimitReached(
                    f"{_WAITING_OF_ADDRESS} agents of one address and {_WAITING_MOST} in all may wait to be approved.",
                    hint="Approve them with `afcmd node approve`, or use a pairing code.",
                )
            known = Waiting(name=name, request=request, key=key, address=address, since=self._now())
        known = msgspec.structs.replace(known, heard=self._now())
        self._waiting[name] = known
        return known

    def _forget_absent(self) -> None:
        oldest = self._now() - _ABSENT
        self._waiting = {name: each for name, each in self._waiting.items() if each.heard > oldest}

    def waiting(self, name: str) -> Waiting:
        """Return an agent that waits; NotFound when there is none."""
        found = self._waiting.get(name)
        if found is None:
            raise NotFound(
                f'No agent waits under the name "{name}".', hint="`afcmd node list` shows those that wait."
            )
        return found

    def forget_waiting(self, name: str) -> None:
        """An agent was sent away: it waits no more, and does not get to by asking again."""
        found = self._waiting.pop(name, None)
        if found is not None:
            self._refused[found.key] = None
            while len(self._refused) > _REFUSED_MOST:
                self._refused.pop(next(iter(self._refused)))

    def rows(self, state: str = "") -> list[dict[str, Any]]:
        """Return every node and who waits, for people to read; or those in one state."""
        self._forget_absent()
        now, connected = self._now(), self.connected()
        found = [
            {
                "name": each.name, "state": _state(each, now), "address": each.address,
                "since": each.revoked or each.paired, "by": each.by, "key": each.fingerprint, "expires": each.expires,
                "connected": each.name in connected,
                "tasks_as": connected[each.name].tasks_as if each.name in connected else "",
            }
            for each in self._nodes.values()
        ]  # fmt: skip
        found += [
            {
                "name": each.name, "state": "waits", "address": each.address, "since": each.since, "by": "",
                "key": each.key, "expires": 0.0, "connected": False, "tasks_as": "",
            }
            for each in self._waiting.values()
        ]  # fmt: skip
        found = [row for row in found if state in ("", row["state"])]
        return sorted(found, key=lambda row: (row["state"] != "waits", row["name"]))


def _state(node: Node, now: float) -> str:
    return "revoked" if node.revoked else "expired" if node.expires <= now else "paired"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
