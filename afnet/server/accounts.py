"""The operations on accounts, tokens and sign-ins: who may, what is asked of a password, what is kept and audited.

Rules of this file:
- GOD changes everybody, a person their own password and tokens; a token that is narrowed changes nothing here.
- What is refused has changed nothing; what is done is answered when it is durable.
- The audit tells who did what to whom, in words; passwords, hashes and secrets are in no word of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from afcore.envelope import Principal
from afcore.errors import AfError, NotAllowed
from afcore.states import Role
from afcore.store.ledger import KeptRow
from afnet.server.auditing import Auditor
from afnet.server.passwords import TRIES_OF_ADDRESS, TRIES_OF_NAME, Attempts, Passwords, network_of
from afnet.server.people import SIGN_IN, NewToken, People, role_of
from afnet.server.runner import Answer, Runner

__all__ = ["Accounts"]

_DAY = 86400.0


class Accounts:
    """Does the operations of the registry that begin with ``account``, ``token`` and ``session``."""

    def __init__(
        self, people: People, passwords: Passwords, runner: Runner, auditor: Auditor, *, now: Callable[[], float],
        sign_in_days: float,
    ) -> None:  # fmt: skip
        """``sign_in_days`` is how long a sign-in lasts that asks for nothing else."""
        self._people = people
        self._passwords = passwords
        self._runner = runner
        self._auditor = auditor
        self._now = now
        self._sign_in_days = sign_in_days
        self._attempts = Attempts()
        self._working: set[asyncio.Task[None]] = set()
        self.operations: dict[str, Callable[[dict[str, Any], Principal, Answer], None]] = {
            "account.list": lambda given, who, answer: answer({"rows": people.rows(), "next": None}, None),
            "account.add": self._later(self._add),
            "account.password": self._later(self._password),
            "account.role": self._role,
            "account.delete": self._delete,
            "token.list": self._tokens,
            "token.create": self._create,
            "token.revoke": self._revoke,
            "session.login": self._later(self._login),
            "session.show": self._show,
        }
        """By name; each is given bound arguments, who asks, and the answer to call."""

    async def close(self) -> None:
        """End what is under way."""
        for task in list(self._working):
            task.cancel()
        if self._working:
            await asyncio.wait(self._working)
        self._passwords.close()

    def _later(
        self, work: Callable[[dict[str, Any], Principal, Answer], Coroutine[Any, Any, None]]
    ) -> Callable[[dict[str, Any], Principal, Answer], None]:
        """Return a handler that does its work in a task: a password takes time."""

        async def guarded(given: dict[str, Any], who: Principal, answer: Answer) -> None:
            try:
                await work(given, who, answer)
            except AfError as error:
                answer(None, error)

        def handler(given: dict[str, Any], who: Principal, answer: Answer) -> None:
            task = asyncio.get_running_loop().create_task(guarded(given, who, answer))
            self._working.add(task)
            task.add_done_callback(self._working.discard)

        return handler

    def _keep(
        self, who: Principal, action: str, what: str, rows: list[KeptRow], answer: Answer, reply: Any = None
    ) -> None:
        operation = self._runner.next_operation()
        row = self._auditor.of_words(self._now(), who, action, what, operation)
        self._runner.keep(rows, row, answer, {} if reply is None else reply)

    def _check_whole(self, who: Principal) -> None:
        if self._runner.away is not None:
            raise self._runner.away
        if who.scope:
            raise NotAllowed(
                f'This token is for "{who.scope}" only: it changes no account and no token.',
                hint="Sign in with `afcmd login`.",
            )

    # Accounts

    async def _add(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        self._check_whole(who)
        password = given.get("password", "")
        hashed = await self._passwords.hash(password) if password else ""
        role = role_of(given["role"])
        rows = self._people.add(given["name"], role, hashed)
        self._keep(who, "account.add", f"added the account {given['name']} as {role.name.lower()}", rows, answer)

    async def _password(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        self._check_whole(who)
        name = given.get("name") or who.name
        if who.role < Role.GOD:
            if name != who.name:
                raise NotAllowed(f"{who.name} may not change the password of {name}.", hint="It takes the role god.")
            await self._check_password(name, given.get("old", ""), who.origin)
        rows = self._people.set_password(name, await self._passwords.hash(given["password"]))
        self._keep(who, "account.password", f"changed the password of the account {name}", rows, answer)

    def _role(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        self._check_whole(who)
        name, role = given["name"], role_of(given["role"])
        account = self._people.account(name)
        before = Role(account.role).name.lower() if account is not None else ""
        rows = self._people.set_role(name, role)
        what = f"changed the role of the account {name} from {before} to {role.name.lower()}"
        self._keep(who, "account.role", what, rows, answer)

    def _delete(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        self._check_whole(who)
        rows = self._people.delete(given["name"])
        self._keep(who, "account.delete", f"deleted the account {given['name']}", rows, answer)

    # Tokens

    def _tokens(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        of = given["account"] if who.role is Role.GOD else who.name
        answer({"rows": self._people.token_rows(of), "next": None}, None)

    def _create(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        self._check_whole(who)
        name = given["account"] or who.name
        if name != who.name and who.role < Role.GOD:
            raise NotAllowed(f"{who.name} may not make a token for {name}.", hint="It takes the role god.")
        made, rows = self._people.give(
            name, scope=given["scope"], label=given["label"], seconds=given["days"] * _DAY
        )
        what = f"made the token {made.token.id} ({given['scope']}) for the account {name}, for {given['days']} days"
        self._keep(who, "token.create", what, rows, answer, _told(made))

    def _revoke(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        token = self._people.token(given["id"])
        if token.account != who.name and who.role < Role.GOD:
            raise NotAllowed(f"{who.name} may not revoke a token of {token.account}.", hint="It takes the role god.")
        if who.scope and token.account != who.name:
            self._check_whole(who)
        rows = self._people.revoke(token.id)
        what = f"revoked the token {token.id} of the account {token.account}"
        self._keep(who, "token.revoke", what, rows, answer)

    # Sessions

    async def _login(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        name = given["name"]
        await self._check_password(name, given["password"], who.origin)
        days = given.get("days") or self._sign_in_days
        made, rows = self._people.give(name, scope="all", label=given["label"], seconds=days * _DAY)
        account = self._people.account(name)
        assert account is not None
        signed = Principal(name, Role(account.role), who.origin)
        self._keep(
            signed, "session.login", f"signed in as {name} with the token {made.token.id}", rows, answer, _told(made)
        )

    async def _check_password(self, name: str, password: str, origin: str) -> None:
        if self._runner.away is not None:
            raise self._runner.away
        mine = f'"{name[:64]}" from {network_of(origin)}'
        keys = {mine: TRIES_OF_NAME, f"names from {origin}": TRIES_OF_ADDRESS}
        with self._attempts.one(keys, self._now()):
            account = self._people.account(name)
            right, newer = await self._passwords.check("" if account is None else account.password, password)
        if not right or self._people.account(name) != account:
            self._attempts.failed(keys, self._now())
            nobody = Principal(name[:64], Role.NOBODY, origin)
            row = self._auditor.of_words(self._now(), nobody, "session.login", "was refused: name or password is wrong")
            self._runner.keep((), row)
            raise NotAllowed(
                "The name or the password is wrong.", hint="`afcmd account password` gives a new one.", code=SIGN_IN
            )
        self._attempts.succeeded((mine,))
        if newer:
            self._runner.keep(self._people.rehash(name, newer), None)

    def _show(self, given: dict[str, Any], who: Principal, answer: Answer) -> None:
        answer({"name": who.name, "role": who.role.name.lower(), "scope": who.scope, "origin": who.origin}, None)


def _told(made: NewToken) -> dict[str, Any]:
    token = made.token
    return {"token": made.secret, "id": token.id, "name": token.account, "scope": token.scope, "expires": token.expires}
