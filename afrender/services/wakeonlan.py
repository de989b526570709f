"""The service that sends machines to sleep and wakes them: its command is what the farm says of the render, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from afrender.services.base import Plan, Service

__all__ = ["wakeonlan"]

_SLEEP = {
    "win32": ["rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"],
    "darwin": ["pmset", "sleepnow"],
}


class wakeonlan(Service):
    """Working directory ``SLEEP``: this machine shall sleep; else the render in the command is woken.

    ``af_render_cmd_wolsleep`` and ``af_render_cmd_wolwake`` in the settings name other programs; they get
    ``--sleep`` or ``--wake``, ``--ip``, ``--hostname`` and the numbers of the network cards.
    """

    def plan(self) -> Plan:
        """Return what to start. Raises ValueError when the command is no description of a render."""
        run = self.run
        render = json.loads(run.task_command or (run.command if isinstance(run.command, str) else ""))
        if not isinstance(render, dict):
            raise ValueError("The command is no description of a render")
        return Plan(self.words(render, sleep=run.working_directory == "SLEEP"), "", self.make_environment())

    def words(self, render: dict[str, Any], *, sleep: bool) -> list[str]:
        """Return the words of the command for a render."""
        cards = [str(one.get("mac", "")).replace(":", "") for one in render.get("netifs", ())]
        address = render.get("address", {})
        own = str(self.settings.get("af_render_cmd_wolsleep" if sleep else "af_render_cmd_wolwake", ""))
        if not own and sleep:
            return list(_SLEEP.get(sys.platform, ["systemctl", "suspend"]))
        begin = own.split() if own else [sys.executable, "-m", "afrender.wake"]
        ip = str(address.get("ip", "")) if isinstance(address, dict) else str(address)
        name = str(render.get("name", ""))
        return [*begin, "--sleep" if sleep else "--wake", "--ip", ip, "--hostname", name, *filter(None, cards)]
