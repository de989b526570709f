"""The classic monitors that are registered: subscriptions, polls, messages, and their end.

Rules of this file:
- The board marks what changes once for all; a monitor is served from it when it polls.
- Who has not polled for ``ZOMBIE_TIME`` is forgotten, and with the last one the board rests.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from afcore.envelope import Principal
from afcore.errors import NotAllowed, Rejected
from afcore.model.farm import Farm
from afcore.states import Role
from afnet.classic.framing import info
from afnet.classic.json_action import Action, chosen_ids
from afnet.classic.json_get import Get, LogLine, Sources, node_log, whole_numbers
from afnet.classic.json_monitors import (
    CLASSES,
    Monitor,
    events_answer,
    monitor_object,
    moved_jobs,
    read_monitor,
    watch_tasks,
    watched_tasks,
)
from afnet.classic.plan import check_operation
from afnet.server.board import Board
from afnet.server.classicoutputs import ClassicOutputs
from afnet.server.clock import Clock

__all__ = ["ZOMBIE_TIME", "ClassicMonitors"]

ZOMBIE_TIME = 16.0
"""Seconds without a poll after which a monitor is forgotten."""

_MOST = 1000
_WATCHED = tuple(kind for kind in CLASSES if kind != "monitors")
_OF_GOD = "It takes the role god."
_LOG_LINES = 100


class ClassicMonitors:
    """Every monitor of the classic dialect."""

    def __init__(self, farm: Farm, board: Board, clock: Clock, outputs: ClassicOutputs) -> None:
        self._farm = farm
        self._board = board
        self._clock = clock
        self.outputs = outputs
        """Outputs of running tasks that monitors wait for."""
        self._monitors: dict[int, Monitor] = {}
        self._logs: dict[int, list[LogLine]] = {}
        self._next = 1
        self._warning = ""
        self._timer: asyncio.TimerHandle | None = None

    def register(self, request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Take a new monitor; its name is made unique."""
        if len(self._monitors) >= _MOST:
            return info(f"There are {_MOST} monitors already.")
        user, host, engine = read_monitor(request)
        names = {monitor.name for monitor in self._monitors.values()}
        name, number = f"{user}@{host}", 1
        while name in names:
            name, number = f"{user}@{host}-{number}", number + 1
        now = self._clock.now()
        monitor = Monitor(
            id=self._next, name=name, user_name=user, engine=engine, address=principal.origin or "127.0.0.1",
            uid=self._farm.users_by_name.get(user, -1), registered=now, polled=now, owner=principal.name,
        )  # fmt: skip
        self._next += 1
        if not self._monitors:
            self._board.watch(_WATCHED)
            self._timer = asyncio.get_running_loop().call_later(ZOMBIE_TIME, self._forget_silent)
        self._know_jobs(monitor)
        if self._warning:
            monitor.pending["message"] = self._warning
        self._monitors[monitor.id] = monitor
        self._tell_others("monitors_add", monitor.id)
        return {"monitor": monitor_object(monitor)}

    def close(self) -> None:
        """Forget everybody: the server stops."""
        for id in list(self._monitors):
            self._remove(id)

    def knows(self, id: int, principal: Principal) -> bool:
        """Say whether a monitor is registered that somebody may act on."""
        return id in self._monitors and _is_theirs(self._monitors[id], principal)

    def announce(self, text: str, principal: Principal) -> None:
        """Send a message to every monitor.  Raises NotAllowed for whom that is not."""
        if principal.role is not Role.GOD:
            raise NotAllowed(f"{principal.name or 'Nobody known'} may not speak to everybody.", hint=_OF_GOD)
        self._tell_all(text)

    def _tell_all(self, text: str) -> None:
        for monitor in self._monitors.values():
            monitor.pending["message"] = text

    def warn(self, text: str) -> None:
        """Tell every monitor, and each that comes, what is not well with the server; empty: it is well again."""
        if text != self._warning:
            self._warning = text
            self._tell_all(text or "The server is well again.")

    def get(self, wish: Get, sources: Sources, principal: Principal) -> dict[str, Any]:
        """Answer a ``get`` of monitors; the events of one are for who registered it."""
        one = wish.ids[0] if wish.ids is not None and len(wish.ids) == 1 else None
        if one is not None and wish.mode in ("events", "log"):
            monitor = self._monitors.get(one)
            if monitor is None or not _is_theirs(monitor, principal):
                return {"monitor": {"id": 0}}
            if wish.mode == "log":
                return node_log("monitors", monitor.name, self._logs.get(one, ()), sources)
            return self._poll(monitor)
        found = [self._monitors[id] for id in wish.ids if id in self._monitors] if wish.ids else self._all(wish.mask)
        return {"monitors": [monitor_object(monitor) for monitor in found]}

    def _all(self, mask: str) -> list[Monitor]:
        return [each for each in self._monitors.values() if each.name.startswith(mask)]

    # Polls

    def _poll(self, monitor: Monitor) -> dict[str, Any]:
        monitor.polled = self._clock.now()
        for kind in CLASSES:
            if kind in monitor.classes and kind != "monitors":
                self._add_changes(monitor, kind)
        if monitor.watched:
            version = monitor.versions.get("tasks", 0)
            changes = self._board.since("jobs", version)
            monitor.versions["tasks"] = changes.version
            for job in changes.gone:
                monitor.watched.pop(job, None)
            watched_tasks(self._farm, monitor, list(monitor.watched) if changes.whole else changes.changed)
        moved_jobs(self._farm, monitor)
        monitor.pending.update(self.outputs.take(monitor.id))
        return events_answer(monitor)

    def _add_changes(self, monitor: Monitor, kind: str) -> None:
        things: dict[int, Any] = getattr(self._farm, kind)
        changes = self._board.since(kind, monitor.versions.get(kind, 0))
        monitor.versions[kind] = changes.version
        changed = [id for id in (list(things) if changes.whole else changes.changed) if id in things]
        gone = list(changes.gone)
        if kind == "jobs":
            changed = [id for id in changed if monitor.uid in (0, things[id].user)]
            if monitor.uid:
                gone = [id for id in gone if id in monitor.own_jobs]
                monitor.own_jobs.update(changed)
                monitor.own_jobs.difference_update(gone)
        highest = monitor.newest.get(kind, 0)
        new = [id for id in changed if id > highest]
        monitor.newest[kind] = max([highest, *changed])
        # Who came and went between two polls was never there.
        self._put(monitor, f"{kind}_add", new)
        self._put(monitor, f"{kind}_change", [id for id in changed if id <= highest])
        self._put(monitor, f"{kind}_del", [id for id in gone if id <= highest])

    @staticmethod
    def _put(monitor: Monitor, key: str, ids: Iterable[int]) -> None:
        found = [*monitor.pending.get(key, ()), *ids]
        if found:
            monitor.pending[key] = list(dict.fromkeys(found))

    def _tell_others(self, key: str, id: int) -> None:
        for monitor in self._monitors.values():
            if "monitors" in monitor.classes:
                self._put(monitor, key, [id])

    # Actions

    def act(self, action: Action, principal: Principal) -> dict[str, Any] | None:
        """Do an action on monitors; None when there is no answer to it, but the end of the connection."""
        try:
            ids = chosen_ids(action, {id: monitor.name for id, monitor in self._monitors.items()})
            for id in ids:
                if not _is_theirs(self._monitors[id], principal):
                    raise NotAllowed(
                        f"{principal.name or 'Nobody known'} may not act on the monitor {self._monitors[id].name}.",
                        hint=_OF_GOD,
                    )
            operation, _ = check_operation(action.given)
            who = f"{action.user_name}@{action.host_name} {principal.origin}".strip()
            answer: dict[str, Any] | None = info("Action processed.", kind="log")
            if operation is not None:
                for id in ids:
                    answer = self._act_on(self._monitors[id], operation, who)
            return answer
        except Rejected as wrong:
            return info(str(wrong))

    def _act_on(self, monitor: Monitor, operation: dict[str, Any], who: str) -> dict[str, Any] | None:
        kind = operation["type"]
        monitor.active = self._clock.now()
        if kind == "deregister":
            self._remove(monitor.id)
            return None
        if kind == "exit":
            monitor.pending["instruction"] = "exit"
            text = "Instruction 'exit' set."
        elif kind == "message":
            message = operation.get("text")
            monitor.pending["message"] = f"{message if isinstance(message, str) else ''}\n - {who}"
            text = "Message sent."
        elif kind == "watch":
            text = self._watch(monitor, operation)
        else:
            raise Rejected(f"Unknown operation '{kind}'.")
        lines = self._logs.setdefault(monitor.id, [])
        lines.append(LogLine(self._clock.now(), who, text))
        del lines[:-_LOG_LINES]
        return info(text, kind="log")

    def _watch(self, monitor: Monitor, operation: dict[str, Any]) -> str:
        subject = operation.get("class")
        wanted = operation.get("status") == "subscribe"
        if subject == "perm":
            uid = operation.get("uid")
            if isinstance(uid, int) and not isinstance(uid, bool) and uid >= 0:
                monitor.uid = uid
                self._know_jobs(monitor)
            return "Permissions set."
        if subject == "tasks":
            for id in whole_numbers(operation.get("ids")) or []:
                if wanted and id in self._farm.jobs:
                    watch_tasks(self._farm, monitor, self._farm.jobs[id])
                elif not wanted:
                    monitor.watched.pop(id, None)
            monitor.versions["tasks"] = self._board.version
        elif subject == "listen":
            job, block, task = (_number(operation.get(key)) for key in ("job", "block", "task"))
            self.outputs.listen(monitor.id, job, block, task, wanted=wanted)
        elif subject in CLASSES:
            if wanted and subject not in monitor.classes:
                monitor.classes.add(subject)
                monitor.versions[subject] = self._board.version
                things: dict[int, Any] = self._monitors if subject == "monitors" else getattr(self._farm, subject)
                monitor.newest[subject] = max(things, default=0)
                self._know_jobs(monitor)
            elif not wanted:
                monitor.classes.discard(subject)
        else:
            raise Rejected(f"Unknown operation 'watch' class '{subject if isinstance(subject, str) else ''}'.")
        return f"Subscribed on '{subject}'" if wanted else f"Unsubscribed from '{subject}'"

    def _know_jobs(self, monitor: Monitor) -> None:
        user = self._farm.users.get(monitor.uid)
        monitor.own_jobs = set(user.jobs) if user is not None else set()
        monitor.order = list(user.jobs) if user is not None else []

    # The end

    def forget(self, id: int, principal: Principal) -> bool:
        """Forget a monitor that says so; return whether it was known as theirs."""
        if id not in self._monitors or not _is_theirs(self._monitors[id], principal):
            return False
        self._remove(id)
        return True

    def _remove(self, id: int) -> None:
        del self._monitors[id]
        self.outputs.forget(id)
        self._logs.pop(id, None)
        self._tell_others("monitors_del", id)
        if not self._monitors:
            self._board.unwatch(_WATCHED)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _forget_silent(self) -> None:
        oldest = self._clock.now() - ZOMBIE_TIME
        for monitor in list(self._monitors.values()):
            if monitor.polled < oldest:
                self._remove(monitor.id)
        if self._monitors:
            self._timer = asyncio.get_running_loop().call_later(ZOMBIE_TIME / 4, self._forget_silent)


def _is_theirs(monitor: Monitor, principal: Principal) -> bool:
    """Say whether somebody may act on a monitor: who registered it, from where they did, and administrators."""
    if principal.role is Role.GOD:
        return True
    return monitor.owner == principal.name and monitor.address == (principal.origin or "127.0.0.1")


def _number(value: Any) -> int:
    """Return a whole number of an operation; -1, which means all, when there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
