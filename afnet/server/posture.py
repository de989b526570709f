"""What ``afserver doctor`` looks at: each look returns findings, sentences about one thing with what to do about it.

Rules of this file:
- Looking changes nothing: no file is written, no lock is taken, no certificate is made.
- A finding says what was seen, also when it is good; only what a person should change counts as weak or wrong.
- What can not be found out is said, never guessed.
"""

import ctypes
import datetime
import os
import platform
import shutil
import sqlite3
import ssl
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from afcore.config import Config
from afnet.client.servers import Address

__all__ = [
    "Finding", "LEVELS", "as_json", "look_at_addresses", "look_at_clock", "look_at_disk", "look_at_keys",
    "look_at_settings", "look_at_tasks", "look_at_versions",
]  # fmt: skip

LEVELS = ("ok", "note", "weak", "wrong")
"""From good to bad; from ``weak`` on a person should do something."""

_LITTLE_DISK = 5 << 30
_NO_DISK = 256 << 20
_FEW_CONNECTIONS = 1024
_LEAD = 120.0
"""Seconds that a file may seem to be from the future before the clock is doubted."""
_EXPIRES_SOON = datetime.timedelta(days=365)
_PARTS = ("msgspec", "aiohttp", "SQLAlchemy", "cryptography", "argon2-cffi", "psutil", "zeroconf")


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str
    """One of ``LEVELS``."""
    about: str
    """The part of the posture: addresses, keys, settings, tasks, disk, clock, versions, server, statistics."""
    sentence: str
    hint: str = ""


def look_at_versions(own: str) -> Iterator[Finding]:
    """Return what is installed; ``own`` is the server's version."""
    parts = []
    for name in _PARTS:
        try:
            parts.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            parts.append(f"no {name}")
    system = f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, SQLite {sqlite3.sqlite_version}"
    yield Finding("ok", "versions", f"afserver {own} with {system}, {', '.join(parts)}; {platform.platform()}")
    if not ssl.HAS_TLSv1_3:
        yield Finding(
            "wrong", "versions", f"{ssl.OPENSSL_VERSION} speaks no TLS 1.3, so no other machine is served",
            "use a Python with OpenSSL 1.1.1 or newer",
        )  # fmt: skip


def look_at_addresses(
    listen: Sequence[Address], *, running: bool, authority: bool, foreign: Sequence[str] = ()
) -> Iterator[Finding]:
    """Return who can reach the server; ``running`` when it listens there now, ``foreign`` as in the settings."""
    verb = "listens" if running else "would listen"
    for address in listen:
        host = address.host.partition("%")[0]
        try:
            at = ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            yield Finding("note", "addresses", f"it {verb} at {address}, a name; who reaches it depends on that name")
            continue
        if at.is_loopback and host in foreign:
            yield Finding("ok", "addresses", f"it {verb} at {address}, where callers count as from another machine")
            continue
        if at.is_loopback:
            yield Finding("ok", "addresses", f"it {verb} at {address}: programs of this machine only")
            continue
        who = "every network of this machine" if at.is_unspecified else "its network"
        if not authority:
            yield Finding(
                "wrong", "addresses", f"it is to listen at {address} ({who}), which it refuses without an authority",
                "run `afserver init` once, or take the address out of the setting listen",
            )  # fmt: skip
        else:
            yield Finding("ok", "addresses", f"it {verb} at {address} ({who}) and speaks TLS 1.3 there")
        if at.is_global and not at.is_unspecified:
            yield Finding(
                "weak", "addresses", f"{address} is an address of the internet", "let a firewall guard it, or listen "
                "at an address of the studio's own network",
            )  # fmt: skip


# Keys and files


def look_at_keys(data: Path, *, now: float) -> Iterator[Finding]:
    """Return whose hands keys and data are in."""
    yield from _folder("the server's data", data)
    authority = data / "authority"
    if not (authority / "authority.pem").exists():
        yield Finding(
            "note", "keys", "this farm has no certificate authority: one machine only",
            "`afserver init` makes it a farm of many machines",
        )  # fmt: skip
        return
    yield from _folder("the certificate authority", authority)
    for name in ("authority.key", "server.pem"):
        path = authority / name
        if path.exists():
            yield _file(path, 0o077, "others may read this key", "chmod 600, and make a new authority if they may have")
        elif name == "authority.key":
            yield Finding(
                "wrong", "keys", f"{path} is missing: no node can be paired",
                "put the folder back from a copy; without it every node has to be paired anew",
            )  # fmt: skip
    yield from _lasts(authority, now)


