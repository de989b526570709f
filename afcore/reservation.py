"""A render that is held for a run beside its master: a thing of its own, with what it takes there."""

import msgspec

__all__ = ["Reservation"]


class Reservation(msgspec.Struct, frozen=True, array_like=True):
    """One captured render of a run."""

    render: int
    capacity: int = 0
    """Units it takes of that render."""
    tickets: dict[str, int] = {}
    """What it takes of each ticket there."""
    devices: tuple[int, ...] = ()
    """Numbers of the devices it has there."""
