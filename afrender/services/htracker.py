"""The service of a tracker of work items: it wants to know the job, and ends with 1 when some items are left."""

from __future__ import annotations

from afrender.services.base import Service

__all__ = ["htracker"]


class htracker(Service):
    """``-J JOB`` is added; exit codes 0 and 1 are good."""

    def make_command(self) -> str | list[str]:
        """Return the command with the number of the job behind it."""
        command = super().make_command()
        if isinstance(command, str):
            return f"{command} -J {self.run.job}" if command else ""
        return [*command, "-J", str(self.run.job)]

    def check_exit(self, code: int) -> bool:
        """Return whether the tracker did its work."""
        return code in (0, 1)
