"""The parser of Maya that writes mental ray's scene files."""

from __future__ import annotations

from afrender.parsers.generic import generic

__all__ = ["mayatomr"]


class mayatomr(generic):
    """As ``generic``, but the percentage stands until the next one."""

    def next_frame(self) -> None:
        """A frame begins; its percentage is told later."""
        kept = self.percentframe
        super().next_frame()
        self.frame_percent(kept)
