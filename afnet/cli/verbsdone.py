"""Old verbs of afcmd that ask the farm: names are resolved to ids, then it is one of today's operations.

Rules of this file:
- What is done and what is printed is the operation's; here is only how the old words become its arguments.
- What exists in the classic dialect alone (its monitors, its messages) is asked in that dialect and printed as JSON.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afcore.errors import BadSpec, NotFound, Problem, Rejected
from afnet.cli.asking import ask
from afnet.cli.verbs import Verb
from afnet.registry import OPERATIONS

if TYPE_CHECKING:
    from afnet.client.blocking import BlockingClient

__all__ = ["CLASSIC", "arguments_of", "ask_in_dialect"]

_LISTS = {"job": ("job.list", "id"), "render": ("render.list", "name"), "user": ("user.list", "name"),
          "pool": ("pool.list", "path")}  # fmt: skip
"""By the word of an operation: what lists such things, and what operations call them by."""

_TARGETS = {"job": "ids", "render": "names", "user": "names", "pool": "paths"}
_NUMBERS = ("priority", "max_running_tasks")

_VERSION = 81
"""Version of the binary framing."""


def _wrong(name: str, what: str) -> BadSpec:
    return BadSpec([Problem(name, what)], code="bad_arguments")


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _wrong(name, f'must be a whole number, not "{text}"') from None


def _rows(client: "BlockingClient", operation: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    arguments: dict[str, Any] = {**(given or {}), "limit": 1000}
    rows: list[dict[str, Any]] = []
    while True:
        reply = ask(client, operation, arguments)
        rows += reply["rows"]
        if reply["next"] is None:
            return rows
        arguments["after"] = reply["next"]


def _named(client: "BlockingClient", kind: str, mask: str) -> list[Any]:
    """Return what operations call the things whose whole name a mask matches; NotFound when there is none."""
    operation, field = _LISTS[kind]
    pattern = mask.lower() if kind == "render" else mask
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise _wrong("NAME", f'"{mask}" is no regular expression: {error}') from None
    name = "path" if kind == "pool" else "name"
    found = [row[field] for row in _rows(client, operation) if expression.fullmatch(row[name])]
    if not found:
        hint = f"It is a regular expression for whole names; `afcmd {kind} list` shows them."
        raise NotFound(f'No {kind} has a name like "{mask}".', hint=hint)
    return found


def _change(verb: Verb, words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that a verb sets."""
    if "=" in verb.change:
        return {name: value == "true" for name, _, value in (each.partition("=") for each in verb.change.split())}
    value = words[1]
    return {verb.change: _whole(verb.change, value) if verb.change in _NUMBERS else value}


