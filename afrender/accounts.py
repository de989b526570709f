"""As which user of this system a task is started: the table ``run_as`` of the agent's own configuration.

Rules of this file:
- Whoever is not in the table gets nothing started here; ``*`` stands for all others. Nobody sends this table.
- No entry leads to root or to the agent's own user: what keeps the agent's key from tasks is that they are others.
- A task of another user sees nothing of the agent's surroundings: home and session variables are that user's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from afcore.errors import ConfigError
from afcore.systemcommand import SYSTEM_JOB, SystemBlock
from afnet.wire.messages import RunSpec
from afrender.process.spawn import CannotStart

__all__ = ["Account", "Accounts", "surroundings_of"]

ALL_OTHERS = "*"

_PERSONAL = frozenset(
    "HOME USER LOGNAME USERNAME SHELL MAIL PWD OLDPWD TMPDIR XAUTHORITY DBUS_SESSION_BUS_ADDRESS AF_TOKEN "
    "AF_AUTHORITY".split()
)
_SESSIONS = ("XDG_", "SSH_", "SUDO_", "GPG_", "SYSTEMD_", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM")


class Account(NamedTuple):
    """A user of this system."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of its groups."""
    home: str
    shell: str


class Accounts:
    """The table ``run_as``; empty (and false) when tasks run as the agent's own user."""

    def __init__(self, pairs: Iterable[tuple[str, str]], *, source: str = "") -> None:
        """Raises ConfigError for a user that this system does not have or that may not be, and where no user can be
        changed at all."""
        given = dict(pairs)
        self._table: dict[str, Account] = {}
        if not given:
            return
        if sys.platform == "win32":
            what = "tasks can not be started as other users on Windows"
            raise ConfigError(source, "run_as", what, hint="run the agent as a user of its own, without run_as")
        if os.geteuid() != 0:
            raise ConfigError(
                source, "run_as", "only an agent that runs as root can start tasks as other users",
                hint="start afrender as root (`afrender service install` as root), or take run_as out",
            )  # fmt: skip
        self._table = {farm_user: _account(name, source) for farm_user, name in given.items()}

    def __bool__(self) -> bool:
        return bool(self._table)

    def of(self, run: RunSpec) -> Account | CannotStart | None:
        """Return as whom a run is started; None for the agent's own user, a refusal for who is not in the table.

        Commands of the system job are run for the owner of the job they come from; only waking other machines is the
        farm's own, whose words nobody writes.
        """
        if not self._table or (run.job == SYSTEM_JOB and run.block == SystemBlock.WAKE_ON_LAN):
            return None
        found = self._table.get(run.user_name) or self._table.get(ALL_OTHERS)
        if found is None:
            return CannotStart(
                f'This machine starts nothing for the user "{run.user_name}": its run_as does not name him',
                "add the user, or * for all others, to run_as in this machine's configuration",
            )
        return found


def _account(name: str, source: str) -> Account:
    import pwd  # late: Windows has no such thing

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        what = f'this system has no user "{name}"'
        raise ConfigError(source, "run_as", what, hint=f"make it (useradd {name}), or name another") from None
    if entry.pw_uid in (0, os.geteuid()):
        what = f'"{name}" is root: its tasks could read the key of this agent and everything else'
        raise ConfigError(source, "run_as", what, hint="name an ordinary user")
    groups = tuple(group for group in os.getgrouplist(name, entry.pw_gid) if group != 0)
    return Account(name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, entry.pw_shell)


def surroundings_of(account: Account, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a task of another user: the agent's without what is personal, and that user's own."""
    kept = {
        name: value for name, value in environment.items() if name not in _PERSONAL and not name.startswith(_SESSIONS)
    }
    return {
        **kept, "HOME": account.home, "USER": account.name, "LOGNAME": account.name,
        "SHELL": account.shell or "/bin/sh",
    }  # fmt: skip
