"""The service that tells people and programs what happened on the farm: its command is a description, as JSON.

Rules of this file:
- what is told to whom is in the ``custom_data`` of the objects that an event names, put together;
- mails and posts are one command; a program of a studio, or a note on the desktop, is run when neither is wanted;
- names and texts of the farm reach it as words of its own or in the environment, never through a shell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from afrender.services.base import Plan, Service

__all__ = ["events"]

_SENT = ("email", "notify")
"""Methods that ``afrender.notify`` does, all at once."""


class events(Service):
    """Who is told is in the ``custom_data`` of the objects that the event names, put together.

    ``{"events": {"JOB_DONE": {"methods": ["email", "notify"]}}, "emails": ["ann@example.org"],
    "notify": ["json://chat.example.org/farm"]}``
    """

    def plan(self) -> Plan:
        """Return the command for the first thing to do. Raises ValueError when the description is none."""
        run = self.run
        told = json.loads(run.task_command or (run.command if isinstance(run.command, str) else ""))
        if not isinstance(told, dict):
            raise ValueError("The command is no description of events")
        data: dict[str, Any] = {}
        plan = Plan([], "", self.make_environment())
        for one in _objects(told):
            text = one.get("custom_data", "")
            found = _custom_data(text)
            if found is None:
                plan.notes.append(f"The custom data of {one.get('name', 'something')} is no JSON object; left out.")
            else:
                merge(data, found)
        names = [str(name) for name in told.get("events", ())]
        plan.command = self.choose(data, names, told)
        self._describe(plan, data, names, told)
        plan.skip = not plan.command
        if plan.skip:
            plan.notes.append(f"Nobody wants to know of {', '.join(names) or 'this'}.")
        return plan

    def _describe(self, plan: Plan, data: Mapping[str, Any], names: list[str], told: Mapping[str, Any]) -> None:
        """Put what is to be sent where the command finds it."""
        if plan.command != self._sender():
            return
        wanted = self.wanted(data, names)
        sent = {
            "title": self.title(sorted({name for of in wanted.values() for name in of}, key=names.index), told),
            "body": self.body(names, told),
            "emails": _texts(data.get("emails")) if "email" in wanted and not self._own_mailer() else [],
            "notify": _texts(data.get("notify")) if "notify" in wanted else [],
            "sender": self._from(),
            "smtp": {
                name: str(self.settings.get(f"email_smtp_{name}", "")) for name in ("server", "user", "password", "tls")
            },
        }
        plan.environment["AF_EVENT"] = json.dumps(sent, ensure_ascii=False)

    def wanted(self, data: Mapping[str, Any], names: list[str]) -> dict[str, list[str]]:
        """Return the methods that are wanted, each with the events it is wanted for."""
        wanted: dict[str, list[str]] = {}
        asked = data.get("events", {})
        for name in names:
            event = asked.get(name, {}) if isinstance(asked, dict) else {}
            for method in event.get("methods", ()) if isinstance(event, dict) else ():
                wanted.setdefault(str(method), []).append(name)
        return wanted

    def choose(self, data: Mapping[str, Any], names: list[str], told: Mapping[str, Any]) -> list[str]:
        """Return the words of the strongest method that is wanted; none when none is."""
        wanted = self.wanted(data, names)
        for method in sorted(wanted, key=lambda method: {"email": 0, "notify": 1, "notify-send": 3}.get(method, 2)):
            words = self.method_command(method, wanted[method], data, told)
            if words:
                return words
        return []

    def method_command(
        self, method: str, names: list[str], data: Mapping[str, Any], told: Mapping[str, Any]
    ) -> list[str]:
        """Return the words for one method: override this for methods of one's own. Empty: it is not possible."""
        job = _object(told, "job")
        title = self.title(names, told)
        if method == "email":
            receivers = _texts(data.get("emails"))
            if not receivers:
                return []
            if not self._own_mailer():
                return self._sender()
            to = [word for one in receivers for word in ("-t", one)]
            return [*self._own_mailer(), "-V", "-f", self._from(), *to, "-s", title, title]
        if method == "notify":
            return self._sender() if _texts(data.get("notify")) else []
        if method == "notify-send":
            return ["notify-send", title]
        return [*method.split(), "-jobname", str(job.get("name", "")), "-jobserial", str(job.get("serial", 0))]

    def title(self, names: list[str], told: Mapping[str, Any]) -> str:
        """Return what happened in one line."""
        of = _object(told, "render" if "render" in told else "job").get("name", "")
        return f"{', '.join(names)} - {of}"

    def body(self, names: list[str], told: Mapping[str, Any]) -> str:
        """Return what happened in some lines."""
        return "\n".join(_lines(names, told))

    def _own_mailer(self) -> list[str]:
        return str(self.settings.get("email_send_cmd", "")).split()

    def _from(self) -> str:
        return f"noreply@{self.settings.get('email_sender_address_host', '') or 'localhost'}"

    def _sender(self) -> list[str]:
        return [sys.executable, "-m", "afrender.notify"]


def _lines(names: list[str], told: Mapping[str, Any]) -> Iterator[str]:
    yield ", ".join(names)
    if "render" in told:
        render = _object(told, "render")
        yield f"Render: {render.get('name', '')} of {render.get('user_name', '') or 'nobody'}"
        yield f"Pools: {', '.join(str(pool.get('name', '')) for pool in told.get('pools', ()))}"
        resources = _object(told, "host_resources")
        for what, of, unit in (("Memory", "mem", "mb"), ("Disk", "hdd", "gb")):
            if f"{of}_total_{unit}" in resources:
                left, total = resources.get(f"{of}_free_{unit}", 0), resources[f"{of}_total_{unit}"]
                yield f"{what}: {left} of {total} {unit.upper()} free"
        return
    job = _object(told, "job")
    yield f"Job: {job.get('name', '')} ({job.get('id', 0)}) of {job.get('user_name', '')}"
    for block in job.get("blocks", ()):
        counts = f"{block.get('p_tasks_done', 0)} of {block.get('tasks_num', 0)} tasks done"
        errors = block.get("p_tasks_error", 0)
        yield f"Block: {block.get('name', '')}, {counts}" + (f", {errors} with errors" if errors else "")
    for name, folder in _object(job, "folders").items():
        yield f"Folder {name}: {folder}"


def _objects(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield everything that may have custom data: pools from the root down, so that the nearest counts last."""
    for name in ("user", "job") if "render" not in told else ("user", "job", "pools", "render"):
        found = told.get(name)
        for one in reversed(found) if isinstance(found, list) else (found,):
            if isinstance(one, dict):
                yield one


def _object(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name, {})
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _custom_data(text: Any) -> dict[str, Any] | None:
    """Return what people wrote into an object; None when it is no JSON object."""
    try:
        data = json.loads(text) if isinstance(text, str) and text.strip() else text
    except ValueError:
        return None
    return {} if not data else data if isinstance(data, dict) else None


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
