"""The command line that is one operation with its arguments: the way back from what ``parse`` reads."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from afnet.arguments import Argument, Parameter
from afnet.registry import OPERATIONS

__all__ = ["command_line"]


def command_line(operation: str, arguments: Mapping[str, Any]) -> str:
    """Return what to type to do an operation; typed into a POSIX shell it means exactly that."""
    found = OPERATIONS[operation]
    positional: list[str] = []
    options: list[str] = []
    for argument in found.arguments:
        value = arguments.get(argument.name)
        if value is None or value is False or value == []:
            continue
        if argument.kind == "parameters":
            options += _parameters(argument, value)
        elif argument.positional:
            positional += [_text(argument, each) for each in (value if argument.kind == "names" else [value])]
        else:
            options.append("--" + argument.name.replace("_", "-"))
            if argument.kind != "flag":
                options.append(_text(argument, value))
    return shlex.join(["afcmd", *found.words, *positional, *options])


def _text(argument: Argument, value: Any) -> str:
    if argument.kind == "identifiers":
        return ",".join(map(str, value))
    if argument.kind == "ranges":
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in value)
    return str(value)


def _parameters(argument: Argument, values: Mapping[str, Any]) -> Iterator[str]:
    friendly: dict[str, Parameter] = {parameter.name: parameter for parameter in argument.parameters}
    for name, value in values.items():
        parameter = friendly.get(name)
        if parameter is None:
            yield from ("--set", f"{name}={_value(value)}")
            continue
        yield "--" + (parameter.option or name.replace("_", "-"))
        yield ("yes" if value else "no") if parameter.kind == "flag" else str(value)


def _value(value: Any) -> str:
    """Return a value as ``--set`` reads it: JSON, or the text itself where JSON would read nothing else from it."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)
