"""Accounts and tokens as plain state: who is recognised, what ends a right, and what is told of secrets."""

import msgspec
import pytest

from afcore.envelope import Principal
from afcore.errors import Conflict, LimitReached, NotAllowed, NotFound, Rejected
from afcore.states import Role
from afcore.store.ledger import KeptRow
from afnet.server.budgets import RequestBudget
from afnet.server.networks import read_networks
from afnet.server.passwords import Attempts, network_of
from afnet.server.people import People

DAY = 86400.0


class Farm:
    """People on a clock that a test moves, with everything that was kept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rows: dict[tuple[str, str], KeptRow] = {}
        self.ended: list[str] = []
        self.open = {"ann": "", "bob": ""}
        self.people = self.start()

    def start(self) -> People:
        """Begin anew from what was kept."""
        people = People(self.rows.values(), now=lambda: self.now, own=Principal("me", Role.GOD))

        def end(test: object, reason: str) -> None:
            assert callable(test)
            self.ended += [f"{name}: {reason}" for name, token in self.open.items() if test(name, token)]

        people.on_ended = end
        return people

    def keep(self, rows: list[KeptRow]) -> None:
        for row in rows:
            if row.body is None:
                self.rows.pop((row.kind, row.key), None)
            else:
                self.rows[row.kind, row.key] = row

    def give(self, name: str, *, scope: str = "all", seconds: float = DAY) -> str:
        made, rows = self.people.give(name, scope=scope, label="", seconds=seconds)
        self.keep(rows)
        self.open[name] = made.token.id
        return made.secret


@pytest.fixture
def farm() -> Farm:
    made = Farm()
    made.keep(made.people.add("ann", Role.VISOR, "$argon2id$not-shown"))
    made.keep(made.people.add("bob", Role.USER, ""))
    return made


def test_a_token_stands_for_its_account_until_it_expires(farm: Farm) -> None:
    secret = farm.give("ann")
    principal, token = farm.people.recognise(secret, "192.0.2.7")
    assert (principal.name, principal.role, principal.origin) == ("ann", Role.VISOR, "192.0.2.7")
    assert token == farm.open["ann"] and farm.people.next_end() == 1000.0 + DAY
    farm.now += DAY
    with pytest.raises(NotAllowed, match="expired"):
        farm.people.recognise(secret, "")
    farm.keep(farm.people.expire())
    assert farm.ended == ["ann: This sign-in has expired."] and farm.people.next_end() is None
    with pytest.raises(NotAllowed, match="not known"):
        farm.people.recognise(secret, "")


@pytest.mark.parametrize(
    ("scope", "role", "narrowed"),
    [
        ("all", Role.VISOR, ""), ("user", Role.USER, "user"), ("read", Role.VISOR, "read"),
        ("submit", Role.VISOR, "submit"),
    ],  # fmt: skip
)
def test_a_token_is_never_wider_than_its_account(farm: Farm, scope: str, role: Role, narrowed: str) -> None:
    principal, _ = farm.people.recognise(farm.give("ann", scope=scope), "")
    assert (principal.role, principal.scope) == (role, narrowed)
    assert farm.people.recognise(farm.give("bob", scope="visor"), "")[0].role is Role.USER


def test_everything_outlives_a_restart_but_the_machines_secret(farm: Farm) -> None:
    secret, machine = farm.give("bob"), farm.people.machine_secret
    assert farm.people.recognise(machine, "127.0.0.1")[0].role is Role.GOD
    farm.people = farm.start()
    assert farm.people.recognise(secret, "")[0].name == "bob"
    with pytest.raises(NotAllowed):
        farm.people.recognise(machine, "127.0.0.1")


def test_what_ends_a_right_ends_what_is_open(farm: Farm) -> None:
    secret = farm.give("ann")
    farm.keep(farm.people.set_role("ann", Role.USER))
    assert farm.people.recognise(secret, "")[0].role is Role.USER
    farm.keep(farm.people.set_password("ann", "new"))
    farm.give("ann")
    farm.keep(farm.people.revoke(farm.open["ann"]))
    farm.give("ann")
    farm.keep(farm.people.delete("ann"))
    assert [line.split(": ")[0] for line in farm.ended] == ["ann"] * 5
    assert not [key for key in farm.rows if key[1] == "ann" or key[0] == "token"]
    farm.people = farm.start()
    assert [row["name"] for row in farm.people.rows()] == ["bob"]


def test_nothing_secret_is_told_or_kept_in_the_clear(farm: Farm) -> None:
    secret = farm.give("ann")
    told = msgspec.json.encode([farm.people.rows(), farm.people.token_rows()]).decode()
    assert "argon2" not in told and secret not in told
    kept = b"".join(row.body or b"" for row in farm.rows.values())
    assert secret.rpartition("_")[2].encode() not in kept and secret.encode() not in kept
    with pytest.raises(NotAllowed):
        farm.people.recognise(secret[:-1] + ("a" if secret[-1] != "a" else "b"), "")


def test_what_cannot_be_is_refused(farm: Farm) -> None:
    with pytest.raises(Conflict):
        farm.people.add("ann", Role.USER, "")
    for name in ("", " x", 'a"b', "a/b", "x" * 129, "a\nb"):
        with pytest.raises(Rejected):
            farm.people.add(name, Role.USER, "")
    for wrong in (lambda: farm.people.delete("zoe"), lambda: farm.people.revoke("zoe")):
        with pytest.raises(NotFound):
            wrong()


def test_failures_make_a_name_wait_and_no_other() -> None:
    attempts, keys = Attempts(), {"ann": 3}
    for _ in range(3):
        attempts.check(keys, 0.0)
        attempts.failed(keys, 0.0)
    with pytest.raises(LimitReached, match="3 sign-ins failed for ann.*in 1 s"):
        attempts.check(keys, 0.0)
    attempts.check({"bob": 3}, 0.0)
    attempts.check(keys, 1.0)
    attempts.failed(keys, 1.0)
    with pytest.raises(LimitReached, match="in 2 s"):
        attempts.check(keys, 1.0)
    attempts.succeeded(keys)
    attempts.check(keys, 1.0)


def test_a_peer_may_ask_so_much_and_more_after_a_while() -> None:
    now = [0.0]
    budget = RequestBudget(2, clock=lambda: now[0])
    for _ in range(20):
        budget.take("me@desk 192.0.2.1")
    with pytest.raises(LimitReached, match="More than 2 requests a second come from 192.0.2.1"):
        budget.take("192.0.2.1")
    budget.take("192.0.2.2")
    now[0] = 1.0
    budget.take("192.0.2.1")
    budget.take("192.0.2.1")
    with pytest.raises(LimitReached):
        budget.take("192.0.2.1")


def test_listed_networks_are_users_unless_told_otherwise() -> None:
    guest = read_networks(["192.0.2.0/24", "198.51.100.7/32 visor", "127.0.0.0/8 god", "::/0"])
    found = {host: guest(host) for host in ("192.0.2.9", "198.51.100.7", "127.0.0.1", "203.0.113.1", "::1", "nobody")}
    roles = {host: None if each is None else each.role for host, each in found.items()}
    assert roles == {
        "192.0.2.9": Role.USER, "198.51.100.7": Role.VISOR, "127.0.0.1": None, "203.0.113.1": None, "::1": None,
        "nobody": None,
    }  # fmt: skip
    assert all(each is None or each.name == "" for each in found.values())


def test_tries_at_the_same_time_get_no_further_than_one_after_the_other() -> None:
    attempts, keys = Attempts(), {"ann": 2}
    with attempts.one(keys, 0.0), attempts.one(keys, 0.0):
        with pytest.raises(LimitReached, match="2 sign-ins for ann are being checked"), attempts.one(keys, 0.0):
            pass
        with attempts.one({"bob": 2}, 0.0):
            pass
    attempts.failed(keys, 0.0)
    attempts.failed(keys, 0.0)
    # Who has failed too often is let in one by one, after the wait.
    with attempts.one(keys, 10.0):
        with pytest.raises(LimitReached, match="being checked"), attempts.one(keys, 10.0):
            pass
    with attempts.one(keys, 10.0):
        pass


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::1"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"), ("fe80::1%eth0", "fe80::/64"), ("nowhere", "nowhere"),
    ],
)  # fmt: skip
def test_who_has_many_addresses_has_one_network(address: str, network: str) -> None:
    assert network_of(address) == network
