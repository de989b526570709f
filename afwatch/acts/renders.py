"""What can be done to renders and pools."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from afcore.rows import PoolRow, RenderRow
from afwatch import words
from afwatch.actions import Action, Asking, FormField, named
from afwatch.ops import renders
from afwatch.scan import pattern_with
from afwatch.texts import tr

__all__ = ["POOL_ACTIONS", "RENDER_ACTIONS"]

_SERVICE_WORDS = ("add", "remove", "enable", "disable", "clear")


def _names(rows: list[RenderRow]) -> list[str]:
    return [row.name for row in rows]


def _paths(rows: list[PoolRow]) -> list[str]:
    return [row.path for row in rows]


def _set(parameters: dict[str, Any], said: str) -> Callable[[Asking, list[RenderRow]], None]:
    return lambda window, rows: window.tell_done(
        renders.set_parameters(window.session, names=_names(rows), parameters=parameters),
        said.format(named(rows, "render")),
    )


def _do(operation: str, said: str) -> Callable[[Asking, list[RenderRow]], None]:
    return lambda window, rows: window.tell_done(
        window.session.ask(operation, names=_names(rows)), said.format(named(rows, "render"))
    )


def _without(word: str, sentence: str) -> Callable[[list[RenderRow]], str]:
    return lambda rows: sentence if all(word in row.words for row in rows) else ""


def _forget(window: Asking, rows: list[RenderRow]) -> None:
    if window.confirm(
        tr("Forget {0}?", words.plural(len(rows), 'render')), _names(rows),
        tr("Their settings are lost; they may register again."), tr("Forget {0}", words.plural(len(rows), 'render')),
    ):  # fmt: skip
        window.tell_done(renders.delete(window.session, names=_names(rows)), tr("Forgot {0}.", named(rows, 'render')))


def _eject(keep_mine: bool) -> Callable[[Asking, list[RenderRow]], None]:
    def run(window: Asking, rows: list[RenderRow]) -> None:
        running = sum(row.running for row in rows)
        if window.confirm(
            tr("Eject what runs on {0}?", named(rows, 'render')), _names(rows),
            tr("{0} will be ended and be ready again for other renders.", words.plural(running, 'running task')),
            tr("Eject {0}", words.plural(running, 'task')),
        ):  # fmt: skip
            pending = window.session.ask("render.eject-tasks", names=_names(rows), not_mine=keep_mine)
            window.tell_done(pending, tr("Ejected what ran on {0}.", named(rows, 'render')))

    return run


def _power(operation: str, deed: str, cost: str) -> Callable[[Asking, list[RenderRow]], None]:
    def run(window: Asking, rows: list[RenderRow]) -> None:
        typed = (rows[0].name if len(rows) == 1 else str(len(rows))) if operation in _TYPED else ""
        if window.confirm(
            f"{deed} {named(rows, 'render')}?", _names(rows), cost, f"{deed} {words.plural(len(rows), 'render')}",
            typed=typed,
        ):  # fmt: skip
            window.tell_done(window.session.ask(operation, names=_names(rows)), f"{deed}: {named(rows, 'render')}.")

    return run


_TYPED = frozenset({"render.reboot", "render.shutdown"})


def _online(rows: list[RenderRow]) -> str:
    return tr("Offline already.") if all("offline" in row.words for row in rows) else ""


def _move(window: Asking, rows: list[RenderRow]) -> None:
    paths = tuple(sorted(row.path for row in window.session.state.pools.values()))
    found = window.ask_form(
        tr("Pool of {0}", named(rows, 'render')), tr("Renders that run nothing move."),
        [FormField("path", tr("Pool"), "choice", rows[0].pool, paths)], tr("Move"),
    )  # fmt: skip
    if found is not None:
        pending = window.session.ask("render.move", names=_names(rows), path=found["path"])
        window.tell_done(pending, tr("{0} is in {1}.", named(rows, 'render'), found['path']))


def _service_fields(known: list[str]) -> list[FormField]:
    return [
        FormField("action", tr("Do"), "choice", "disable", _SERVICE_WORDS),
        FormField("service", tr("Service"), "text", "", tuple(known), hint=tr("a name to add, else a mask")),
    ]


def _render_services(window: Asking, rows: list[RenderRow]) -> None:
    known = sorted({service for row in rows for service in row.services})
    found = window.ask_form(tr("Services of {0}", named(rows, 'render')), "", _service_fields(known), tr("Change"))
    if found is not None:
        pending = window.session.ask("render.services", names=_names(rows), **found)
        window.tell_done(pending, tr("Services of {0} are changed.", named(rows, 'render')))


def _ticket_fields() -> list[FormField]:
    return [FormField("ticket", tr("Ticket")), FormField("count", tr("Count"), "integer", 1,
                                                         hint=tr("-1 takes it away"))]


def _render_ticket(window: Asking, rows: list[RenderRow]) -> None:
    found = window.ask_form(tr("Tickets of {0}", rows[0].name), "", _ticket_fields(), tr("Set"))
    if found is not None:
        pending = window.session.ask("render.set-ticket", name=rows[0].name, **found)
        window.tell_done(pending, tr("{0} has {1} of {2}.", rows[0].name, found['count'], found['ticket']))


def _copy(window: Asking, rows: list[RenderRow]) -> None:
    window.copy_text("\n".join(f"{row.name}\t{row.address}\t{' '.join(row.words)}" for row in rows))


RENDER_ACTIONS: tuple[Action, ...] = (
    Action("output", tr("Output of what runs"), "output", "Ctrl+O", "", lambda window, rows: window.show_output(),
           lambda rows: "" if rows[0].runs else tr("Nothing runs on it."), "render", "look", one=True),
    Action("nimby", "nimby", "glyph-person-outline", "Ctrl+N", "render.set",
           _set({"nimby": True}, tr("{} runs only its owner's tasks.")), _without("nimby", tr("It is nimby already.")),
           "render", in_header=True),
    Action("NIMBY", "NIMBY", "glyph-person-solid", "Ctrl+Shift+N", "render.set",
           _set({"NIMBY": True}, tr("{} runs nobody's tasks.")), _without("NIMBY", tr("It is NIMBY already.")),
           "render", in_header=True),
    Action("free", tr("Free"), "done", "Ctrl+Shift+F", "render.set",
           _set({"nimby": False, "NIMBY": False}, tr("{} is free for everybody.")),
           lambda rows: "" if any(
               "nimby" in row.words or "NIMBY" in row.words for row in rows) else tr("Free already."),
           "render", in_header=True),
    Action("pause", tr("Pause"), "pause", "Ctrl+P", "render.set", _set({"paused": True}, tr("{} starts nothing new.")),
           _without("paused", tr("Paused already.")), "render", in_header=True),
    Action("start", tr("Start"), "play", "Ctrl+Shift+P", "render.set", _set({"paused": False},
                                                                            tr("{} takes tasks again.")),
           lambda rows: "" if any("paused" in row.words for row in rows) else tr("Not paused."), "render",
           in_header=True),
    Action("heal", tr("Heal"), "retry", "Ctrl+H", "render.heal", _do("render.heal", tr("{} works again.")),
           lambda rows: "" if any("sick" in row.words for row in rows) else tr("It is not sick."), "render"),
    Action("eject", tr("Eject all tasks…"), "eject", "Ctrl+J", "render.eject-tasks", _eject(False),
           lambda rows: "" if any(row.running for row in rows) else tr("Nothing runs on it."), "render", danger=True),
    Action("eject-others", tr("Eject what is not mine…"), "eject", "Ctrl+Shift+J", "render.eject-tasks", _eject(True),
           lambda rows: "" if any(row.running for row in rows) else tr("Nothing runs on it."), "render", danger=True),
    Action("sleep", tr("Send to sleep"), "sleep", "Ctrl+Shift+L", "render.sleep",
           _do("render.sleep", tr("{} goes to sleep.")), _online, "render"),
    Action("wake", tr("Wake"), "play", "Ctrl+Shift+W", "render.wake", _do("render.wake", tr("{} is woken.")),
           kind="render"),
    Action("agent-restart", tr("Restart the agent…"), "restart", "Ctrl+R", "render.restart",
           _power("render.restart", tr("Restart the agent of"),
                  tr("Its tasks are given back and start anew elsewhere.")),
           _online, "render", danger=True),
    Action("agent-exit", tr("Exit the agent…"), "close", "Ctrl+Shift+X", "render.exit",
           _power("render.exit", tr("Exit the agent of"),
                  tr("Its tasks are given back; somebody must start it again.")),
           _online, "render", danger=True),
    Action("reboot", tr("Reboot the machine…"), "restart", "Ctrl+Alt+R", "render.reboot",
           _power("render.reboot", tr("Reboot"), tr("The machine goes down with everything on it, and comes back.")),
           _online, "render", danger=True),
    Action("shutdown", tr("Shut the machine down…"), "stop", "Ctrl+Alt+X", "render.shutdown",
           _power("render.shutdown", tr("Shut down"),
                  tr("The machine goes down with everything on it, and stays down.")),
           _online, "render", danger=True),
    Action("parameters", tr("Parameters"), "edit", "F2", "render.set", lambda window, rows: window.edit_parameters(),
           kind="render", section="order"),
    Action("move", tr("Move to a pool…"), "pool", "Ctrl+M", "render.move", _move, kind="render", section="order"),
    Action("services", tr("Services…"), "service", "Ctrl+Shift+V", "render.services", _render_services, kind="render",
           section="order"),
    Action("ticket", tr("Tickets…"), "ticket", "Ctrl+Shift+T", "render.set-ticket", _render_ticket, kind="render",
           section="order", one=True),
    Action("restore", tr("Ask its pools again"), "undo", "Ctrl+Shift+R", "render.restore-defaults",
           _do("render.restore-defaults", tr("{} has nothing of its own any more.")), kind="render", section="order"),
    Action("copy", tr("Copy as text"), "copy", "Ctrl+Shift+C", "", _copy, kind="render", section="outside"),
    Action("delete", tr("Forget…"), "delete", "Del", "render.delete", _forget,
           lambda rows: "" if all("offline" in row.words for row in rows) else tr("Only renders that are offline."),
           "render", "last", danger=True),
)  # fmt: skip
"""What can be done to renders."""


def _add_pool(window: Asking, rows: list[PoolRow]) -> None:
    found = window.ask_form(
        tr("A pool below {0}", rows[0].path), tr("Renders whose names match the pattern join it when they register."),
        [FormField("name", tr("Name")), FormField("pattern", tr("Pattern"),
                                                  hint=tr("regular expression; empty for none"))], tr("Make"),
    )  # fmt: skip
    if found is None:
        return
    path = f"{rows[0].path.rstrip('/')}/{found['name']}"
    pending = window.session.ask("pool.add", path=path)
    window.tell_done(pending, tr("Made the pool {0}.", path))
    if found["pattern"]:

        def made(body: Any) -> None:
            more = window.session.ask("pool.set", paths=[path], parameters={"pattern": found["pattern"]})
            more.failure(window.tell_refused)

        pending.success(made)


def take_names(window: Asking, row: PoolRow, names: list[str]) -> None:
    """Put renders into a pool by name: those that are there move, the others join it when they register."""
    there = {render.name for render in window.session.state.renders.values()}
    known, coming = [name for name in names if name in there], [name for name in names if name not in there]
    if known:
        pending = window.session.ask("render.move", names=known, path=row.path)
        window.tell_done(pending, tr("{0} are in {1}.", ", ".join(known), row.path))
    pattern = pattern_with(row.pattern, coming)
    if coming and pattern != row.pattern:
        pending = window.session.ask("pool.set", paths=[row.path], parameters={"pattern": pattern})
        window.tell_done(pending, tr("{0} join {1} when they register.", ", ".join(coming), row.path))


def _pool_names(window: Asking, rows: list[PoolRow]) -> None:
    found = window.ask_form(
        tr("Renders of {0} by name", rows[0].path),
        tr("Those that are there move; the others join the pool when they register for the first time."),
        [FormField("names", tr("Names"), hint=tr("with spaces or commas between"))], tr("Put in"),
    )  # fmt: skip
    if found is not None:
        take_names(window, rows[0], re.findall(r"[^\s,;]+", found["names"]))


def _find_machines(window: Asking, rows: list[PoolRow]) -> None:
    names = window.find_machines(rows[0].path)
    if names:
        take_names(window, rows[0], names)


def _delete_pools(window: Asking, rows: list[PoolRow]) -> None:
    if window.confirm(
        tr("Delete {0}?", named(rows, 'pool')), _paths(rows), tr("Its settings are lost; it must have no renders."),
        tr("Delete {0}", words.plural(len(rows), 'pool')), typed=rows[0].path if len(rows) == 1 else str(len(rows)),
    ):  # fmt: skip
        window.tell_done(window.session.ask("pool.delete", paths=_paths(rows)), tr("Deleted {0}.", named(rows, 'pool')))


def _set_pool(paused: bool, said: str) -> Callable[[Asking, list[PoolRow]], None]:
    return lambda window, rows: window.tell_done(
        window.session.ask("pool.set", paths=_paths(rows), parameters={"paused": paused}),
        said.format(named(rows, "pool")),
    )


def _pool_services(window: Asking, rows: list[PoolRow]) -> None:
    known = sorted({service for row in rows for service in row.services})
    found = window.ask_form(tr("Services of {0}", named(rows, 'pool')), "", _service_fields(known), tr("Change"))
    if found is not None:
        pending = window.session.ask("pool.services", paths=_paths(rows), **found)
        window.tell_done(pending, tr("Services of {0} are changed.", named(rows, 'pool')))


def _pool_ticket(window: Asking, rows: list[PoolRow]) -> None:
    fields = [
        *_ticket_fields(), FormField("max_hosts", tr("Most hosts"), "integer", -1, hint=tr("that hold some at once")),
        FormField("host", tr("On each render"), "flag", False),
    ]  # fmt: skip
    found = window.ask_form(tr("Tickets of {0}", rows[0].path), "", fields, tr("Set"))
    if found is not None:
        pending = window.session.ask("pool.set-ticket", path=rows[0].path, **found)
        window.tell_done(pending, tr("{0} has {1} of {2}.", rows[0].path, found['count'], found['ticket']))


POOL_ACTIONS: tuple[Action, ...] = (
    Action("pool-pause", tr("Pause pool"), "pause", "Ctrl+P", "pool.set", _set_pool(True, tr("{} starts nothing new.")),
           lambda rows: tr("Paused already.") if all(row.paused for row in rows) else "", "pool"),
    Action("pool-start", tr("Start pool"), "play", "Ctrl+Shift+P", "pool.set", _set_pool(False,
                                                                                         tr("{} takes tasks again.")),
           lambda rows: "" if any(row.paused for row in rows) else tr("Not paused."), "pool"),
    Action("pool-add", tr("New pool below…"), "pool", "Ctrl+Shift+A", "pool.add", _add_pool, kind="pool",
           section="order",
           one=True),
    Action("pool-names", tr("Renders by name…"), "render", "Ctrl+Shift+N", "pool.set", _pool_names, kind="pool",
           section="order", one=True),
    Action("pool-find", tr("Find machines…"), "search", "Ctrl+Shift+F", "pool.set", _find_machines, kind="pool",
           section="order", one=True),
    Action("pool-parameters", tr("Parameters"), "edit", "F2", "pool.set", lambda window, rows: window.edit_parameters(),
           kind="pool", section="order"),
    Action("pool-services", tr("Services…"), "service", "Ctrl+Shift+V", "pool.services", _pool_services, kind="pool",
           section="order"),
    Action("pool-ticket", tr("Tickets…"), "ticket", "Ctrl+Shift+T", "pool.set-ticket", _pool_ticket, kind="pool",
           section="order", one=True),
    Action("pool-delete", tr("Delete pool…"), "delete", "Del", "pool.delete", _delete_pools,
           lambda rows: tr("The root pool stays.") if any(row.path == "/" for row in rows) else
           tr("It has renders; move them first.") if any(row.renders for row in rows) else "", "pool", "last",
           danger=True),
)  # fmt: skip
"""What can be done to pools."""
