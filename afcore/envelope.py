"""The envelope in which every command travels: who asks, from where, as what, and because of what."""

from typing import Generic, TypeVar

import msgspec

from afcore.states import Role

__all__ = ["CommandType", "Envelope", "Principal", "SYSTEM_PRINCIPAL"]

CommandType = TypeVar("CommandType")


class Principal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who asks: a named person, node or the server itself, with a role and the address it came from."""

    name: str
    role: Role
    origin: str = ""
    """Address of the caller, ``127.0.0.1`` or ``::1`` style; empty for the server itself."""
    render: int = 0
    """For a node: the render it registered as; 0 before registering and for everybody else."""
    scope: str = ""
    """What a token narrows it to, a key of ``access.SCOPES``; empty for everything that the role may."""
    seats: tuple[str, ...] = ()
    """Names of the renders on the computer the person sits at, as the server knows from their connections."""


SYSTEM_PRINCIPAL = Principal("system", Role.SYSTEM)
"""The server acting by itself: ticks, solving, recovery."""


class Envelope(msgspec.Struct, Generic[CommandType], frozen=True, gc=False):
    """One command with everything about its sender; ``at`` is stamped by the runner (unix seconds)."""

    command: CommandType
    principal: Principal
    at: float
    operation: str = ""
    """Id of the operation, made by the caller or the server; unique for a while; names this act in audit and undo."""
    cause: str = ""
    """Operation or event this one follows from; empty when a person started it."""
    initiator: str = ""
    """Token of the screen that asked, so that it can tell its own echo."""
