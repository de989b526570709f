"""What ``afcmd`` shows of each operation: columns of its tables, sentences for what was done and for what is empty."""

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from afnet.cli.text import Moment, table

__all__ = ["TABLES", "as_json", "empty_sentence", "exit_word", "kept_lines", "sentence", "table_for"]

Column = tuple[str, Callable[[dict[str, Any]], Any]]

_RUNNING, _DONE, _SKIPPED, _ERROR = 2, 4, 5, 6
"""Places in ``counts``: the order of TaskState."""


def _limit(value: int) -> str:
    return "-" if value < 0 else str(value)


def _rest(row: dict[str, Any]) -> str:
    more = row["different"] - len(row["values"])
    return f" and {more} more" if more > 0 else ""


def exit_word(status: int) -> str:
    """Return an exit code as it is, and minus a signal by the name of that."""
    if status >= 0:
        return str(status)
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


_JOB: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("USER", lambda row: row["user"]),
    ("STATE", lambda row: row["state"]),
    ("%", lambda row: row["percent"]),
    ("DONE", lambda row: row["counts"][_DONE] + row["counts"][_SKIPPED]),
    ("RUN", lambda row: row["running"]),
    ("ERR", lambda row: row["counts"][_ERROR]),
    ("TASKS", lambda row: sum(row["counts"])),
    ("PRIO", lambda row: row["priority"]),
    ("CREATED", lambda row: Moment(row["time_creation"])),
)
_PARAMETER: tuple[Column, ...] = (
    ("PARAMETER", lambda row: row["name"]),
    ("VALUE", lambda row: ", ".join(f"{value}" for value, _ in row["values"]) + _rest(row)),
    ("TAKES", lambda row: " ".join(filter(None, row["words"])) or row["kind"]),
)
_BLOCK: tuple[Column, ...] = (
    ("BLOCK", lambda row: row["index"]),
    ("NAME", lambda row: row["name"]),
    ("SERVICE", lambda row: row["service"]),
    ("%", lambda row: row["percent"]),
    ("DONE", lambda row: row["counts"][_DONE]),
    ("SKIP", lambda row: row["counts"][_SKIPPED]),
    ("RUN", lambda row: row["running"]),
    ("READY", lambda row: row["counts"][1]),
    ("WAIT", lambda row: row["counts"][0]),
    ("ERR", lambda row: row["counts"][_ERROR]),
    ("TASKS", lambda row: row["tasks"]),
)
_TASK: tuple[Column, ...] = (
    ("TASK", lambda row: row["task"]),
    ("NAME", lambda row: row["name"]),
    ("STATE", lambda row: row["state"]),
    ("%", lambda row: row["percent"]),
    ("STARTS", lambda row: row["starts"]),
    ("ERRORS", lambda row: row["errors"]),
    ("RENDER", lambda row: row["render"] or "-"),
    ("STARTED", lambda row: Moment(row["started"])),
    ("FINISHED", lambda row: Moment(row["finished"])),
)
_RENDER: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("STATE", lambda row: " ".join(row["words"])),
    ("POOL", lambda row: row["pool"]),
    ("TASKS", lambda row: f"{row['running']}/{_limit(row['max_tasks'])}"),
    ("CAPACITY", lambda row: f"{row['used_capacity']}/{_limit(row['capacity'])}"),
    ("PRIO", lambda row: row["priority"]),
    ("ADDRESS", lambda row: row["address"]),
)
_RUN: tuple[Column, ...] = (
    ("JOB", lambda row: row["job"]),
    ("BLOCK", lambda row: row["block"]),
    ("TASK", lambda row: row["task"]),
    ("RUN", lambda row: row["run"]),
    ("NAME", lambda row: f"{row['job_name']}: {row['name']}"),
    ("RENDER", lambda row: ": ".join(filter(None, (row["render"], " ".join(row["captured"]))))),
    ("%", lambda row: row["percent"]),
    ("STARTED", lambda row: Moment(row["started"])),
)
_USER: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("JOBS", lambda row: row["jobs"]),
    ("RUN", lambda row: row["running"]),
    ("MAX", lambda row: _limit(row["max_running_tasks"])),
    ("PRIO", lambda row: row["priority"]),
)
_POOL: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("PATH", lambda row: row["path"]),
    ("RENDERS", lambda row: row["renders"]),
    ("RUN", lambda row: row["running"]),
    ("CAPACITY", lambda row: "no limit" if row["capacity_host"] == -2 else _limit(row["capacity_host"])),
    ("MAX TASKS", lambda row: _limit(row["max_tasks_host"])),
    ("PRIO", lambda row: row["priority"]),
)
_BRANCH: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("PATH", lambda row: row["path"]),
    ("JOBS", lambda row: row["jobs"]),
    ("RUN", lambda row: row["running"]),
    ("PRIO", lambda row: row["priority"]),
)
_HISTORY: tuple[Column, ...] = (
    ("JOB", lambda row: row["job"]),
    ("BLOCK", lambda row: row["id_block"]),
    ("TASK", lambda row: row["id_task"]),
    ("RUN", lambda row: row["run"]),
    ("STATUS", lambda row: row["status"]),
    ("EXIT", lambda row: exit_word(row["exit_status"])),
    ("RENDER", lambda row: row["hostname"]),
    ("USER", lambda row: row["username"]),
    ("ENDED", lambda row: Moment(row["done_ms"] / 1000)),
    ("TOOK", lambda row: f"{max(0, row['done_ms'] - row['started_ms']) / 1000:.1f}s"),
    ("NAME", lambda row: f"{row['blockname']}: {row['taskname']}"),
)
_LINE: tuple[Column, ...] = (
    ("WHEN", lambda row: Moment(row["at"])),
    ("WHO", lambda row: row["who"]),
    ("FROM", lambda row: row["origin"] or "-"),
    ("WHAT", lambda row: row["what"]),
)
_SETTING: tuple[Column, ...] = (
    ("SETTING", lambda row: row["name"]),
    ("VALUE", lambda row: f"{json.dumps(row['value'], ensure_ascii=False)} {row['unit']}".rstrip()),
    ("FROM", lambda row: row["source"]),
)