def arguments_of(client: "BlockingClient", verb: Verb, words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of the verb's operation.  Raises NotFound and BadSpec."""
    if verb.alias not in OPERATIONS:
        raise Rejected(f"afcmd {verb.name} is not here yet.", hint="afcmd --help lists what is.", code="later")
    thing, _, what = verb.alias.partition(".")
    if verb.alias == "statistics.reset":
        if words and words[0] != "--yes":
            raise _wrong(verb.name, f'takes --yes, not "{words[0]}"')
        return {"what": verb.change, "yes": bool(words)}
    special = _SPECIAL.get(verb.name)
    if special is not None:
        return special(client, words)
    if not verb.words:
        return {}
    if verb.words == "ID":
        return {"job": _whole("ID", words[0])}
    given: dict[str, Any] = {_TARGETS[thing]: _named(client, thing, words[0])}
    if what == "set":
        given["parameters"] = _change(verb, words)
    elif what == "services":
        given |= {"action": verb.change, "service": words[1]}
    elif verb.change:
        given[verb.change] = True
    return given


def _task_log(client: "BlockingClient", words: Sequence[str]) -> dict[str, Any]:
    return {name: _whole(name.upper(), word) for name, word in zip(("job", "block", "task"), words)}


def _task_output(client: "BlockingClient", words: Sequence[str]) -> dict[str, Any]:
    names = ("job", "block", "task", "run")
    return {name: _whole(name.upper(), word) for name, word in zip(names, words)}


def _restarted(client: "BlockingClient", words: Sequence[str]) -> dict[str, Any]:
    return {"job": _whole("JOB", words[0]), "block": _whole("BLOCK", words[1]), "tasks": words[2]}


def _jobs_of(client: "BlockingClient", words: Sequence[str]) -> dict[str, Any]:
    for row in _rows(client, "user.list"):
        if words[0] in (row["name"], str(row["id"])):
            return {"user": row["name"]}
    raise NotFound(f'There is no user "{words[0]}".', hint="`afcmd ulist` shows them.")


def _farm_file(client: "BlockingClient", words: Sequence[str]) -> dict[str, Any]:
    try:
        return {"text": Path(words[0]).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(words[0], f"cannot be read: {error}") from None


_SPECIAL: dict[str, Callable[["BlockingClient", Sequence[str]], dict[str, Any]]] = {
    "tout": _task_output,
    "tlog": _task_log,
    "trestart": _restarted,
    "ujobs": _jobs_of,
    "uadd": lambda client, words: {"name": words[0]},
    "fload": _farm_file,
}


# The classic dialect itself


def _get(kind: str, **more: Any) -> dict[str, Any]:
    return {"get": {"type": kind, **more}}


def _from_file(words: Sequence[str]) -> bytes:
    if words[0] not in ("send", "force_send"):
        raise _wrong("json", f'takes send or force_send, not "{words[0]}"')
    try:
        return Path(words[1]).read_bytes()
    except OSError as error:
        raise _wrong(words[1], f"cannot be read: {error.strerror}") from None


def _message(words: Sequence[str]) -> dict[str, Any]:
    from afnet.api.site import host_name, user_name

    operation = {"type": "message", "text": " ".join(words)}
    who = {"user_name": user_name(), "host_name": host_name()}
    return {"action": {**who, "type": "monitors", "mask": ".*", "operation": operation}}


CLASSIC: dict[str, Callable[[Sequence[str]], dict[str, Any] | bytes]] = {
    "plog": lambda words: _get("pools", ids=[_whole("ID", words[0])], mode="log"),
    "mlist": lambda words: _get("monitors"),
    "mlog": lambda words: _get("monitors", ids=[_whole("ID", words[0])], mode="log"),
    "mmsg": _message,
    "json": _from_file,
}
"""What each such verb sends, by name."""


def ask_in_dialect(servers: Sequence[Any], verb: Verb, words: Sequence[str], timeout: float) -> str:
    """Send a verb of the classic dialect, or one of its small binary messages; return what to print."""
    import json
    import struct
    import time

    from afnet.api.ask import exchange

    if verb.name in CLASSIC:
        request = CLASSIC[verb.name](words)
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        told = exchange(b"AFANASY %d JSON%s" % (len(body), body), servers, answer_timeout=timeout)
        return json.dumps(told, indent=2, ensure_ascii=False)
    kinds = {"cfm": 3, "inv": 2, "txt": 21, "txtgen": 21, "tmsg": 22}
    kind, body, count = kinds[verb.name], b"", 1
    if verb.name == "txt":
        body = " ".join(words).encode()
    elif verb.words:
        body = b"x" * max(1, min(60_000_000, _whole("SIZE", words[0])))
        count = max(1, min(100_000, _whole("COUNT", words[1]))) if len(words) > 1 else 1
    begun = time.perf_counter()
    answer: Any = None
    message = struct.pack(">iii", _VERSION, kind, len(body)) + body
    for _ in range(count):
        answer = exchange(message, servers, answer_timeout=timeout)
    seconds = time.perf_counter() - begun
    text = answer["info"]["text"] if isinstance(answer, dict) and "info" in answer else str(answer)
    return f"{text}\n{count} messages of {len(body)} bytes in {seconds:.3f} s" if count > 1 else str(text)
