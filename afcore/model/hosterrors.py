"""How often one host failed, and when last."""

from dataclasses import dataclass

__all__ = ["HostErrors"]


@dataclass(slots=True)
class HostErrors:
    """How often a host failed a block or a task, and when last."""

    count: int = 0
    last: float = 0.0
