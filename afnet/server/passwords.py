"""Passwords, hashed with Argon2 in a thread of their own, and tried no faster than a person types.

Rules of this file:
- A hash costs 64 MiB and some 50 ms: one at a time, few waiting; who comes when too many wait is asked to come again.
- An unknown name costs as much as a wrong password, so that nobody learns which names there are.
- After some failures a name at an address waits, longer each time, and so does an address; the refusal says the budget.
"""

import asyncio
import contextlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, TypeVar

from afcore.errors import LimitReached, Rejected

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["TRIES_OF_ADDRESS", "TRIES_OF_NAME", "Attempts", "Passwords", "check_password", "network_of"]

_WAITING_MOST = 32
_LEAST = 8
_MOST = 1024

TRIES_OF_NAME = 5
"""Failures of one name from one address before it must wait."""
TRIES_OF_ADDRESS = 50
"""Failures from one address, whatever the name."""

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 300.0
_REMEMBERED = 10_000

_Made = TypeVar("_Made")


def network_of(address: str) -> str:
    """Return what somebody at an address has for himself: the address, of IPv6 the network of 2^64 addresses."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4 or known.ipv4_mapped is not None or known.is_loopback:
        return address
    return str(ip_network((int(known), 64), strict=False))


def check_password(password: str) -> None:
    """Raise Rejected unless this may be a password."""
    if not _LEAST <= len(password) <= _MOST:
        raise Rejected(
            f"A password has {_LEAST} to {_MOST} characters, this one has {len(password)}.",
            hint="A few words are easier to keep in mind than a few signs.", code="bad_arguments",
        )  # fmt: skip


class Attempts:
    """Failures by name and by address, and how long who failed must wait: pure, told the time."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._open: dict[str, int] = {}

    @contextlib.contextmanager
    def one(self, keys: Mapping[str, int], now: float) -> Iterator[None]:
        """Be one try of ``keys`` as long as it takes: tries at the same time get no further than one after the other.

        Raises LimitReached as ``check``, and while as many are open as may fail.
        """
        self.check(keys, now)
        for key, tries in keys.items():
            if self._open.get(key, 0) >= max(1, tries - self._failed.get(key, (0, 0.0))[0]):
                raise LimitReached(
                    f"{self._open[key]} sign-ins for {key} are being checked: wait for their answers.",
                    hint=f"The budget is {tries} tries.",
                )
        for key in keys:
            self._open[key] = self._open.get(key, 0) + 1
        try:
            yield
        finally:
            for key in keys:
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]

    def check(self, keys: Mapping[str, int], now: float) -> None:
        """Raise LimitReached while one of ``keys`` must wait; each has so many free tries."""
        for key, tries in keys.items():
            count, last = self._failed.get(key, (0, 0.0))
            if count >= tries:
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(count - tries, 20))
                left = last + wait - now
                if left > 0:
                    raise LimitReached(
                        f"{count} sign-ins failed for {key}: the next one is taken in {math.ceil(left)} s.",
                        hint=f"The budget is {tries} tries, then a wait that doubles. "
                        "`afcmd account password` gives a new password.",
                    )

    def failed(self, keys: Iterable[str], now: float) -> None:
        """Note a failure; what failed longest ago is forgotten when there are too many."""
        for key in keys:
            count = self._failed.pop(key, (0, 0.0))[0]
            self._failed[key] = (count + 1, now)
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)

    def succeeded(self, keys: Iterable[str]) -> None:
        """Forget the failures of who got in."""
        for key in keys:
            self._failed.pop(key, None)


class Passwords:
    """Makes and checks hashes, off the loop."""

    def __init__(self, *, make_hasher: "Callable[[], PasswordHasher] | None" = None) -> None:
        self._make_hasher = make_hasher or _default_hasher
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a new password; Rejected for one that can be none."""
        check_password(password)
        return await self._run(lambda: self._get().hash(_bytes(password)))

    async def check(self, encoded: str, password: str) -> tuple[bool, str]:
        """Return whether a password is right, and its new hash if one is due; ``encoded`` may be empty."""
        return await self._run(lambda: self._check(encoded, password))

    def close(self) -> None:
        """End the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    async def _run(self, work: Callable[[], _Made]) -> _Made:
        if self._waiting >= _WAITING_MOST:
            raise LimitReached(
                f"{_WAITING_MOST} sign-ins wait already: the budget of passwords checked at once is used up.",
                hint="Try again in a few seconds.",
            )
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def _get(self) -> "PasswordHasher":
        with self._lock:
            if self._hasher is None:
                self._hasher = self._make_hasher()
            return self._hasher

    def _check(self, encoded: str, password: str) -> tuple[bool, str]:
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = self._get()
        known = bool(encoded)
        if not known:
            if not self._nobodys:
                self._nobodys = hasher.hash("the password of nobody at all")
            encoded = self._nobodys
        try:
            hasher.verify(encoded, _bytes(password[:_MOST]))
        except (VerificationError, InvalidHashError):
            return False, ""
        if not known:
            return False, ""
        if len(password) > _MOST:
            return False, ""
        return True, hasher.hash(_bytes(password)) if hasher.check_needs_rehash(encoded) else ""


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _default_hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # late: most servers never see a password

    return PasswordHasher()
