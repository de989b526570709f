"""Renders come, reconnect, fall silent and leave; people edit and forget them.

Rules of this file:
- One name is one render.  A second agent with a name whose agent is still connected is refused; an agent that
  reconnects (same ``instance``) replaces its own old connection; one that restarted takes the name over once the old
  connection is known to be broken.
- After a register both sides agree on what runs: a run the render lists and the farm knows goes on; one it lists and
  the farm does not know is dropped; one it does not list is started again when its agent never ended (the start was
  lost on the way), and else its task is ready again without an error.
"""

from functools import partial
from typing import Any

from afcore.commands import (
    DeleteRenders,
    DeregisterRender,
    LoseRender,
    RegisterRender,
    SetRenders,
)
from afcore.deadlines import launch_end
from afcore.effects import StartRun, StopRun
from afcore.errors import BadSpec, Conflict, NotAllowed, NotFound, Problem
from afcore.events import (
    RenderAdded,
    RenderDeleted,
    RenderDisconnected,
    RenderEdited,
    RenderWentOffline,
    RenderWentOnline,
    RunAdopted,
)
from afcore.ids import RunKey
from afcore.model.effective import pool_chain
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.rules.base import Context, Steps
from afcore.rules.captured import is_held, release_host, settle_service
from afcore.rules.parameters import RENDER, edit
from afcore.rules.places import pool_of_host
from afcore.rules.runs import return_run
from afcore.rules.tree import named
from afcore.states import RenderState, Role, RunStatus

__all__ = [
    "delete_renders",
    "deregister_render",
    "lose_render",
    "register_render",
    "render_value",
    "set_renders",
    "take_offline",
]


def register_render(context: Context, command: RegisterRender) -> Steps:
    """Take a render online and agree on what runs there.

    Reply: ``{"id": render id, "drop": [keys it is to forget], "adopted": how many of its runs go on}``.
    """
    farm = context.farm
    if not command.name.strip() or len(command.name) > 512:
        raise BadSpec([Problem("name", "a render's name is 1 to 512 characters", "start it with --name NAME")])
    id = farm.renders_by_name.get(command.name)
    if id is None:
        id = farm.next_render
        pool = yield from pool_of_host(farm, command.name)
        yield RenderAdded(id, command.name, pool, command.user_name, _first_state(farm, pool, command.nimby))
    render = farm.renders[id]
    _refuse_second(render, command)
    same_agent = bool(command.instance) and render.instance == command.instance
    yield RenderWentOnline(id, command.session, _info(command))
    listed = {RunKey(run.job, run.block, run.task, run.run) for run in command.running}
    drop = []
    adopted = 0
    for key in sorted(listed):
        run = farm.runs.get(key)
        if run is not None and is_held(run, id):
            continue
        if run is None or run.render != id:
            drop.append(tuple(key))
            continue
        adopted += 1
        if run.waiting_since:
            yield RunAdopted(*key, id)
        if run.stopping >= 0:
            yield StopRun(id, key)
    for key in sorted(key for key, run in render.runs.items() if run.render == id and key not in listed):
        run = farm.runs[key]
        if not same_agent and context.at < launch_end(farm, run) and run.stopping < 0 and not run.waiting_since:
            continue  # It waits for its services: nothing was started here yet.
        if not same_agent or run.stopping >= 0:
            yield from return_run(farm, run, RunStatus.STOPPED if run.stopping >= 0 else RunStatus.NEVER_STARTED)
            continue
        if run.waiting_since:
            yield RunAdopted(*key, id)
        if context.at >= launch_end(farm, run):
            yield StartRun(id, key)
    for key in sorted(key for key, run in render.runs.items() if run.render != id):
        yield from settle_service(farm, farm.runs[key], render, listed=key in listed, same_agent=same_agent)
    return {"id": id, "drop": drop, "adopted": adopted}


def _refuse_second(render: Render, command: RegisterRender) -> None:
    """Refuse an agent whose name another one, still connected, has."""
    connected = render.state & RenderState.ONLINE and render.session and not render.lost
    if connected and render.instance and render.instance != command.instance:
        where = f" at {render.address}" if render.address else ""
        raise Conflict(
            f'A render named "{render.name}" is connected already{where}.',
            hint="Give this one another name: `afrender --name NAME` or AF_HOSTNAME.",
        )


