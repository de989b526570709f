"""Where an agent's farm is when nobody named a server: where it was paired, or on the networks of this machine.

Rules of this file:
- A farm that was found is never joined in silence: its fingerprint is in the pairing code or already pinned, or a
  person who sees it says so.
- An agent at which nobody sits is told what to do, and goes on looking for a server on its own machine.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from afcore.config import Config
from afcore.errors import ConnectionLost
from afnet.api.trust import shown_fingerprint
from afnet.client.nearby import Nearby, look_nearby
from afnet.client.servers import Address, parse_address
from afrender.pairing import Credential, is_of

__all__ = ["ask_person", "find_farm"]

log = logging.getLogger(__name__)

Ask = Callable[[Sequence[Nearby]], Nearby | None]


def find_farm(
    config: Config, credential: Credential, code: str, *, default: Sequence[Address], ask: Ask | None = None
) -> Sequence[Address]:
    """Return the servers of an agent for whom nobody named one.

    ``code`` is a pairing code, empty for none. ``ask`` lets a person choose (None: nobody sits here).
    Raises ConnectionLost when a code was given and its farm is not found.
    """
    if credential.exists and not code:
        if credential.server:
            return [parse_address(credential.server, source=str(credential.folder / "server"))]
        known = credential.authority
        found = [each for each in _look(config, known.__eq__) if each.fingerprint == known]
        return [each.address for each in found] or default
    if code:
        is_of(code, "")  # a word that is no code is told before anybody is looked for
        found = [each for each in _look(config, partial(is_of, code)) if is_of(code, each.fingerprint)]
        if not found:
            raise ConnectionLost(
                "The farm that made this pairing code was not found on the networks of this machine.",
                hint="Name its server: afrender --server HOST --pair CODE.",
            )
        return [each.address for each in found]
    found = _look(config)
    if not found:
        return default
    chosen = ask(found) if ask is not None else None
    if chosen is not None:
        credential.expected = chosen.fingerprint
        return [chosen.address]
    for each in found:
        log.info(
            "There is a farm nearby, %s at %s; its authority has the fingerprint %s. To work for it: "
            "afrender --server %s --pair CODE, or with --announce.",
            each.name, each.address, shown_fingerprint(each.fingerprint), each.address,
        )  # fmt: skip
    return default


def _look(config: Config, enough: Callable[[str], bool] | None = None) -> list[Nearby]:
    return look_nearby(config["nearby_networks"], enough=enough) if config["nearby"] else []


def ask_person(found: Sequence[Nearby]) -> Nearby | None:
    """Offer the farms that were found to the person at the terminal; None when he takes none, or nobody sits there."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    say = sys.stderr.write
    say("No server is named. These farms are nearby:\n\n")
    for number, each in enumerate(found, 1):
        say(f"  {number}  {each.name} at {each.address}\n     {shown_fingerprint(each.fingerprint)}\n")
    say("\nCompare the fingerprint with what `afserver init` printed there. Number of the farm, or Enter for none: ")
    sys.stderr.flush()
    word = sys.stdin.readline().strip()
    return found[int(word) - 1] if word.isdigit() and 1 <= int(word) <= len(found) else None
