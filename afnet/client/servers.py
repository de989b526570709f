"""Find the farm's servers: ``--server``, else ``AF_SERVER``, else the configuration, else this machine.

Rules of this file:
- A list is ``HOST:PORT[,HOST:PORT...]``; the port may be left out; IPv6 addresses stand in brackets.
- Nothing is looked up or connected here; what is read from the environment is an argument.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from afcore.errors import ConfigError

__all__ = ["DEFAULT_PORT", "Address", "find_servers", "parse_address", "parse_servers"]

DEFAULT_PORT = 51000
"""The farm's port when nobody says another."""


class Address(NamedTuple):
    """Where a server listens; prints as a person would write it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, source: str = "", key: str = "--server", any_port: bool = False) -> Address:
    """Return one address; ConfigError names ``source`` and ``key`` and says how to write it.

    ``any_port`` allows port 0 (a listener's free port).
    """
    hint = "write HOST:PORT, for IPv6 [ADDRESS]:PORT, for example farm01:51000 or [::1]:51000"
    word = text.strip()
    port_text = ""
    if word.startswith("["):
        host, bracket, rest = word[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(source, key, f'"{text}" has an opening bracket without its end', hint=hint)
        if ":" not in host:
            raise ConfigError(source, key, f'"{text}": only IPv6 addresses stand in brackets', hint=hint)
        port_text = rest[1:]
        missing = rest == ":"
    else:
        if word.count(":") > 1:
            raise ConfigError(source, key, f'"{text}" looks like an IPv6 address without brackets', hint=hint)
        host, colon, port_text = word.partition(":")
        missing = bool(colon) and not port_text
    if not host or any(c.isspace() or c in "/\\@?#," for c in host):
        raise ConfigError(source, key, f'"{text}" does not name a host', hint=hint)
    if missing or (port_text and not (port_text.isascii() and port_text.isdigit())):
        raise ConfigError(source, key, f'the port of "{text}" is no whole number', hint=hint)
    port = int(port_text) if port_text else DEFAULT_PORT
    if not (0 if any_port else 1) <= port <= 65535:
        raise ConfigError(source, key, f'the port of "{text}" is not between 1 and 65535', hint=hint)
    return Address(host, port)


def parse_servers(text: str, *, source: str = "", key: str = "--server") -> list[Address]:
    """Return every address of a list, each once, in order; ConfigError for a bad or an empty one."""
    found: list[Address] = []
    for part in text.split(","):
        if part.strip():
            address = parse_address(part, source=source, key=key)
            if address not in found:
                found.append(address)
    if not found:
        raise ConfigError(source, key, "names no server", hint="write HOST:PORT, for example 127.0.0.1:51000")
    return found


def find_servers(
    option: str | None,
    environ: Mapping[str, str],
    configured: Sequence[str] = (),
    *,
    configured_source: str = "configuration",
) -> list[Address]:
    """Return the servers to try, in order: of the command line, else of ``AF_SERVER``, else ``configured``, else here.

    ``option`` is what ``--server`` was given (None for not given); ``configured`` is the configuration's ``servers``.
    """
    if option is not None:
        return parse_servers(option, source="command line", key="--server")
    if environ.get("AF_SERVER", "").strip():
        return parse_servers(environ["AF_SERVER"], source="environment", key="AF_SERVER")
    if configured:
        return parse_servers(",".join(configured), source=configured_source, key="servers")
    return [Address("127.0.0.1", DEFAULT_PORT)]