_FILE: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("RUN", lambda row: row["run"]),
    ("BYTES", lambda row: row["size"]),
    ("NAME", lambda row: row["name"]),
)
_CHANGED: tuple[Column, ...] = (
    ("SETTING", lambda row: row["name"]),
    ("VALUE", lambda row: f"{json.dumps(row['value'], ensure_ascii=False)} {row['unit']}".rstrip()),
    ("WAS", lambda row: json.dumps(row["was"], ensure_ascii=False)),
    ("FROM", lambda row: row["source"]),
    ("COUNTS", lambda row: row["counts"]),
)
_HOST: tuple[Column, ...] = (
    ("HOST", lambda row: row["name"]),
    ("PATTERNS", lambda row: ", ".join(row["patterns"]) or "none takes it"),
    ("SETS", lambda row: ", ".join(f"{name} {value}" for name, value in row["parameters"].items()) or "-"),
    ("SERVICES", lambda row: ", ".join(f"{name} {most}" if most else name for name, most in row["services"].items())
        or "-"),
    ("IN POOL", lambda row: row["pool"] or "not registered"),
)  # fmt: skip

_ERROR_HOST: tuple[Column, ...] = (
    ("BLOCK", lambda row: f"{row['block']} {row['block_name']}"),
    ("TASK", lambda row: "-" if row["task"] < 0 else row["task"]),
    ("RENDER", lambda row: row["render"]),
    ("ERRORS", lambda row: row["errors"]),
    ("LAST", lambda row: Moment(row["last"])),
    ("AVOIDED", lambda row: "yes" if row["avoided"] else "no"),
)
_TICKETS: tuple[Column, ...] = (
    ("POOL", lambda row: row["pool"]),
    ("TICKET", lambda row: row["ticket"]),
    ("USED", lambda row: "each render" if row["host"] else row["used"]),
    ("COUNT", lambda row: _limit(row["count"])),
    ("MAX HOSTS", lambda row: _limit(row["max_hosts"])),
    ("HELD BY", lambda row: ", ".join(f"{render} {held}" for render, held in row["holders"]) or "-"),
)
_QUEUE: tuple[Column, ...] = (
    ("BLOCK", lambda row: row["block_name"]),
    ("TURN", lambda row: row["place"] or "now"),
    ("STATE", lambda row: row["state"]),
    ("TASK", lambda row: row["task"] if row["task"] >= 0 else "-"),
    ("FOR", lambda row: row["user"] or "-"),
    ("JOB", lambda row: row["job"] or "-"),
    ("COMMAND", lambda row: row["command"]),
)
_MEMBERS: tuple[Column, ...] = (
    ("PATH", lambda row: row["path"]),
    ("RENDERS", lambda row: " ".join(row["renders"]) or "-"),
)

