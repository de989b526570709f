"""Looks for machines in a range of addresses that a person typed: which answer, what they are called, their MAC.

Rules of this file:
- Bounded: addresses of private networks only, at most 1,024, some seconds; one datagram to each, at a port where nobody
  listens.  Nothing is installed, nothing is asked of a machine but whether it is there.
- No Qt.  ``look`` blocks: it is for a thread of its own, and ends soon after ``over`` is set.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from afcore.errors import BadSpec, Problem
from afwatch.texts import tr

__all__ = ["MOST", "Machine", "look", "neighbours_of", "parse_range", "pattern_with"]

MOST = 1024
"""Addresses of one look."""
_PORT = 9
"""Discard: the datagram is thrown away, or refused, and either way the machine has answered for its address."""
_WAIT_S = 1.5
_NAMES_S = 6.0
_NEIGHBOUR = re.compile(r"\(?(\d{1,3}(?:\.\d{1,3}){3})\)?\b.*?\b((?:[0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2})\b")


@dataclass(frozen=True, slots=True)
class Machine:
    """One that answered."""

    address: str
    mac: str = ""
    """Empty for one in another network, and for this one."""
    name: str = ""
    """Its short name; empty when nobody knows."""


def parse_range(text: str) -> list[str]:
    """Return the addresses of ``10.0.0.0/24``, ``10.0.0.5-10.0.0.40``, ``10.0.0.5-40`` or one address.

    Raises BadSpec for anything else, for addresses that are not of a private network, and for more than ``MOST``.
    """
    wanted = text.replace(" ", "")
    try:
        if "/" in wanted:
            network = ipaddress.IPv4Network(wanted, strict=False)
            first, last = int(network.network_address), int(network.broadcast_address)
            if network.prefixlen < 31:
                first, last = first + 1, last - 1
        else:
            begin, _, end = wanted.partition("-")
            start = ipaddress.IPv4Address(begin)
            first = int(start)
            last = int(
                ipaddress.IPv4Address(end if "." in end else begin.rpartition(".")[0] + "." + end)) if end else first
    except ValueError:
        raise _bad(tr("is no range of addresses"), tr("write 10.0.0.0/24 or 10.0.0.5-40")) from None
    if last < first:
        raise _bad(tr("ends before it begins"), tr("write the smaller address first"))
    if last - first + 1 > MOST:
        raise _bad(tr("has {0} addresses", last - first + 1), tr("at most {0} at once", MOST))
    found = [ipaddress.IPv4Address(number) for number in range(first, last + 1)]
    if not all(address.is_private for address in (found[0], found[-1])):
        raise _bad(tr("is not a private network"), tr("only machines of your own network are looked for"))
    return [str(address) for address in found]


def _bad(what: str, hint: str) -> BadSpec:
    return BadSpec([Problem("range", what, hint)])


def neighbours_of(text: str) -> dict[str, str]:
    """Return MAC by address from what the system tells of its neighbours (``/proc/net/arp``, ``arp -a``)."""
    found = {}
    for line in text.splitlines():
        match = _NEIGHBOUR.search(line)
        if match:
            mac = ":".join(part.zfill(2) for part in re.split("[:-]", match[2].lower()))
            if mac not in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
                found[match[1]] = mac
    return found


def pattern_with(pattern: str, names: list[str]) -> str:
    """Return a pool's pattern that takes these names, too; names that it takes already are left out."""
    wanted = [re.escape(name) for name in names if not (pattern and re.fullmatch(pattern, name, re.IGNORECASE))]
    return "|".join([*([pattern] if pattern else []), *wanted])


def _neighbours() -> dict[str, str]:
    table = Path("/proc/net/arp")
    if table.exists():
        return neighbours_of(table.read_text("ascii", "replace"))
    words = ["arp", "-a"] if sys.platform == "win32" else ["arp", "-an"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return neighbours_of(told.stdout)


def _knock(addresses: Iterable[str], over: threading.Event) -> set[str]:
    """Send one datagram to each address; return those that refused it, which are there."""
    there, knocking = set(), {}
    for address in addresses:
        knock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        knocking[address] = knock
        knock.setblocking(False)
        try:
            knock.connect((address, _PORT))
            knock.send(b"")
        except OSError:
            continue
        if over.is_set():
            break
    over.wait(_WAIT_S)
    for address, knock in knocking.items():
        try:
            knock.send(b"")
            knock.recv(1)
        except ConnectionRefusedError:
            there.add(address)
        except OSError:
            pass
        knock.close()
    return there


def _name_of(address: str) -> str:
    try:
        return socket.gethostbyaddr(address)[0].partition(".")[0]
    except OSError:
        return ""


def look(addresses: list[str], found: Callable[[Machine], None], over: threading.Event) -> None:
    """Tell ``found`` of every machine that answers, by its address, until all were looked at or ``over`` is set."""
    there = _knock(addresses, over)
    macs = _neighbours()
    answering = [address for address in addresses if address in there or address in macs]
    pool = ThreadPoolExecutor(16, thread_name_prefix="afwatch-names")
    asked = {address: pool.submit(_name_of, address) for address in answering}
    for address in answering:
        if over.is_set():
            break
        try:
            name = asked[address].result(_NAMES_S)
        except TimeoutError:
            name = ""
        found(Machine(address, macs.get(address, ""), name))
    pool.shutdown(wait=True, cancel_futures=True)
