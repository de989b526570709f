"""Arguments of operations: what each one is, how a person writes it, and how a wrong one is refused.

Rules of this file:
- ``bind`` is used on both sides: by ``afcmd`` to refuse early, by the server because nobody else can be trusted.
- All problems of a call are told at once, each with the name of its argument.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from afcore.errors import BadSpec, Problem, did_you_mean

__all__ = ["Argument", "Kind", "Parameter", "bind", "parse_identifiers", "parse_ranges"]

Kind = Literal[
    "integer", "number", "text", "flag", "identifiers", "names", "ranges", "parameters", "job", "file", "secret"
]  # fmt: skip
"""What an argument holds; ``job`` is a job as a JSON object and ``file`` a text (``afcmd`` reads both from a
file), ``secret`` a text that is never shown (``afcmd`` asks for it, or reads a line of its input)."""

_SAID = {
    "integer": "a whole number",
    "number": "a number",
    "text": "a text",
    "flag": "true or false",
    "identifiers": "a list of whole numbers",
    "names": "a list of names",
    "ranges": "a list of task numbers or of [first, last] pairs",
    "parameters": "an object of parameters by name",
    "job": "a job as an object",
    "file": "the text of a file",
    "secret": "a text",
}
_LARGEST = 2**63 - 1
"""What every part of the farm can hold."""
_WIDEST_RANGE = 1_000_000
"""Ids written as ranges in one argument; more is a slip of the keyboard, and would fill the memory."""
_DEEPEST = 8
"""Levels of lists and objects in the parameters of a call."""
_PROBLEMS_MOST = 20
"""Problems that are told of one call: a caller may send a million names that do not exist."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that ``afcmd`` offers by a friendly option beside the general ``--set NAME=VALUE``."""

    name: str
    """Field of the thing that is edited."""
    kind: Literal["integer", "text", "flag"]
    help: str
    option: str = ""
    """Friendly option name without dashes; empty: the field name with dashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of an operation."""

    name: str
    kind: Kind
    help: str
    positional: bool = False
    required: bool = False
    default: Any = None
    """Used when it is not given and not required; None leaves it out."""
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    parameters: tuple[Parameter, ...] = ()
    """For kind ``parameters``: the ones with friendly options."""


def bind(arguments: Sequence[Argument], given: Mapping[str, Any], *, operation: str) -> dict[str, Any]:
    """Return the arguments of a call checked, converted and completed with defaults.

    Raises BadSpec (code ``bad_arguments``) with every problem: unknown names, missing ones, wrong kinds and ranges.
    """
    problems: list[Problem] = []
    known = {argument.name: argument for argument in arguments}
    unknown = [str(name) for name in given if name not in known]
    for name in unknown[:_PROBLEMS_MOST]:
        hint = did_you_mean(name, known) or _known_names(known)
        problems.append(Problem(name, f"{operation} has no such argument", hint))
    if len(unknown) > _PROBLEMS_MOST:
        problems.append(Problem("", f"{len(unknown) - _PROBLEMS_MOST} more arguments are not known"))
    bound: dict[str, Any] = {}
    for name, argument in known.items():
        value = given.get(name)
        if value is None:
            if argument.required:
                problems.append(Problem(name, f"{operation} needs it: {_SAID[argument.kind]}", argument.help))
            elif argument.default is not None:
                bound[name] = argument.default
            continue
        try:
            bound[name] = _convert(argument, value)
        except ValueError as error:
            problems.append(Problem(name, str(error), argument.help))
    if problems:
        raise BadSpec(problems, code="bad_arguments")
    return bound


def parse_identifiers(text: str) -> list[int]:
    """Return whole numbers from ``2``, ``2,5`` or ``2-5``; ValueError with a sentence if it is none of these."""
    identifiers: list[int] = []
    for first, last in parse_ranges(text):
        if last - first >= _WIDEST_RANGE:
            raise ValueError(f"{first}-{last} is more than {_WIDEST_RANGE} numbers")
        if len(identifiers) + last - first >= _WIDEST_RANGE:
            raise ValueError(f"all its ranges together are more than {_WIDEST_RANGE} numbers")
        identifiers.extend(range(first, last + 1))
    return identifiers