def _first_state(farm: Farm, pool: int, nimby: str) -> int:
    """Return the state of a render nobody knew: nimby as it asked, or as its pools want for newcomers."""
    state = RenderState(0)
    chain = list(pool_chain(farm, pool))
    if nimby == "NIMBY":
        state |= RenderState.NIMBY
    elif nimby or any(each.new_nimby for each in chain):
        state |= RenderState.NIMBY_USER
    if any(each.new_paused for each in chain):
        state |= RenderState.PAUSED
    return int(state)


def _info(command: RegisterRender) -> dict[str, Any]:
    info: dict[str, Any] = {
        name: getattr(command, name)
        for name in ("engine", "os", "address", "family", "launched", "instance", "interfaces", "devices", "resources")
    }
    return info


def _known(farm: Farm, render: int) -> Render:
    found = farm.renders.get(render)
    if found is None:
        raise NotFound(f"There is no render {render}.", hint="It registers again when it reconnects.")
    return found


def lose_render(context: Context, command: LoseRender) -> Steps:
    """Note that a connection broke; an older one than the present does not matter."""
    render = _known(context.farm, command.render)
    if render.session == command.session and render.state & RenderState.ONLINE:
        yield RenderDisconnected(render.id, command.session)


def deregister_render(context: Context, command: DeregisterRender) -> Steps:
    """Let a render leave: its tasks are ready again at once, without an error."""
    render = _known(context.farm, command.render)
    if render.session == command.session and render.state & RenderState.ONLINE:
        yield from take_offline(context.farm, render, RunStatus.RENDER_LEFT)


def take_offline(farm: Farm, render: Render, status: RunStatus) -> Steps:
    """Yield the end of everything that runs on a render, and of the render's being online."""
    for key in sorted(render.runs):
        run = farm.runs[key]
        if run.render == render.id:
            yield from return_run(farm, run, status)
        else:
            yield from release_host(farm, run, render.id, status)
    yield RenderWentOffline(render.id, int(status))


_STATE_WORDS = {"nimby": RenderState.NIMBY_USER, "NIMBY": RenderState.NIMBY, "paused": RenderState.PAUSED}


def set_renders(context: Context, command: SetRenders) -> Steps:
    """Edit renders.  ``nimby`` and ``NIMBY`` exclude each other.  Reply: ``{"renders": how many really changed}``."""
    farm, edits = context.farm, []
    if "user_name" in command.parameters and context.principal.role < Role.GOD:
        raise NotAllowed("Whose a render is, only an administrator may change.", hint="Leave user_name out.")
    for id in named("render", command.names, farm.renders_by_name):
        render = farm.renders[id]
        old, new = edit(RENDER, command.parameters, read=partial(render_value, render), what="render")
        state = _new_state(render.state, new)
        old = {name: value for name, value in old.items() if name not in _STATE_WORDS}
        new = {name: value for name, value in new.items() if name not in _STATE_WORDS}
        if state != render.state:
            old["state"], new["state"] = render.state, state
        if new:
            edits.append(RenderEdited(id, old, new))
    yield from edits
    return {"renders": len(edits)}


def render_value(render: Render, name: str) -> Any:
    """Return the present value of an editable parameter of a render."""
    bit = _STATE_WORDS.get(name)
    return getattr(render, name) if bit is None else bool(render.state & bit)


def _new_state(state: int, new: dict[str, Any]) -> int:
    for name, bit in _STATE_WORDS.items():
        if name in new:
            state = state | bit if new[name] else state & ~bit
    if new.get("NIMBY"):
        state &= ~RenderState.NIMBY_USER
    elif new.get("nimby"):
        state &= ~RenderState.NIMBY
    return int(state)


def delete_renders(context: Context, command: DeleteRenders) -> Steps:
    """Forget renders.  Raises Conflict for one that is online.  Reply: ``{"renders": how many}``."""
    farm = context.farm
    ids = named("render", command.names, farm.renders_by_name)
    for id in ids:
        render = farm.renders[id]
        if render.state & RenderState.ONLINE or render.runs:
            raise Conflict(
                f'Render "{render.name}" is {"online" if render.state & RenderState.ONLINE else "awaited"}.',
                hint="Only a render that is offline can be deleted: end its agent first.",
            )
    for id in ids:
        yield RenderDeleted(id, farm.renders[id].name)
    return {"renders": len(ids)}
