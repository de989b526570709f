"""What a farm file says of hosts, as the farm keeps it: patterns in their order, and limits of services.

A host takes something from every pattern whose mask matches its whole name.  What the patterns of one chain say
together is a branch of pools: each pattern of the chain is a pool below the one before it, so that what a later pattern
sets stands nearer to the host, and what it leaves out is asked of the earlier ones.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # the reader of XML is loaded by who reads a farm file, not by every program of the farm
    from afcore.farmfile import Farm as FarmFile
    from afcore.farmfile import FarmPattern

__all__ = [
    "SERVICE_TICKET",
    "SETTINGS",
    "UNLIMITED",
    "UNMATCHED",
    "Description",
    "HostPattern",
    "chain_of",
    "chain_path",
    "described",
    "names_of",
    "parameters_of",
    "resolved",
    "usual_chains",
]

SERVICE_TICKET = "service:"
"""Begins the name of a ticket that every task of the service holds without asking for it."""

UNMATCHED = "/unmatched"
"""Pool of hosts that no pattern takes."""

UNLIMITED = 1_000_000
"""Host tickets that lift the limit of an earlier pattern: more than a host can run."""

_EVERY = frozenset({".*", ".+"})
"""Masks that take every host."""


class HostPattern(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pattern: what it sets on pools (by parameter), what services it adds with their limits, and takes away."""

    name: str
    mask: str
    parameters: dict[str, Any] = {}
    services: dict[str, int] = {}
    """Most tasks of each on one host at once; 0 is no limit."""
    remove: list[str] = []
    clear: bool = False
    resources: str = ""
    """Means nothing, kept for the file."""


class Description(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole farm file; ``limits`` are [most tasks, most hosts] of a service on the farm, -1 without limit."""

    patterns: list[HostPattern] = []
    limits: dict[str, list[int]] = {}
    mark: str = ""
    """What its text was, in short: the same file is not loaded twice at a start."""


SETTINGS = {
    "description": "annotation",
    "os": "os_host",
    "capacity": "capacity_host",
    "maxtasks": "max_tasks_host",
    "power": "power_host",
    "properties": "properties_host",
    "wolidlesleeptime": "idle_wolsleep_time",
    "data": "custom_data",
}
"""Element of a pattern to parameter of a pool."""


def described(file: "FarmFile", mark: str = "") -> Description:
    """Return what a parsed farm file says; patterns of one name are told apart by a number."""
    patterns: list[HostPattern] = []
    for each in file.patterns:
        name, number = each.name, 1
        while any(pattern.name == name for pattern in patterns):
            number += 1
            name = f"{each.name} {number}"
        patterns.append(_pattern(each, name))
    return Description(
        patterns,
        {each.name: [each.maxcount, each.maxhosts] for each in file.limits},
        mark,
    )


def _pattern(pattern: "FarmPattern", name: str) -> HostPattern:
    parameters = {
        parameter: value
        for element, parameter in SETTINGS.items()
        if (value := getattr(pattern, element)) not in (None, "")
    }
    return HostPattern(
        name,
        pattern.mask,
        parameters,
        {each.name: each.most for each in pattern.services},
        list(pattern.remservices),
        pattern.clearservices,
        pattern.resources,
    )


def chain_of(patterns: Iterable[HostPattern], host: str) -> list[HostPattern]:
    """Return the patterns that take a host, in their order."""
    return [each for each in patterns if re.fullmatch(each.mask, host)]


def names_of(patterns: Sequence[HostPattern]) -> dict[str, str]:
    """Return the name of each pattern's pool by the pattern's name, in the characters that a path may have.

    Names that differ only in other characters are told apart by a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for pattern in patterns:
        plain = "".join("_" if each < "0" or each > "z" else each for each in pattern.name)
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        names[pattern.name] = name
    return names


def chain_path(chain: Iterable[HostPattern], names: dict[str, str]) -> str:
    """Return the path of the pool for hosts that a chain of patterns takes; ``UNMATCHED`` for an empty chain."""
    parts = [names[each.name] for each in chain]
    return "/" + "/".join(parts) if parts else UNMATCHED


def usual_chains(patterns: Sequence[HostPattern]) -> list[list[HostPattern]]:
    """Return chains that make a pool of every pattern before any host has come.

    They are each pattern behind the ones before it that take every host.
    """
    return [[*(p for p in patterns[:place] if p.mask in _EVERY), each] for place, each in enumerate(patterns)]


def parameters_of(chain: Sequence[HostPattern]) -> dict[str, Any]:
    """Return every parameter of the pool at the end of a chain that the file decides about."""
    if not chain:
        return {"services": ["unmatched"], "annotation": "No pattern of the farm file takes these hosts."}
    own, before = chain[-1], chain[:-1]
    listed = {name for each in before for name in each.services}
    away = [*own.remove, *(sorted(listed) if own.clear else ())]
    limited = {name for each in before for name, most in each.services.items() if most}
    tickets = {
        SERVICE_TICKET + name: most or UNLIMITED
        for name, most in own.services.items()
        if most or name in limited
    }  # fmt: skip
    return {
        "annotation": "",
        "os_host": "",
        "capacity_host": -1,
        "max_tasks_host": -1,
        "power_host": -1,
        "properties_host": "",
        "idle_wolsleep_time": -1,
        "custom_data": "",
        **own.parameters,
        "services": list(own.services),
        "services_disabled": list(dict.fromkeys(name for name in away if name not in own.services)),
        "tickets_host": tickets,
    }


def resolved(chain: Sequence[HostPattern]) -> tuple[dict[str, Any], dict[str, int]]:
    """Return what a chain comes to: parameters, a later pattern's over an earlier one's, and services with limits."""
    parameters: dict[str, Any] = {}
    services: dict[str, int] = {}
    for each in chain:
        parameters.update(each.parameters)
        gone = set(services) if each.clear else set(each.remove)
        services = {name: most for name, most in services.items() if name not in gone} | each.services
    return parameters, services
