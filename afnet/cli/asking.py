"""Ask the server, and pass its warnings on to the person."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afnet.client.blocking import BlockingClient

__all__ = ["ask"]

_told: set[str] = set()
"""Warnings that were printed: once is enough in one command."""


def ask(client: "BlockingClient", operation: str, arguments: dict[str, Any]) -> Any:
    """Do an operation and return its answer; a warning in it is printed to the error output and taken out."""
    reply = client.request(operation, arguments)
    if isinstance(reply, dict) and "warning" in reply:
        warning = str(reply.pop("warning"))
        if warning not in _told:
            _told.add(warning)
            print(f"afcmd: warning: {warning}", file=sys.stderr)
    return reply