_TRAFFIC: tuple[Column, ...] = (
    ("KIND", lambda row: row["kind"]),
    ("PEER", lambda row: row["peer"]),
    ("MESSAGES", lambda row: row["messages"]),
    ("IN BYTES", lambda row: row["received_bytes"]),
    ("OUT BYTES", lambda row: row["sent_bytes"]),
    ("MESSAGES/s", lambda row: row["messages_per_second"]),
    ("IN/s", lambda row: row["received_per_second"]),
    ("OUT/s", lambda row: row["sent_per_second"]),
    ("LARGEST", lambda row: row["largest"]),
)
_WEIGHT: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("LOG", lambda row: row["log"]),
    ("ERROR HOSTS", lambda row: row["error_hosts"]),
    ("PROGRESS", lambda row: row["progress"]),
    ("TEXTS", lambda row: row["texts"]),
)
_CHANGE: tuple[Column, ...] = (
    ("WHEN", lambda row: Moment(row["at"])),
    ("WHO", lambda row: row["who"]),
    ("ACTION", lambda row: row["action"]),
    ("WHAT", lambda row: row["what"]),
)
TABLES: dict[str, tuple[Column, ...]] = {
    "past.changes": _CHANGE,
    "job.list": _JOB,
    "blocks": _BLOCK,
    "task.list": _TASK,
    "render.list": _RENDER,
    "run.list": _RUN,
    "user.list": _USER,
    "pool.list": _POOL,
    "job.error-hosts": _ERROR_HOST,
    "pool.tickets": _TICKETS,
    "pool.members": _MEMBERS,
    "system.queue": _QUEUE,
    "branch.list": _BRANCH,
    "history.runs": _HISTORY,
    "job.log": _LINE,
    "config.show": _SETTING,
    "task.files": _FILE,
    "parameters.show": _PARAMETER,
    "server.traffic": _TRAFFIC,
    "job.weight": _WEIGHT,
    "job.thumbnails": (("JOB", lambda row: row["job"]), *_FILE),
    "task.thumbnails": (("TASK", lambda row: row["task"]), *_FILE),
    "config.reload": _CHANGED,
    "farm.check": _HOST,
    "node.list": (
        ("NAME", lambda row: row["name"]),
        ("STATE", lambda row: row["state"]),
        ("SINCE", lambda row: Moment(row["since"])),
        ("ADDRESS", lambda row: row["address"]),
        ("BY", lambda row: row["by"]),
        ("KEY", lambda row: row["key"][:32]),
    ),
    "account.list": (
        ("NAME", lambda row: row["name"]),
        ("ROLE", lambda row: row["role"]),
        ("PASSWORD", lambda row: "yes" if row["password"] else "none"),
        ("TOKENS", lambda row: row["tokens"]),
        ("CHANGED", lambda row: Moment(row["changed"])),
    ),
    "token.list": (
        ("ID", lambda row: row["id"]),
        ("ACCOUNT", lambda row: row["account"]),
        ("SCOPE", lambda row: row["scope"]),
        ("UNTIL", lambda row: Moment(row["expires"])),
        ("LABEL", lambda row: row["label"]),
    ),
    "audit.list": (
        ("NUMBER", lambda row: row["seq"]),
        ("WHEN", lambda row: Moment(row["at"])),
        ("WHO", lambda row: row["who"]),
        ("ROLE", lambda row: row["role"]),
        ("FROM", lambda row: row["origin"]),
        ("ACTION", lambda row: row["action"]),
        ("WHAT", lambda row: row["what"]),
    ),
}