def parse_ranges(text: str) -> list[tuple[int, int]]:
    """Return inclusive ranges from ``3``, ``3-9`` or ``3-9,12``; ValueError with a sentence if it is none of these."""
    ranges: list[tuple[int, int]] = []
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        first_text, dash, last_text = part.partition("-")
        if not first_text.isdecimal() or (dash and not last_text.isdecimal()):
            raise ValueError(f'"{part}" is neither a number nor a range like 3-9')
        first, last = int(first_text), int(last_text) if dash else int(first_text)
        if last > _LARGEST:
            raise ValueError(f'"{part}" is too large a number')
        if last < first:
            raise ValueError(f'the range "{part}" ends before it begins')
        ranges.append((first, last))
    return ranges


def _known_names(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"it takes {names}" if names else "it takes none"


def _convert(argument: Argument, value: Any) -> Any:
    """Return ``value`` as its argument's kind holds it, or raise ValueError with a sentence."""
    kind = argument.kind
    if kind == "integer":
        return _bounded(argument, _integer(value))
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(_wrong(kind, value))
        # What is no number at all is neither less nor more than any bound.
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError(_wrong(kind, value))
        return float(_bounded(argument, value))
    if kind == "secret":
        if not isinstance(value, str):
            raise ValueError("it must be a text")
        return value
    if kind in ("text", "file"):
        if not isinstance(value, str):
            raise ValueError(_wrong(kind, value))
        _check_text(value)
        if argument.choices and value not in argument.choices:
            choices = [choice for choice in argument.choices if choice]
            near = did_you_mean(value, argument.choices)
            if not near and not all(choice in argument.help for choice in choices):
                # The help, which follows as a hint, does not say them.
                near = "one of " + ", ".join(choices)
            raise ValueError(f'"{value}" is not known' + (f", {near}" if near else ""))
        return value
    if kind == "flag":
        if not isinstance(value, bool):
            raise ValueError(_wrong(kind, value))
        return value
    if kind in ("parameters", "job"):
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise ValueError(_wrong(kind, value))
        if kind == "parameters":
            _check_texts(value, _DEEPEST)
        return value
    return _convert_list(argument, value)


def _check_text(text: str) -> None:
    """Raise ValueError for a text that cannot be kept or sent on: JSON can write what is no character."""
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair, which is no character") from None


def _check_texts(value: Any, deepest: int) -> None:
    """Raise ValueError as ``_check_text`` for all texts in a value, and for one that is nested too deeply."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list | tuple):
        if not deepest:
            raise ValueError("it is nested too deeply")
        for each in value:
            _check_texts(each, deepest - 1)
        if isinstance(value, dict):
            for each in value.values():
                _check_texts(each, deepest - 1)


def _convert_list(argument: Argument, value: Any) -> Any:
    kind = argument.kind
    if isinstance(value, str) and kind != "names":
        converted: list[Any] = parse_identifiers(value) if kind == "identifiers" else list(parse_ranges(value))
    else:
        items = [value] if isinstance(value, int | str) and not isinstance(value, bool) else value
        if not isinstance(items, list | tuple):
            raise ValueError(_wrong(kind, value))
        if kind == "names":
            if not all(isinstance(item, str) for item in items):
                raise ValueError(_wrong(kind, value))
            converted = list(items)
            for item in converted:
                _check_text(item)
        elif kind == "identifiers":
            converted = [_integer(item) for item in items]
        else:
            converted = [_range(item) for item in items]
    if argument.required and not converted:
        raise ValueError("it is empty")
    return converted


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(_wrong("integer", value))
    if abs(value) > _LARGEST:
        raise ValueError("it is too large a number")
    return value


def _range(value: Any) -> tuple[int, int]:
    if isinstance(value, list | tuple) and len(value) == 2:
        first, last = _integer(value[0]), _integer(value[1])
    else:
        first = last = _integer(value)
    if first < 0 or last < first:
        raise ValueError(f"[{first}, {last}] is not a range of tasks")
    return first, last


def _bounded(argument: Argument, value: Any) -> Any:
    if argument.least is not None and value < argument.least:
        raise ValueError(f"{value} is less than {argument.least}")
    if argument.most is not None and value > argument.most:
        raise ValueError(f"{value} is more than {argument.most}")
    return value


def _wrong(kind: Kind, value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        # It may be nested as deeply as its reader allowed, which is more than can be shown from here.
        return f"{'an object' if isinstance(value, dict) else 'a list'} is not {_SAID[kind]}"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return f"so large a number is not {_SAID[kind]}"
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'} is not {_SAID[kind]}"
