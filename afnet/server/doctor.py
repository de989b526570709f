"""``afserver doctor``: the posture of a farm's server in sentences, with an exit code for scripts.

Rules of this file:
- It never starts, stops or changes anything, and works with the server running or not.
- Exit codes: 0 nothing to do, 1 something is weak or wrong, 2 wrong usage.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from afcore.config import Config
from afcore.errors import AfError
from afnet.api.credentials import find_token, private_json, secret_path
from afnet.api.trust import context_of, is_here
from afnet.client.servers import Address, parse_address
from afnet.server.authority import has_authority
from afnet.server.clock import Clock
from afnet.server.ground import data_folder, listen_addresses
from afnet.server.listen import connections_allowed
from afnet.server.posture import (
    LEVELS,
    Finding,
    as_json,
    look_at_addresses,
    look_at_clock,
    look_at_disk,
    look_at_keys,
    look_at_settings,
    look_at_tasks,
    look_at_versions,
)
from afnet.server.postureagents import look_at_agents, look_at_nodes

__all__ = ["doctor_main", "examine"]

_PATIENCE = 5.0
_LATE = 60.0
"""Seconds that the statistics may be behind before that is worth a word."""
_MARKS = {"ok": "ok   ", "note": "note ", "weak": "WEAK ", "wrong": "WRONG"}


def examine(config: Config, *, version: str) -> list[Finding]:
    """Look at everything; the order is that of the report."""
    data = data_folder(config)
    many = has_authority(data)
    listen = listen_addresses(config)
    now = Clock().now()
    server, status = _ask(listen, data, many, version=version, now=now)
    running = status is not None
    if status is not None:
        listen = [parse_address(text) for text in status["addresses"]]
    return [
        *look_at_addresses(listen, running=running, authority=many, foreign=config["foreign_addresses"]),
        *look_at_keys(data, now=now),
        *_secrets(listen),
        *look_at_settings(config, connections=connections_allowed()),
        *look_at_tasks(config, list(_agents()), many=many),
        *server,
        *look_at_disk([("the server's data", data), *_database_places(config)]),
        *look_at_clock(data, now=now, many=many),
        *look_at_versions(version),
    ]


def _database_places(config: Config) -> Iterator[tuple[str, Path]]:
    """Return the folders of databases that are files elsewhere than in the data folder."""
    for name, what in (("database", "the farm's database"), ("statistics_database", "the statistics")):
        address = str(config[name]).removeprefix("sqlite:///")
        if address and "://" not in address and "=" not in address and not address.startswith("memory:"):
            yield what, Path(address).expanduser().absolute().parent


def _secrets(listen: Sequence[Address]) -> Iterator[Finding]:
    """Return how the secret of the running server lies there."""
    for port in sorted({address.port for address in listen}):
        path = secret_path(os.environ, port)
        try:
            if private_json(path):
                yield Finding("ok", "keys", f"the secret of this user's own programs: {path} is his alone")
        except AfError as error:
            yield Finding("wrong", "keys", error.sentence, "restart the server: it writes another")


def _agents() -> Iterator[tuple[str, int, str]]:
    """Return the agents that run on this machine."""
    import psutil

    for process in psutil.process_iter(["cmdline", "username"]):
        words = process.info["cmdline"] or []
        called = [Path(word).name for word in words[:4]]
        if not ("afrender" in called or "afrender.main" in called):
            continue
        name = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--name"), "afrender")
        yield name, process.pid, process.info["username"] or ""


# The running server


def _ask(
    listen: Sequence[Address], data: Path, many: bool, *, version: str, now: float
) -> tuple[list[Finding], dict[str, Any] | None]:
    """Ask the server that runs on this data; return what it says of itself, and its status if it answers."""
    from afnet.client.blocking import BlockingClient

    address = _reachable(listen)
    tls = context_of(str(data / "authority" / "authority.pem")) if many and not is_here(address.host) else None
    try:
        with BlockingClient(
            [address], program="afserver doctor", timeout=_PATIENCE, tls=tls, credential=find_token,
        ) as client:  # fmt: skip
            status = client.request("server.status")
            if status["data"] != str(data):
                other = f"what answers at {address} is another farm's server; its data is in {status['data']}"
                return [Finding("note", "server", other, "name its folder with --data to look at that one")], None
            found = list(_of_status(status))
            found += _of_people(client.request("account.list")["rows"], many)
            found += look_at_agents(client.request("render.list")["rows"], version=version)
            found += look_at_nodes(client.request("node.list")["rows"], now=now)
            found += _of_statistics(client.request("statistics.lag"))
            return found, status
    except AfError as error:
        what = f"the server was not asked at {address}: {error.sentence}"
        return [Finding("note", "server", what, "give --listen as the server is started with, if it runs")], None


def _reachable(listen: Sequence[Address]) -> Address:
    """Return where to call a server: loopback, where this user is known, if it listens there."""
    for address in listen:
        if is_here(address.host) or address.host in ("0.0.0.0", "::"):
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
            return Address(host, address.port)
    return listen[0]


def _of_status(status: dict[str, Any]) -> Iterator[Finding]:
    yield Finding(
        "ok", "server", f"{status['server']} runs as process {status['process']} for {status['up_seconds']:.0f} s, "
        f"with {status['renders_connected']} of {status['renders']} renders connected",
    )  # fmt: skip
    if status["trouble"]:
        yield Finding("wrong", "server", status["trouble"], "`afcmd server resume` lets a paused farm go on")


def _of_statistics(lag: dict[str, Any]) -> Iterator[Finding]:
    said = f"the statistics are {lag['rows']} rows and {lag['seconds']:.0f} s behind ({lag['place']})"
    if lag["trouble"]:
        yield Finding("weak", "statistics", f"{said}: {lag['trouble']}", lag["hint"])
    elif lag["seconds"] > _LATE:
        yield Finding("weak", "statistics", said, "`afcmd statistics check` looks at their database")
    else:
        yield Finding("ok", "statistics", said)


def _of_people(accounts: list[dict[str, Any]], many: bool) -> Iterator[Finding]:
    gods = [str(row["name"]) for row in accounts if str(row["role"]).lower() == "god"]
    if many and not gods:
        yield Finding("weak", "server", "no account is an administrator", "`afcmd account add NAME --role god`")
    elif accounts:
        yield Finding("ok", "server", f"accounts: {len(accounts)}; administrators: {', '.join(gods) or 'none'}")


# The report


def doctor_main(config: Config | AfError, *, version: str, as_text: bool) -> int:
    """Examine and print; return the exit code. ``config`` is what was wrong with the settings when they can not be."""
    if isinstance(config, AfError):
        findings = [Finding("wrong", "settings", config.sentence, config.hint)]
    else:
        try:
            findings = examine(config, version=version)
        except AfError as error:
            findings = [Finding("wrong", "settings", error.sentence, error.hint)]
    worst = max((LEVELS.index(one.level) for one in findings), default=0)
    bad = worst >= LEVELS.index("weak")
    if as_text:
        sys.stdout.write("".join(_lines(findings)))
    else:
        said = {"verdict": LEVELS[worst], "version": version, "findings": as_json(findings)}
        sys.stdout.write(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    return 1 if bad else 0


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    about = ""
    for one in findings:
        if one.about != about:
            about = one.about
            yield f"{about}\n"
        yield f"  {_MARKS[one.level]}  {one.sentence}\n"
        if one.hint and one.level != "ok":
            yield f"         {one.hint}\n"
    counts = {level: sum(one.level == level for one in findings) for level in ("wrong", "weak")}
    if any(counts.values()):
        yield f"\n{counts['wrong']} wrong, {counts['weak']} weak: what to do stands below each.\n"
    else:
        yield "\nNothing to do.\n"
