"""Who has an account, and which tokens stand for whom: plain state, told the time, asked for every credential.

Rules of this file:
- Nothing here waits, hashes a password or knows a socket; passwords come in as the hashes that ``passwords`` made.
- What ends somebody's right counts at once in this object; what is to be kept leaves as ``KeptRow``.
- A token is known by the SHA-256 of its secret (256 random bits, which need no slow hash); the secret is told once.
- No hash and no secret is in what ``rows`` of people are shown.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from afcore.envelope import Principal
from afcore.errors import Conflict, LimitReached, NotAllowed, NotFound, Rejected
from afcore.states import Role
from afcore.store.ledger import KeptRow

__all__ = [
    "ROLES", "SCOPES", "SIGN_IN", "Account", "NewToken", "People", "Token", "check_name", "role_of",
]  # fmt: skip

ROLES = ("user", "visor", "god")
"""Roles that an account may have."""
SCOPES = ("all", "read", "submit", "user", "visor")
"""What a token may be narrowed to: everything its account may, looking, submitting, or a smaller role."""
SIGN_IN = "not_signed_in"
"""Code of the refusal that a sign-in would help against."""

_ACCOUNTS_MOST = 100_000
_TOKENS_MOST = 1000
"""Tokens of one account."""
_NAME_MOST = 128


class Account(msgspec.Struct, kw_only=True, frozen=True):
    """A person (or a program) that may sign in."""

    name: str
    """Also the name of the farm's user that owns the jobs."""
    role: int
    password: str = ""
    """As Argon2 encodes it; empty: no password leads in."""
    created: float = 0.0
    changed: float = 0.0


class Token(msgspec.Struct, kw_only=True, frozen=True):
    """A sign-in, or a token made for a program."""

    id: str
    account: str
    digest: str
    """SHA-256 of the secret, hexadecimal."""
    scope: str
    label: str
    """Where it was made or what for, for people."""
    created: float
    expires: float
    """Unix seconds."""


class NewToken(msgspec.Struct, kw_only=True, frozen=True):
    """A token that was just made, with the only copy of its secret."""

    token: Token
    secret: str


def role_of(word: str) -> Role:
    """Return a role that an account may have, by its word."""
    return Role[word.upper()]


def check_name(name: str) -> None:
    """Raise Rejected unless this may be the name of an account."""
    wrong = not name.isprintable() or name != name.strip() or any(sign in name for sign in '/\\"')
    if not 0 < len(name) <= _NAME_MOST or wrong:
        raise Rejected(
            f'"{name[:_NAME_MOST]}" can be no name of an account.',
            hint=f"Write 1 to {_NAME_MOST} visible characters without quotes and slashes.", code="bad_arguments",
        )  # fmt: skip


