"""Sleep, wake and the other instructions to renders, and what becomes of those that do not obey.

Rules of this file:
- The farm says what is to be done, never how: an agent runs what its own configuration names.
- A render sleeps only when it runs nothing and can be woken: when the farm knows a network card of it.
- A render is woken by another one: a command of the system job names every card of the sleeper.
- Sleeping and waking have an end: who still speaks, or did not come, some minutes later has failed, and that is noted.
"""

import json
from collections.abc import Iterator
from typing import Any

from afcore.commands import ExitRenders, FailInstruction, PowerRenders, SleepRenders, WakeRenders
from afcore.errors import BadSpec, Conflict, Problem
from afcore.events import Event, RenderInstructed, RenderWakeAsked, RenderWolFailed
from afcore.model.clocks import cards_of
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.rules.base import Context, Steps
from afcore.rules.happenings import render_data
from afcore.rules.sysjob import queue
from afcore.rules.tree import named
from afcore.states import RenderState
from afcore.systemcommand import SystemBlock, SystemCommand

__all__ = [
    "can_sleep",
    "can_wake",
    "exit_renders",
    "fail_instruction",
    "power_renders",
    "sleep_renders",
    "wake",
    "wake_renders",
]

_POWER = ("reboot", "shutdown")


def can_sleep(render: Render) -> str:
    """Return why a render cannot be sent to sleep, or nothing."""
    if not render.state & RenderState.ONLINE:
        return "is asleep already" if render.state & RenderState.WOL_SLEEPING else "is offline"
    if render.state & RenderState.WOL_FALLING:
        return "falls asleep already"
    if render.runs:
        return "runs tasks"
    return "" if cards_of(render) else "has no network card that the farm knows, so nobody could wake it"


def can_wake(render: Render) -> str:
    """Return why a render cannot be woken, or nothing."""
    if render.state & RenderState.ONLINE:
        return "falls asleep just now" if render.state & RenderState.WOL_FALLING else "is awake"
    if render.state & RenderState.WOL_WAKING:
        return "is being woken already"
    return "" if cards_of(render) else "has no network card that the farm knows"


def sleep_renders(context: Context, command: SleepRenders) -> Steps:
    """Send renders to sleep.  Raises Conflict when one cannot be.  Reply: ``{"renders": how many}``."""
    renders = _ready(context.farm, command.names, "put to sleep", can_sleep)
    for render in renders:
        yield RenderInstructed(render.id, "sleep")
    return {"renders": len(renders)}


def wake_renders(context: Context, command: WakeRenders) -> Steps:
    """Have renders woken.  Raises Conflict when one cannot be.  Reply: ``{"renders": how many}``."""
    renders = _ready(context.farm, command.names, "woken", can_wake)
    for render in renders:
        yield from wake(context.farm, render, context.at)
    return {"renders": len(renders)}


def wake(farm: Farm, render: Render, at: float) -> Iterator[Event]:
    """Yield that a render is to be woken, and the command of the system job that does it."""
    yield RenderWakeAsked(render.id)
    told = {**render_data(render), "netifs": [{"mac": card} for card in cards_of(render)]}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str)
    command = SystemCommand(text, f"wake {render.name}", render.name, render.name)
    yield from queue(farm, at, SystemBlock.WAKE_ON_LAN, [command])


def exit_renders(context: Context, command: ExitRenders) -> Steps:
    """Let agents end, or start anew.  Reply: ``{"renders": how many}``."""
    renders = _ready(context.farm, command.names, "told to end", _is_online)
    for render in renders:
        yield RenderInstructed(render.id, "restart" if command.restart else "exit")
    return {"renders": len(renders)}


def power_renders(context: Context, command: PowerRenders) -> Steps:
    """Let machines reboot or go off.  Reply: ``{"renders": how many}``."""
    if command.what not in _POWER:
        raise BadSpec([Problem("what", f'machines cannot be told to "{command.what}"', "reboot or shutdown")])
    renders = _ready(context.farm, command.names, f"told to {command.what}", _is_online)
    for render in renders:
        yield RenderInstructed(render.id, command.what)
    return {"renders": len(renders)}


def _is_online(render: Render) -> str:
    return "" if render.state & RenderState.ONLINE else "is offline"


def _ready(farm: Farm, names: list[str], what: str, reason: Any) -> list[Render]:
    """Return renders by name that can do what is asked.  Raises Conflict that names every one that cannot."""
    renders = [farm.renders[id] for id in named("render", names, farm.renders_by_name)]
    wrong = [f'"{render.name}" {why}' for render in renders if (why := reason(render))]
    if wrong:
        raise Conflict(f"Not every render can be {what}: {', '.join(wrong)}.", hint="Leave these out.")
    return renders


def fail_instruction(context: Context, command: FailInstruction) -> Steps:
    """Note that an agent could not do what it was told."""
    render = context.farm.renders.get(command.render)
    if render is not None and render.session == command.session:
        yield RenderWolFailed(render.id, command.what, command.sentence)
