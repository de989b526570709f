"""The service of scripts and tools of one's own: nothing beyond the general rules."""

from __future__ import annotations

from afrender.services.base import Service

__all__ = ["generic"]


class generic(Service):
    """Runs the command as it is."""
