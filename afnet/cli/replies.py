"""What an operation answered, as a text for a person: what ``afcmd`` prints and the monitor shows of any operation.

Rules of this file:
- Tables and sentences are ``show``'s; here stands which of them an operation has, and what some say in their own way.
"""

from collections.abc import Callable, Mapping
from typing import Any

from afnet.cli.show import TABLES, as_json, empty_sentence, sentence, table_for
from afnet.cli.text import describe
from afnet.registry import OPERATIONS

__all__ = ["reply_text"]

_OWN: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "farm.export": lambda given, reply: str(reply["text"]),
    "job.spec": lambda given, reply: as_json(reply),
    "job.submit": lambda given, reply: (
        f"Job {reply['id']} is submitted. `afcmd job watch {reply['id']}` shows how it goes."
    ),
    "token.create": lambda given, reply: (
        f"{reply['token']}\nIt is shown this once: put it into AF_TOKEN of the program it is for."
    ),
    "node.code": lambda given, reply: (
        f"{reply['code']}\nIt is shown this once: `afrender --server HOST --pair CODE` on the new node."
    ),
    "node.approve": lambda given, reply: f"{given['name']} belongs to the farm.",
    "node.revoke": lambda given, reply: f"{given['name']} belongs to the farm no more.",
    "task.log": lambda given, reply: str(reply["text"]),
    "session.show": lambda given, reply: "\n".join(describe(reply)),
    "account.add": lambda given, reply: f"{given['name']} may sign in with `afcmd login {given['name']}`.",
    "audit.verify": lambda given, reply: str(
        reply["wrong"]
        or f"The audit is whole: {reply['rows']} rows, the newest is {reply['rows']}:{reply['hash']}."
    ),
    "pool.add": lambda given, reply: f"Pool /{given['path'].strip('/')} is added.",
    "user.add": lambda given, reply: f"User {given['name']} is added.",
}
"""Operations whose answer is said in a way of its own."""


def reply_text(name: str, given: Mapping[str, Any], reply: Any, *, width: int = 0) -> str:
    """Return the answer of an operation that was ``given`` these arguments; with ``width`` its tables fit that."""
    own = _OWN.get(name)
    if own is not None:
        return own(given, reply)
    if name == "statistics.show":
        from afnet.cli.statistics import show_lines

        return "\n".join(show_lines(given, reply, json=False, csv=False))
    if name.startswith("statistics."):
        from afnet.cli.statistics import lines_of

        return "\n".join(lines_of(name, reply))
    if name == "config.reload" and not reply["rows"]:
        return "The configuration is read again: nothing changed."
    if name == "audit.show":
        from afnet.cli.audit import act_lines

        return "\n".join(act_lines(reply["row"]))
    if name == "job.why":
        from afnet.cli.why import why_lines

        return "\n".join(why_lines(reply, width=width))
    if name == "job.show":
        row = dict(reply["row"])
        blocks = row.pop("blocks")
        row.pop("counts", None)
        return "\n".join([*describe(row), "", *table_for("blocks", blocks, width=width)])
    if isinstance(reply, dict) and "rows" in reply and name in TABLES:
        return "\n".join(table_for(name, reply["rows"], width=width)) if reply["rows"] else empty_sentence(name, {})
    if isinstance(reply, dict) and "row" in reply:
        return "\n".join(describe(reply["row"]))
    if OPERATIONS[name].kind in ("command", "server"):
        return sentence(name, reply)
    return "\n".join(describe(reply))
