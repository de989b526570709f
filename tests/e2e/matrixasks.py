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
    lost: Callable[[str], int]
    """Makes a thing of a kind that is theirs and may be lost by what is asked, and returns its id; of ``number`` only a
    number that was never given."""


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
    "task.thumbnails": _one(block=0, tasks=[0]),
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


def _act(kind: str, operation: Any, *, of: str = "", **more: Any) -> Callable[[Thing, str], dict[str, Any]]:
    """Return how an action is asked on what is somebody's: the things themselves, or (``of``) such that may be lost."""

    def request(thing: Thing, as_user: str) -> dict[str, Any]:
        action = {"user_name": as_user, "host_name": "desk", "type": kind, **more}
        if of:
            action["ids"] = [thing.lost(of)]
        elif kind == "jobs":
            action["ids"] = [thing.job]
        elif kind == "renders":
            action["mask"] = thing.render
        elif kind == "users":
            action["mask"] = thing.name
        else:
            action["ids"] = [1]
        return {"action": {**action, **operation}}

    return request


def _do(kind: str, what: str, *, of: str = "", words: Any = None, **more: Any) -> Callable[..., dict[str, Any]]:
    return _act(kind, {"operation": {"type": what, **(words or {})}}, of=of, **more)


def _params(kind: str, *, of: str = "", blocks: bool = False, **params: Any) -> Callable[..., dict[str, Any]]:
    more = {"block_ids": [0]} if blocks else {}
    return _act(kind, {"params": params}, of=of, **more)


def _of_task(what: str, **words: Any) -> Callable[..., dict[str, Any]]:
    return _do("jobs", what, of="job", block_ids=[0], words={"task_ids": [0], **words})


def _of_block(what: str, **words: Any) -> Callable[..., dict[str, Any]]:
    return _do("jobs", what, of="job", block_ids=[-1], words=words)


def _get(kind: str, **more: Any) -> Callable[[Thing, str], dict[str, Any]]:
    return lambda thing, as_user: {"get": {"type": kind, **more}}


def _of_job(**more: Any) -> Callable[[Thing, str], dict[str, Any]]:
    return lambda thing, as_user: {"get": {"type": "jobs", "ids": [thing.job], **more}}


_ONE_TASK = {"block_ids": [0], "task_ids": [0]}