_EMPTY = {
    "job.list": "There are no jobs. `afcmd submit FILE` submits one.",
    "task.list": "The block has no tasks.",
    "render.list": "No render has registered. `afrender` starts one on this machine.",
    "run.list": "Nothing runs now.",
    "user.list": "There are no users: the first job of somebody makes one.",
    "system.queue": "The system job has nothing to do.",
    "pool.tickets": "No pool has tickets: `afcmd pool set-ticket / NAME COUNT` makes some.",
    "pool.list": "There are no pools.",
    "branch.list": "There are no branches.",
    "history.runs": "No run has ended.",
    "job.error-hosts": "No host failed it.",
    "job.log": "Nothing is known of it.",
    "task.files": "No files are kept of it.",
    "server.traffic": "Nothing was said yet.",
    "job.weight": "There are no jobs.",
    "job.thumbnails": "None of them has a thumbnail.",
    "task.thumbnails": "None of them has a thumbnail.",
    "account.list": "Nobody has an account: only the user that runs the server may use it. "
    "`afcmd account add NAME` adds one.",
    "node.list": "No node was paired: renders of this machine need none. `afcmd node code` makes a pairing code.",
    "token.list": "There are no tokens.",
    "audit.list": "Nobody has done anything yet.",
    "past.changes": "Nobody changed anything then.",
}

_DID = {
    "restart": "Restarted",
    "skip": "Skipped",
    "done": "Set done",
    "suspend": "Suspended",
    "continue": "Continued",
    "pause": "Paused",
    "start": "Started",
    "stop": "Stopped",
    "delete": "Deleted",
    "set": "Changed",
    "load": "Loaded",
    "reload": "Loaded",
}


def table_for(name: str, rows: Sequence[dict[str, Any]], *, header: bool = True, width: int = 0) -> list[str]:
    """Return the lines of the table of an operation's rows; with ``width`` they fit that."""
    columns = TABLES[name]
    head = [title for title, _ in columns] if header else None
    return table(head, [[value(row) for _, value in columns] for row in rows], width=width)


def empty_sentence(name: str, given: Mapping[str, Any]) -> str:
    """Return what to say instead of an empty table: that there is nothing, or nothing like what was ``given``."""
    asked = [word for word in given if word not in ("limit", "after", "before", "job", "block")]
    if name == "past.changes":
        return _EMPTY[name]
    if name == "history.runs" and "job" in given:
        asked.append("job")
    if asked:
        return "Nothing is like that: " + ", ".join(f"{word} {given[word]}" for word in asked) + "."
    if given.get("after") or given.get("before"):
        return "There is nothing more."
    return _EMPTY[name]


def kept_lines(name: str, reply: Mapping[str, Any]) -> list[str]:
    """Return what to say under a listing of the past: how long it is kept."""
    if name != "history.runs" or "keep_days" not in reply:  # a server of an older version does not say
        return []
    from afnet import words  # late: hardly any answer needs it

    days = reply["keep_days"]
    return [f"Runs are {words.kept(days)} (history_keep_days)."]


def sentence(name: str, reply: Mapping[str, Any]) -> str:
    """Return what a command did, by its answer: ``Restarted: 2 jobs, 34 tasks.``"""
    counts = [(word, count) for word, count in reply.items() if word != "stopping" and isinstance(count, int)]
    parts = [f"{count} {word.removesuffix('es' if word == 'branches' else 's') if count == 1 else word}"
             for word, count in counts]  # fmt: skip
    if reply.get("stopping"):
        are = "task is" if reply["stopping"] == 1 else "tasks are"
        parts.append(f"{reply['stopping']} running {are} being stopped")
    return f"{_DID.get(name.rpartition('.')[2], 'Done')}: {', '.join(parts)}." if parts else "Done."


def as_json(value: Any) -> str:
    """Return JSON for programs; bytes become base64."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
