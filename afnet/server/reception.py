"""Everything about who callers are, put together: accounts, what ends with the time, and the machine's secret.

Rules of this file:
- The secret is written before the first caller is served and taken away when the last one is gone.
- One timer stands at the next end of a token; nothing looks around.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from afcore.config import Config
from afcore.envelope import Principal
from afcore.errors import ConfigError
from afcore.store.base import Recovered
from afnet.api.credentials import remove_secret, write_secret
from afnet.client.servers import Address
from afnet.server.accounts import Accounts
from afnet.server.auditing import Auditor
from afnet.server.passwords import Passwords
from afnet.server.peer import own_principal
from afnet.server.people import People
from afnet.server.runner import Answer, Runner

__all__ = ["Reception"]

_LONGEST_TIMER = 86400.0
"""Seconds that one timer waits for the end of a token: the clock may be set meanwhile."""

_log = logging.getLogger(__name__)


class Reception:
    """Who may come in, and the audit of what they do."""

    def __init__(
        self,
        recovered: Recovered,
        runner: Runner,
        config: Config,
        *,
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        end: Callable[[Callable[[str, str], bool], str], None],
    ) -> None:
        """``end`` hangs up on peers whose account and token pass a test, with a sentence."""
        self._runner = runner
        self._now = now
        self._loop = loop
        self.auditor = Auditor(recovered.audit_seq, recovered.audit_hash)
        """Makes the rows of the audit."""
        self.people = People(recovered.kept, now=now, own=own_principal(""))
        """Accounts and tokens."""
        self.people.on_ended = end
        self.people.on_given = self._arm
        self.accounts = Accounts(
            self.people, Passwords(), runner, self.auditor, now=now, sign_in_days=config["sign_in_days"]
        )
        """Their operations."""
        self._timer: asyncio.TimerHandle | None = None
        self._secrets: list[Path] = []

    def open(self, addresses: Sequence[Address]) -> None:
        """Let the programs of this very user be recognised, wherever the system does not tell whose they are."""
        by_port: dict[int, list[str]] = {}
        for address in addresses:
            by_port.setdefault(address.port, []).append(str(address))
        for port, shown in by_port.items():
            try:
                self._secrets.append(write_secret(os.environ, port, self.people.machine_secret, shown))
            except ConfigError as error:
                _log.warning("programs of this user are known by their sockets only: %s", error)
        self._arm()

    async def close(self) -> None:
        """Take the secret away and end what is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for path in self._secrets:
            remove_secret(path, self.people.machine_secret)
        await self.accounts.close()

    def noted(self, principal: Principal, action: str, what: str, answer: Answer, reply: object) -> None:
        """Answer what the server did itself when its row in the audit is durable."""
        self._runner.keep((), self.auditor.of_words(self._now(), principal, action, what), answer, reply)

    def _arm(self) -> None:
        """Let what is done with a token end when the token does."""
        if self._timer is not None:
            self._timer.cancel()
        end = self.people.next_end()
        delay = None if end is None else min(_LONGEST_TIMER, max(0.0, end - self._now()))
        self._timer = None if delay is None else self._loop.call_later(delay, self._expire)

    def _expire(self) -> None:
        self._runner.keep(self.people.expire(), None)
        self._arm()
