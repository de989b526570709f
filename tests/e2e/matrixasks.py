"""How each operation is asked so that its answer tells who may: whatever passes the role check is refused after it.

An operation is given what is somebody's together with something that is not there, or with a value that no rule takes:
a caller who may is told so (not found, wrong value), a caller who may not is told that first, and the farm stays as it
was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["ASKS", "CLASSIC", "Thing"]

_GONE = 999_999
_BLOCK = {"name": "b", "service": "generic", "command": "true", "frame_first": 1, "frame_last": 1}


class Thing(NamedTuple):
    """What belongs to one person: the name, a job, a render, an operation that can be taken back, and fresh tokens."""

    name: str
    job: int
    render: str
    operation: str
    token: Callable[[], str]
    """Makes a token of this person and returns its id."""


def _ids(thing: Thing) -> dict[str, Any]:
    return {"ids": [thing.job, _GONE]}


def _job(thing: Thing) -> dict[str, Any]:
    return {"job": thing.job, "blocks": [77]}


def _task(thing: Thing) -> dict[str, Any]:
    return {"job": thing.job, "block": 77, "tasks": [[0, 0]]}


def _names(thing: Thing) -> dict[str, Any]:
    return {"names": [thing.render, "nosuch"]}


def _nothing(thing: Thing) -> dict[str, Any]:
    return {}


def _one(**more: Any) -> Callable[[Thing], dict[str, Any]]:
    return lambda thing: {"job": thing.job, **more}


ASKS: dict[str, Callable[[Thing], dict[str, Any]]] = {
    "job.submit": lambda thing: {
        "job": {"name": "m", "user_name": thing.name, "offline": True, "blocks": [_BLOCK]}
    },
    "job.list": _nothing,
    "job.show": _one(),
    "job.spec": _one(),
    "job.tasks": _one(),
    "job.weight": _nothing,
    "job.watch": _ids,
    "job.error-hosts": _one(),
    "job.why": _one(),
    "job.log": _one(),
    "job.restart": _ids,
    "job.skip": _job,
    "job.done": _job,
    "job.suspend": _job,
    "job.continue": _job,
    "job.pause": _ids,
    "job.start": _ids,
    "job.stop": _ids,
    "job.delete": _ids,
    "job.set": lambda thing: {**_ids(thing), "parameters": {"priority": 7}},
    "job.reset-error-hosts": _job,
    "block.set": lambda thing: {**_job(thing), "parameters": {"capacity": 7}},
    "job.move": lambda thing: {**_ids(thing), "where": "up"},
    "job.append-blocks": _one(spec={"blocks": []}),
    "block.append-tasks": _one(block=77, spec={"tasks": [{"name": "t", "command": "1"}]}),
    "task.list": _one(block=0),
    "task.show": _one(block=0, task=0),
    "task.log": _one(block=0, task=0),
    "task.files": _one(block=0, task=0),
    "file.read": lambda thing: {"id": f"{thing.job}.0.0.1.00000000"},
    "job.thumbnails": lambda thing: {"ids": [thing.job]},
    "task.follow": _one(block=0, task=0),
    "task.restart": _task,
    "task.skip": _task,
    "task.done": _task,
    "task.suspend": _task,
    "task.continue": _task,
    "task.reset-error-hosts": _task,
    "task.try-next": _task,
    "job.reset-try-next": _one(),
    "render.list": _nothing,
    "render.show": lambda thing: {"name": thing.render},
    "render.set": lambda thing: {**_names(thing), "parameters": {"priority": 7}},
    "render.set-ticket": lambda thing: {"name": thing.render, "ticket": "T", "count": -1},
    "render.delete": _names,
    "render.move": lambda thing: {**_names(thing), "path": "/"},
    "render.services": lambda thing: {**_names(thing), "action": "add", "service": "generic"},
    "render.restore-defaults": _names,
    "render.heal": _names,
    "render.sleep": _names,
    "render.wake": _names,
    "render.exit": _names,
    "render.restart": _names,
    "render.reboot": _names,
    "render.shutdown": _names,
    "render.eject-tasks": _names,
    "operation.undo": lambda thing: {"operation": thing.operation},
    "user.list": _nothing,
    "user.show": lambda thing: {"name": thing.name},
    "user.add": lambda thing: {"name": thing.name},
    "user.set": lambda thing: {"names": [thing.name], "parameters": {"nosuch": 7}},
    "user.delete": lambda thing: {"names": [thing.name, "nosuch"]},
    "pool.list": _nothing,
    "pool.show": lambda thing: {"path": "/"},
    "system.queue": _nothing,
    "pool.tickets": _nothing,
    "pool.members": _nothing,
    "pool.set": lambda thing: {"paths": ["/", "/nosuch"], "parameters": {"priority": 7}},
    "pool.add": lambda thing: {"path": "/nosuch/below"},
    "pool.delete": lambda thing: {"paths": ["/nosuch"]},
    "pool.services": lambda thing: {"paths": ["/nosuch"], "action": "add", "service": "generic"},
    "pool.set-ticket": lambda thing: {"path": "/nosuch", "ticket": "T", "count": 1},
    "branch.list": _nothing,
    "branch.show": lambda thing: {"path": "/"},
    "branch.set": lambda thing: {"paths": ["/", "/nosuch"], "parameters": {"priority": 7}},
    "branch.delete": lambda thing: {"paths": ["/nosuch"]},
    "farm.load": lambda thing: {"text": "<farm>"},
    "farm.reload": _nothing,
    "farm.export": _nothing,
    "farm.check": lambda thing: {"names": [thing.render]},
    "config.reload": _nothing,
    "run.list": _nothing,
    "history.runs": _nothing,
    "history.resources": _nothing,
    "past.show": lambda thing: {"at": 1.0, "view": "job.show", "arguments": {"job": thing.job}},
    "past.rows": lambda thing: {"at": 1.0},
    "past.span": _nothing,
    "past.changes": _nothing,
    "parameters.show": lambda thing: {"kind": "job", "things": [str(thing.job)]},
    "server.status": _nothing,
    "server.resume": _nothing,
    "server.traffic": _nothing,
    "config.show": _nothing,
    "statistics.show": _nothing,
    "statistics.delete": lambda thing: {"folder": "/no/such/folder", "yes": True},
    "statistics.check": _nothing,
    "statistics.drivers": _nothing,
    "statistics.lag": _nothing,
    "statistics.reset": lambda thing: {"what": "nosuch"},
    "statistics.update-tables": lambda thing: {"nosuch": 1},
    "account.list": _nothing,
    "account.add": lambda thing: {"name": "no/such"},
    "account.password": lambda thing: {"name": thing.name, "old": f"the horse of {thing.name}", "password": "short"},
    "account.role": lambda thing: {"name": "nosuch", "role": "user"},
    "account.delete": lambda thing: {"name": "nosuch"},
    "token.list": _nothing,
    "token.create": lambda thing: {"account": thing.name, "days": 1},
    "token.revoke": lambda thing: {"id": thing.token()},
    "session.login": lambda thing: {"name": thing.name, "password": f"the horse of {thing.name}", "days": 0.01},
    "session.show": _nothing,
    "node.list": _nothing,
    "node.code": _nothing,
    "node.approve": lambda thing: {"name": "nosuch"},
    "node.revoke": lambda thing: {"name": "nosuch"},
    "audit.list": lambda thing: {"limit": 1},
    "audit.show": lambda thing: {"seq": 1},
    "audit.verify": _nothing,
}
"""By operation, the arguments for somebody's things."""