CLASSIC: dict[str, Callable[[Thing, str], dict[str, Any]]] = {
    "job.submit": lambda thing, as_user: {
        "job": {
            "name": "m", "user_name": thing.name, "host_name": "desk", "offline": True,
            "blocks": [{**_BLOCK, "flags": 1, "frames_per_task": 1, "frames_inc": 1}],
        }
    },
    "job.list": _get("jobs"),
    "job.show": _of_job(),
    "job.spec": _of_job(mode="full"),
    "job.tasks": _of_job(mode="progress"),
    "job.error-hosts": _of_job(mode="error_hosts"),
    "job.log": _of_job(mode="log"),
    "task.list": _of_job(block_ids=[0], mode=["full"]),
    "task.show": _of_job(mode="info", **_ONE_TASK),
    "task.log": _of_job(mode="output", **_ONE_TASK),
    "task.files": _of_job(mode="files", **_ONE_TASK),
    "history.runs": _of_job(mode="log", **_ONE_TASK),
    "render.list": _get("renders"),
    "render.show": _get("renders", mode="full", ids=[1]),
    "history.resources": _get("renders", mode="resources"),
    "run.list": _get("renders", mode="tasks_log", ids=[1]),
    "user.list": _get("users"),
    "user.show": _get("users", ids=[1]),
    "pool.list": _get("pools"),
    "pool.show": _get("pools", ids=[1]),
    "branch.list": _get("branches"),
    "branch.show": _get("branches", ids=[1]),
    "job.set": _params("jobs", priority=7),
    "job.start": _do("jobs", "start", of="job"),
    "job.pause": _do("jobs", "pause"),
    "job.stop": _do("jobs", "stop", of="job"),
    "job.delete": _do("jobs", "delete", of="job"),
    "job.restart": _do("jobs", "restart", of="job"),
    "job.reset-error-hosts": _do("jobs", "reset_error_hosts", of="job"),
    "job.reset-try-next": _do("jobs", "reset_trying_next_tasks", of="job"),
    "job.append-blocks": _do(
        "jobs", "append_blocks", of="job", words={"blocks": [{**_BLOCK, "name": "more", "flags": 1}]}
    ),
    "job.move": lambda thing, as_user: _do("users", "move_jobs_top", words={"jids": [thing.job]})(thing, as_user),
    "block.set": _params("jobs", of="job", blocks=True, capacity=7),
    "block.append-tasks": _do(
        "jobs", "append_tasks", of="job", block_ids=[1], words={"tasks": [{"name": "t", "command": "true"}]}
    ),
    "job.skip": _of_block("skip"),
    "job.done": _of_block("done"),
    "job.suspend": _of_block("suspend"),
    "job.continue": _of_block("continue"),
    "task.restart": _of_task("restart"),
    "task.skip": _of_task("skip"),
    "task.done": _of_task("done"),
    "task.suspend": _of_task("suspend"),
    "task.continue": _of_task("continue"),
    "task.reset-error-hosts": _of_task("reset_error_hosts"),
    "task.try-next": _of_task("trynext", mode="append"),
    "render.set": _params("renders", priority=7),
    "render.set-ticket": _do("renders", "tickets", words={"name": "T", "count": 1, "host": True}),
    "render.services": _do("renders", "farm", words={"mode": "service_disable", "name": "generic"}),
    "render.heal": _do("renders", "heal_sick"),
    "render.eject-tasks": _do("renders", "eject_tasks"),
    "render.move": _do("renders", "reassign_pool", of="render"),
    "render.delete": _do("renders", "delete", of="render"),
    "render.wake": _do("renders", "wol_wake", of="render"),
    "render.exit": _do("renders", "exit", of="online"),
    "render.reboot": _do("renders", "reboot", of="online"),
    "render.shutdown": _do("renders", "shutdown", of="online"),
    "render.sleep": _do("renders", "wol_sleep", of="online"),
    "user.add": lambda thing, as_user: {
        "user": {"name": thing.name if as_user == thing.name else f"new{thing.lost('number')}"}
    },
    "user.set": _params("users", priority=7),
    "user.delete": _do("users", "delete", of="user"),
    "pool.set": _params("pools", priority=7),
    "pool.add": lambda thing, as_user: _do("pools", "add_pool", words={"name": f"made{thing.lost('number')}"})(
        thing, as_user
    ),
    "pool.delete": _do("pools", "delete", of="pool"),
    "pool.services": _do("pools", "farm", words={"mode": "service_disable", "name": "nosuch"}),
    "pool.set-ticket": _do("pools", "tickets", words={"name": "T", "count": 1}),
    "branch.set": _params("branches", priority=7),
    "branch.delete": _do("branches", "delete", of="branch"),
    "config.reload": lambda thing, as_user: {"reload_config": {}},
}
"""Requests of the classic dialect that come to an operation, for somebody's things under a claimed name."""

NOT_CLASSIC = frozenset(
    """
    job.weight server.traffic
    job.watch task.follow
    job.why file.read job.thumbnails task.thumbnails render.restore-defaults render.restart operation.undo
    pool.tickets pool.members farm.load farm.reload farm.export farm.check parameters.show server.status
    server.resume system.queue config.show past.show past.rows past.span past.changes
    statistics.show statistics.delete statistics.check statistics.drivers statistics.lag statistics.reset
    statistics.update-tables
    account.list account.add account.password account.role account.delete token.list token.create token.revoke
    session.login session.show node.list node.code node.approve node.revoke audit.list audit.show audit.verify
    """.split()
)
"""Operations that no request of the classic dialect comes to; the first line only by its binary form
(``tests/wire/test_classic_server.py``), the second are views made of others."""
