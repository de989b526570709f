"""The service that tells people and programs what happened on the farm: its command is a description, as JSON.

Rules of this file:
- only one command is made of an event: mail before programs of a studio, these before notes on the desktop;
- names and texts of the farm reach it as words of its own, never through a shell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from afrender.services.base import Plan, Service

__all__ = ["events"]


class events(Service):
    """Who is told is in the ``custom_data`` of the objects that the event names, put together.

    ``{"events": {"JOB_DONE": {"methods": ["email"]}}, "emails": ["ann@example.org"]}``
    """

    def plan(self) -> Plan:
        """Return the command for the first thing to do. Raises ValueError when the description is none."""
        run = self.run
        told = json.loads(run.task_command or (run.command if isinstance(run.command, str) else ""))
        if not isinstance(told, dict):
            raise ValueError("The command is no description of events")
        data: dict[str, Any] = {}
        for one in told.values():
            if isinstance(one, dict):
                merge(data, _custom_data(one))
        names = [str(name) for name in told.get("events", ())]
        words = self.choose(data, names, told)
        plan = Plan(words, "", self.make_environment(), skip=not words)
        if plan.skip:
            plan.notes.append(f"Nobody wants to know of {', '.join(names) or 'this'}.")
        return plan

    def choose(self, data: Mapping[str, Any], names: list[str], told: Mapping[str, Any]) -> list[str]:
        """Return the words of the strongest method that is wanted; none when none is."""
        wanted: dict[str, list[str]] = {}
        for name in names:
            event = data.get("events", {}).get(name, {})
            for method in event.get("methods", ()) if isinstance(event, dict) else ():
                wanted.setdefault(str(method), []).append(name)
        for method in sorted(wanted, key=lambda method: {"email": 0, "notify-send": 2}.get(method, 1)):
            words = self.method_command(method, wanted[method], data, told)
            if words:
                return words
        return []

    def method_command(
        self, method: str, names: list[str], data: Mapping[str, Any], told: Mapping[str, Any]
    ) -> list[str]:
        """Return the words for one method: override this for methods of one's own. Empty: it is not possible."""
        job = told.get("job", {})
        job = job if isinstance(job, dict) else {}
        title = f"{', '.join(names)} - {job.get('name', '')}"
        if method == "email":
            receivers = [str(one) for one in data.get("emails", ())]
            if not receivers:
                return []
            host = self.settings.get("email_sender_address_host", "") or "localhost"
            program = str(self.settings.get("email_send_cmd", "") or "emailsend").split()
            to = [word for one in receivers for word in ("-t", one)]
            return [*program, "-V", "-f", f"noreply@{host}", *to, "-s", title, title]
        if method == "notify-send":
            return ["notify-send", title]
        return [*method.split(), "-jobname", str(job.get("name", "")), "-jobserial", str(job.get("serial", 0))]


def _custom_data(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people wrote into an object; what is no JSON object says nothing."""
    text = one.get("custom_data", "")
    try:
        data = json.loads(text) if isinstance(text, str) and text else text
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put ``more`` into ``into``: objects recursively, lists behind each other, else the later one.

    Keys that are empty or begin with ``-`` are remarks.
    """
    for key, value in more.items():
        if not key or key.startswith("-"):
            continue
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            into[key] = old + [one for one in value if one not in old]
        elif isinstance(value, dict):
            into[key] = {}
            merge(into[key], value)
        else:
            into[key] = value