def _act(kind: str, operation: Any, **more: Any) -> Callable[[Thing, str], dict[str, Any]]:
    def request(thing: Thing, as_user: str) -> dict[str, Any]:
        action = {"user_name": as_user, "host_name": "desk", "type": kind, **more}
        action["operation" if operation is not None else "params"] = operation
        if kind in ("jobs", "tasks"):
            action["ids"] = [thing.job]
        elif kind == "renders":
            action["mask"] = thing.render
        elif kind == "users":
            action["mask"] = thing.name
        else:
            action["ids"] = [1]
        return {"action": action}

    return request


def _params(kind: str, **params: Any) -> Callable[[Thing, str], dict[str, Any]]:
    def request(thing: Thing, as_user: str) -> dict[str, Any]:
        asked: dict[str, Any] = _act(kind, {"type": "x"})(thing, as_user)
        del asked["action"]["operation"]
        asked["action"]["params"] = params
        return asked

    return request


def _get(kind: str, **more: Any) -> Callable[[Thing, str], dict[str, Any]]:
    return lambda thing, as_user: {"get": {"type": kind, **more}}


CLASSIC: dict[str, Callable[[Thing, str], dict[str, Any]]] = {
    "job.submit": lambda thing, as_user: {
        "job": {
            "name": "m", "user_name": thing.name, "host_name": "desk", "offline": True,
            "blocks": [{**_BLOCK, "flags": 1, "frames_per_task": 1, "frames_inc": 1}],
        }
    },
    "job.list": _get("jobs"),
    "render.list": _get("renders"),
    "user.list": _get("users"),
    "pool.list": _get("pools"),
    "branch.list": _get("branches"),
    "job.pause": _act("jobs", {"type": "pause"}),
    "job.set": _params("jobs", priority=7),
    "render.set": _params("renders", priority=7),
    "user.set": _params("users", priority=7),
    "pool.set": _params("pools", priority=7),
    "branch.set": _params("branches", priority=7),
    "config.reload": lambda thing, as_user: {"reload_config": {}},
}
"""Requests of the classic dialect that come to an operation, for somebody's things under a claimed name."""
