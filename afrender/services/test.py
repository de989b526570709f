"""The service of tests of a farm: now and then it has no command, or nothing to do.

Which runs these are follows from their numbers, so a farm that is tested twice does the same twice.
"""

from __future__ import annotations

import zlib

from afrender.services.base import Plan, Service

__all__ = ["test"]


class test(Service):
    """One run of a hundred has an empty command, three are skipped."""

    def plan(self) -> Plan:
        """Return what to start, if anything."""
        run = self.run
        plan = super().plan()
        chance = zlib.crc32(f"{run.job}.{run.block}.{run.task}.{run.run}".encode()) % 100
        if chance == 0:
            plan.command = ""
        elif chance < 4:
            plan.skip = True
            plan.notes.append("The service test skips this run, as it does with three of a hundred.")
        return plan
