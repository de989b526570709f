"""What a person types for the arguments of an operation, and what that means to send: the registry as a form.

Rules of this file:
- No Qt.  Nothing typed is nothing given: the registry's defaults hold.  What a value may be is the registry's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from afcore.errors import BadSpec
from afcore.rows import BranchRow, JobRow, PoolRow, RenderRow, UserRow
from afnet.arguments import Argument
from afnet.moments import parse_instant
from afnet.operations import Operation
from afnet.registry import OPERATIONS
from afwatch.texts import tr

__all__ = ["FROM_FILE", "arguments_of", "is_moment", "offered", "typed_for", "value_of"]

FROM_FILE = ("job", "file")
"""Kinds of arguments that are read from a file, as ``afcmd`` does."""
_ELSEWHERE = frozenset({"session.login", "past.rows", "file.read"})
"""Operations that only programs use: signing in has its dialog, rows and files are no text."""


def offered() -> list[Operation]:
    """Return every operation that a person can ask for by a form, in the registry's order."""
    return [each for each in OPERATIONS.values() if each.kind != "view" and each.name not in _ELSEWHERE]


def typed_for(operation: Operation, rows: Sequence[Any]) -> dict[str, str]:
    """Return what stands in the form at first: what is selected, in the arguments that are for it."""
    names = {argument.name: argument.kind for argument in operation.arguments}
    thing = operation.name.partition(".")[0]
    found: dict[str, str] = {}
    jobs = [row for row in rows if isinstance(row, JobRow)]
    if jobs and "ids" in names:
        found["ids"] = ",".join(str(row.id) for row in jobs)
    if jobs and names.get("job") == "integer":
        found["job"] = str(jobs[0].id)
    for kinds, row_type, name in (
        (("render", "node"), RenderRow, "name"), (("user", "account"), UserRow, "name"), (("pool",), PoolRow, "path"),
        (("branch",), BranchRow, "path"),
    ):  # fmt: skip
        chosen = [str(getattr(row, name)) for row in rows if isinstance(row, row_type)]
        if chosen and thing in kinds:
            found.update({key: ", ".join(chosen) for key in ("names", "paths") if key in names})
            found.update({key: chosen[0] for key in (name, "render", "user") if key in names})
    return found


def is_moment(argument: Argument) -> bool:
    """Say whether an argument is an instant, which nobody types as a number."""
    return argument.kind in ("integer", "number") and "unix seconds" in argument.help


def value_of(argument: Argument, text: str, now: float = 0.0) -> Any:
    """Return the value that a text means; None for an empty one, ValueError with a sentence when it means none.

    ``now``: unix seconds that words like *2h* count from.
    """
    kind = argument.kind
    if kind in ("text", "file", "secret"):
        return text or None
    text = text.strip()
    if not text:
        return None
    if is_moment(argument) and not re.fullmatch(r"\d+(\.\d*)?", text):
        try:
            at = parse_instant(text, now=now).at
        except BadSpec as error:
            raise ValueError(str(error.problems[0])) from None
        return int(at) if kind == "integer" else at
    if kind == "integer" and not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError(tr("must be a whole number"))
    if kind == "number" and not re.fullmatch(r"[+-]?\d+(\.\d*)?", text):
        raise ValueError(tr("must be a number"))
    if kind in ("integer", "number"):
        return int(text) if kind == "integer" else float(text)
    if kind == "flag":
        return text == "yes"
    if kind == "names":
        return [part for part in re.split(r"[\s,;]+", text) if part]
    if kind == "job" or text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(tr("is no JSON: {0}", error)) from None
    return dict(map(_pair, filter(None, text.split(",")))) if kind == "parameters" else text


def _pair(part: str) -> tuple[str, Any]:
    name, sign, value = (word.strip() for word in part.partition("="))
    if not sign or not name:
        raise ValueError(tr("write name=value, name=value, or JSON"))
    if value in ("yes", "no"):
        return name, value == "yes"
    return name, int(value) if re.fullmatch(r"[+-]?\d+", value) else value


def arguments_of(
    operation: Operation, typed: Mapping[str, str], now: float = 0.0
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments that were typed, and by name what is wrong with those that mean nothing."""
    given: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for argument in operation.arguments:
        try:
            value = value_of(argument, typed.get(argument.name, ""), now)
        except ValueError as error:
            problems[argument.name] = str(error)
            continue
        if value is not None:
            given[argument.name] = value
    return given, problems