class People:
    """Every account and token of a farm."""

    def __init__(self, kept: Iterable[KeptRow] = (), *, now: Callable[[], float], own: Principal | None = None) -> None:
        """``own`` is who the machine's secret stands for: the user that runs the server."""
        self._now = now
        self._own = own
        self.machine_secret = f"machine_{secrets.token_urlsafe(32)}"
        """What a server of this start recognises its own user by; new at each start."""
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, Token] = {}
        self.on_ended: Callable[[Callable[[str, str], bool], str], None] | None = None
        """Told with a test of (account, id of token) and a sentence when rights of callers end or change."""
        self.on_given: Callable[[], None] | None = None
        """Told when a token was given: the next end may be sooner."""
        for row in kept:
            if row.body is None:
                continue
            if row.kind == "account":
                account = msgspec.msgpack.decode(row.body, type=Account)
                self._accounts[account.name] = account
            elif row.kind == "token":
                token = msgspec.msgpack.decode(row.body, type=Token)
                self._tokens[token.id] = token

    def __len__(self) -> int:
        return len(self._accounts)

    # Who is it

    def recognise(self, token: str, origin: str) -> tuple[Principal, str]:
        """Return whom a token stands for, and its id (empty for the machine's secret).

        Raises NotAllowed, with the sentence for the caller, when it stands for nobody (any more).
        """
        if self._own is not None and hmac.compare_digest(token.encode(), self.machine_secret.encode()):
            return msgspec.structs.replace(self._own, origin=origin), ""
        found = self._find(token)
        if found is None:
            raise NotAllowed(
                "This sign-in is not known (any more).",
                hint="Sign in again with `afcmd login`; `afcmd logout` or an unset AF_TOKEN forgets the old one.",
                code=SIGN_IN,
            )
        if found.expires <= self._now():
            raise NotAllowed(
                "This sign-in has expired.",
                hint="Sign in again with `afcmd login`; tokens of programs are made anew with `afcmd token create`.",
                code=SIGN_IN,
            )
        account = self._accounts[found.account]
        role = Role(account.role)
        if found.scope in ("user", "visor"):
            role = min(role, role_of(found.scope))
        # Also a scope that is a role is kept: what is narrowed makes no wider token.
        scope = "" if found.scope == "all" else found.scope
        return Principal(account.name, role, origin, scope=scope), found.id

    def _find(self, token: str) -> Token | None:
        if not token.startswith("af_"):
            return None
        id, _, secret = token[3:].partition("_")
        found = self._tokens.get(id)
        digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
        if found is None or not hmac.compare_digest(found.digest, digest) or found.account not in self._accounts:
            return None
        return found

    def next_end(self) -> float | None:
        """Return when the next token expires, unix seconds; None when none will."""
        return min((token.expires for token in self._tokens.values()), default=None)

    def expire(self) -> list[KeptRow]:
        """Forget tokens whose time is over, and end what was done with them."""
        now = self._now()
        over = [each for each in self._tokens.values() if each.expires <= now]
        return self._end_tokens(over, "This sign-in has expired.")

    # Accounts

    def account(self, name: str) -> Account | None:
        """Return an account, None when there is none of that name."""
        return self._accounts.get(name)

    def rows(self) -> list[dict[str, Any]]:
        """Return every account for people to read."""
        signed: dict[str, int] = {}
        for token in self._tokens.values():
            signed[token.account] = signed.get(token.account, 0) + 1
        return [
            {
                "name": each.name, "role": Role(each.role).name.lower(), "password": bool(each.password),
                "tokens": signed.get(each.name, 0), "created": each.created, "changed": each.changed,
            }
            for _, each in sorted(self._accounts.items())
        ]  # fmt: skip

    def add(self, name: str, role: Role, password: str) -> list[KeptRow]:
        """Add an account; ``password`` is an encoded hash, or empty."""
        check_name(name)
        if name in self._accounts:
            hint = "`afcmd account password` and `afcmd account role` change it."
            raise Conflict(f'There is an account "{name}" already.', hint=hint)
        if len(self._accounts) >= _ACCOUNTS_MOST:
            raise LimitReached(f"The farm has {_ACCOUNTS_MOST} accounts already.", hint="Delete some.")
        now = self._now()
        return [self._put(Account(name=name, role=int(role), password=password, created=now, changed=now))]

    def set_password(self, name: str, password: str) -> list[KeptRow]:
        """Change a password; whoever was signed in with the old one is signed out."""
        account = self._known(name)
        changed = self._put(msgspec.structs.replace(account, password=password, changed=self._now()))
        return [changed, *self._end_tokens(self._tokens_of(name), "The password of this account was changed.")]

    def rehash(self, name: str, password: str) -> list[KeptRow]:
        """Keep the same password hashed anew, as stronger settings ask for."""
        return [self._put(msgspec.structs.replace(self._known(name), password=password))]

    def set_role(self, name: str, role: Role) -> list[KeptRow]:
        """Change a role; it counts at once, for open conversations too: they begin anew."""
        account = self._known(name)
        if account.role == role:
            return []
        row = self._put(msgspec.structs.replace(account, role=int(role), changed=self._now()))
        self._tell(lambda who, _: who == name, f"The role of this account is {role.name.lower()} now.")
        return [row]

    def delete(self, name: str) -> list[KeptRow]:
        """Delete an account with its tokens; the farm's user and the jobs stay."""
        self._known(name)
        gone = self._end_tokens(self._tokens_of(name), "This account was deleted.")
        del self._accounts[name]
        self._tell(lambda who, _: who == name, "This account was deleted.")
        return [KeptRow(kind="account", key=name, body=None), *gone]

    def _known(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            raise NotFound(f'There is no account "{name}".', hint="`afcmd account list` shows the accounts there are.")
        return account

    def _put(self, account: Account) -> KeptRow:
        self._accounts[account.name] = account
        return KeptRow(kind="account", key=account.name, body=msgspec.msgpack.encode(account))

    # Tokens

    def token_rows(self, account: str = "") -> list[dict[str, Any]]:
        """Return tokens for people to read, the newest first: all, or those of an account."""
        found = [each for each in self._tokens.values() if account in ("", each.account)]
        return [
            {
                "id": each.id, "account": each.account, "scope": each.scope, "label": each.label,
                "created": each.created, "expires": each.expires,
            }
            for each in sorted(found, key=lambda each: (-each.created, each.id))
        ]  # fmt: skip

    def token(self, id: str) -> Token:
        """Return a token by its id; NotFound when there is none."""
        found = self._tokens.get(id)
        if found is None:
            raise NotFound(f'There is no token "{id}".', hint="`afcmd token list` shows the tokens there are.")
        return found

    def give(self, name: str, *, scope: str, label: str, seconds: float) -> tuple[NewToken, list[KeptRow]]:
        """Make a token for an account."""
        self._known(name)
        mine = self._tokens_of(name)
        if len(mine) >= _TOKENS_MOST:
            raise LimitReached(
                f'The account "{name}" has {_TOKENS_MOST} tokens already.', hint="`afcmd token revoke` takes some away."
            )
        id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        now = self._now()
        digest = hashlib.sha256(secret.encode()).hexdigest()
        token = Token(
            id=id, account=name, digest=digest, scope=scope, label=label, created=now, expires=now + seconds
        )
        self._tokens[id] = token
        if self.on_given is not None:
            self.on_given()
        row = KeptRow(kind="token", key=id, body=msgspec.msgpack.encode(token))
        return NewToken(token=token, secret=f"af_{id}_{secret}"), [row]

    def revoke(self, id: str) -> list[KeptRow]:
        """Take a token away; what was done with it ends now."""
        return self._end_tokens([self.token(id)], "This sign-in was revoked.")

    def _tokens_of(self, name: str) -> list[Token]:
        return [token for token in self._tokens.values() if token.account == name]

    def _end_tokens(self, tokens: list[Token], sentence: str) -> list[KeptRow]:
        ended = {token.id for token in tokens}
        for id in ended:
            del self._tokens[id]
        if ended:
            self._tell(lambda _, id: id in ended, sentence)
        return [KeptRow(kind="token", key=id, body=None) for id in sorted(ended)]

    def _tell(self, test: Callable[[str, str], bool], sentence: str) -> None:
        if self.on_ended is not None:
            self.on_ended(test, sentence)