def _lasts(authority: Path, now: float) -> Iterator[Finding]:
    """Return how long the certificates count."""
    from cryptography import x509

    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    for name, what in (("authority.pem", "the authority"), ("server.pem", "the server's certificate")):
        path = authority / name
        if not path.exists():
            continue
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError) as error:
            yield Finding("wrong", "keys", f"{path} is no certificate: {error}", "put it back from a copy")
            continue
        left = found.not_valid_after_utc - moment
        until = found.not_valid_after_utc.date().isoformat()
        if left < datetime.timedelta(0):
            hint = "check the clock; an authority that has ended is made anew, and every node paired again"
            yield Finding("wrong", "keys", f"{what} counted until {until}", hint)
        elif left < _EXPIRES_SOON and name == "authority.pem":
            yield Finding("weak", "keys", f"{what} counts until {until} only", "plan to make the farm anew before")
        else:
            yield Finding("ok", "keys", f"{what} counts until {until}")


def _folder(what: str, path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("note", "keys", f"{what}: {path} is not there yet")
        return
    yield _file(path, 0o077, f"others may enter the folder of {what}", "chmod 700", plain=f"{what}: {path}")


def _file(path: Path, forbidden: int, complaint: str, hint: str, *, plain: str = "") -> Finding:
    """Return whether only its owner has a file, and whether that is who asks."""
    try:
        state = path.stat()
    except OSError as error:
        what = f"{path} can not be looked at: {error.strerror}"
        return Finding("wrong", "keys", what, "run this as the server's user")
    mode = stat.S_IMODE(state.st_mode)
    shown = f"{plain or path} has mode {mode:04o}"
    if os.name != "posix":
        return Finding("note", "keys", f"{plain or path} is there; who may read it is not looked at on this system")
    if mode & forbidden:
        words, _, rest = hint.partition(",")
        return Finding("wrong", "keys", f"{complaint}: {path} has mode {mode:04o}", f"{words} {path}" + _after(rest))
    if state.st_uid != os.geteuid():
        return Finding(
            "weak", "keys", f"{shown} and belongs to the user number {state.st_uid}, not to who asks",
            "run this as the server's user",
        )  # fmt: skip
    return Finding("ok", "keys", shown)


def _after(rest: str) -> str:
    return f",{rest}" if rest else ""


# Settings


def look_at_settings(config: Config, *, connections: int) -> Iterator[Finding]:
    """Return settings that make the farm weaker; ``connections`` are those that the open files allow (0: unknown)."""
    found = [
        *_networks(config), *_passwords(config), *_databases(config),
    ]  # fmt: skip
    if config["user_jobs_max"] == 0 or config["user_tasks_max"] == 0:
        found.append(
            Finding("weak", "settings", "one user may fill the farm's memory: user_jobs_max or user_tasks_max is 0",
                    "take the zero out: the defaults leave much room")
        )  # fmt: skip
    pages = config["af_http_serve_dir"]
    if pages and os.name == "posix" and _mode(Path(pages)) & 0o022:
        found.append(Finding("weak", "settings", f"others may write pages of the farm: {pages}", f"chmod go-w {pages}"))
    if 0 < connections < _FEW_CONNECTIONS:
        found.append(
            Finding("weak", "settings", f"the limit of open files leaves {connections} connections",
                    "raise the hard limit (ulimit -Hn, LimitNOFILE=) to 65536")
        )  # fmt: skip
    elif connections:
        found.append(Finding("ok", "settings", f"the limit of open files leaves {connections} connections"))
    if not any(one.level in ("weak", "wrong") for one in found):
        found.append(Finding("ok", "settings", "no setting makes this farm weaker than its defaults"))
    return iter(found)


def _networks(config: Config) -> Iterator[Finding]:
    for text in config["classic_networks"]:
        words = text.split()
        role = words[1].lower() if len(words) > 1 else "user"
        try:
            network = ip_network(words[0])
        except (ValueError, IndexError):
            yield Finding("wrong", "settings", f'"{text}" in classic_networks is no network', "write 10.1.0.0/16 user")
            continue
        said = f"whoever sends from {network} is believed any name, as {role.upper()}, unencrypted (classic_networks)"
        if role != "user" or network.prefixlen == 0:
            hint = "list the smallest network, as USER; people with more rights sign in"
            yield Finding("weak", "settings", said, hint)
        else:
            yield Finding("note", "settings", said, "take it out when the last classic client is gone")


def _passwords(config: Config) -> Iterator[Finding]:
    """Return files in which others can read a password."""
    for name in ("email_smtp_password", "database", "statistics_database", "af_db_conninfo"):
        value, source = str(config[name]), config.source(name)
        secret = name.endswith("_password") or "password" in value or ("://" in value and "@" in value)
        path = Path(source)
        if value and secret and os.name == "posix" and path.is_file() and _mode(path) & 0o044:
            yield Finding("weak", "settings", f"others may read the password of {name} in {path}", f"chmod 600 {path}")


def _databases(config: Config) -> Iterator[Finding]:
    for name in ("database", "statistics_database", "af_db_conninfo"):
        value = str(config[name])
        host = _host_of(value)
        if host and host not in ("localhost", "127.0.0.1", "::1") and not host.startswith("/"):
            if not any(word in value for word in ("sslmode=require", "sslmode=verify", "ssl_ca=", "ssl=")):
                yield Finding(
                    "weak", "settings", f"{name} is on another machine ({host}), and nothing demands encryption",
                    "add sslmode=verify-full (PostgreSQL) or ssl_ca=FILE (MariaDB) to its address",
                )  # fmt: skip


def _host_of(address: str) -> str:
    if "://" in address:
        rest = address.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return rest.partition("]")[0].lstrip("[") if rest.startswith("[") else rest.partition(":")[0]
    for word in address.split():
        if word.startswith("host="):
            return word.removeprefix("host=").strip("'")
    return ""


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


# Tasks beside the server


def look_at_tasks(config: Config, agents: Sequence[tuple[str, int, str]], *, many: bool) -> Iterator[Finding]:
    """Return whose files tasks on this machine can read; an agent is taken to read the same settings.

    ``agents``: name, process and user of every agent that runs here; ``many`` when the farm has an authority.
    """
    level = "weak" if many else "note"
    me = _user_name()
    apart = bool(config["run_as"])
    for name, process, user in agents:
        if apart and user == "root":
            yield Finding("ok", "tasks", f"the agent {name} (process {process}) starts tasks as the users of run_as")
        elif user == me:
            yield Finding(
                level, "tasks", f"tasks of the agent {name} (process {process}) run as {user}, the server's own user: "
                "they can read its keys and database",
                "let the agent run as a user of its own, or give it run_as (docs/security.md)",
            )  # fmt: skip
        else:
            yield Finding(
                level, "tasks", f"the agent {name} (process {process}) and its tasks share the user {user}: they can "
                "read its certificate, which is worth reporting on its own tasks",
                "run_as in its configuration gives tasks users of their own (docs/security.md)",
            )  # fmt: skip
    if not agents:
        yield Finding("ok", "tasks", "no agent runs on this machine; each agent says itself when tasks share its user")


def _user_name() -> str:
    import psutil

    try:
        return str(psutil.Process().username())
    except psutil.Error:
        return str(os.environ.get("USER", ""))


# Disk and clock


def look_at_disk(places: Sequence[tuple[str, Path]]) -> Iterator[Finding]:
    """Return how much room the farm's places have left."""
    seen: set[int] = set()
    for what, path in places:
        nearest = next((one for one in (path, *path.parents) if one.exists()), None)
        if nearest is None:
            continue
        device = nearest.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(nearest).free
        said = f"{what}: {free / (1 << 30):.1f} GiB are free at {nearest}"
        if free < _NO_DISK:
            yield Finding("wrong", "disk", said, "free some now: a full disk stops the farm")
        elif free < _LITTLE_DISK:
            yield Finding("weak", "disk", said, "free some, or lower files_budget and journal_keep_bytes")
        else:
            yield Finding("ok", "disk", said)


def look_at_clock(data: Path, *, now: float, many: bool) -> Iterator[Finding]:
    """Return whether the clock can be believed; tokens, codes and certificates end by it."""
    newest = max(_times(data), default=0.0)
    said = f"the clock says {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC"
    if newest > now + _LEAD:
        yield Finding(
            "wrong", "clock", f"{said}, but files of the farm were written {newest - now:.0f} seconds after that",
            "set the clock; until then expired tokens and codes count again",
        )  # fmt: skip
        return
    kept = _is_kept_right()
    if kept is None:
        yield Finding("ok", "clock", f"{said}; whether a time server keeps it right is not told on this system")
    elif kept:
        yield Finding("ok", "clock", f"{said}, and is kept right by a time server")
    else:
        level = "weak" if many else "note"
        yield Finding(level, "clock", f"{said}, and nothing keeps it right", "let chrony or systemd-timesyncd run")


def _times(data: Path) -> Iterator[float]:
    for path in data.glob("*"):
        try:
            yield path.stat().st_mtime
        except OSError:
            continue


_UNSYNCHRONISED = 5
"""What ``ntp_adjtime`` answers while nobody has set the clock right (``TIME_ERROR`` of the C library)."""


def _is_kept_right() -> bool | None:
    """Ask the kernel whether a time server keeps the clock right; None when that can not be asked."""
    if sys.platform != "linux":
        return None
    try:
        answer: int = ctypes.CDLL(None, use_errno=True).ntp_adjtime(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != _UNSYNCHRONISED


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as builtins."""
    return [one._asdict() for one in findings]
