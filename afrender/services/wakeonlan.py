"""The service that wakes machines: its command is what the farm says of the sleeping render, as JSON."""

from __future__ import annotations

import json

from afrender.machine import sleep_words, wake_words
from afrender.services.base import Plan, Service

__all__ = ["wakeonlan"]


class wakeonlan(Service):
    """The render in the command is woken; with the working directory ``SLEEP`` this machine shall sleep.

    ``af_render_cmd_wolwake`` and ``af_render_cmd_wolsleep`` in the settings name other programs; they get ``--wake`` or
    ``--sleep``, ``--ip``, ``--hostname`` and the numbers of the network cards.
    """

    def plan(self) -> Plan:
        """Return what to start. Raises ValueError when the command is no description of a render."""
        run = self.run
        render = json.loads(run.task_command or (run.command if isinstance(run.command, str) else ""))
        if not isinstance(render, dict):
            raise ValueError("The command is no description of a render")
        address = render.get("address", {})
        words = sleep_words if run.working_directory == "SLEEP" else wake_words
        command = words(
            self.settings,
            name=str(render.get("name", "")),
            ip=str(address.get("ip", "")) if isinstance(address, dict) else str(address),
            cards=[str(one.get("mac", "")) for one in render.get("netifs", ())],
        )
        return Plan(command, "", self.make_environment())
