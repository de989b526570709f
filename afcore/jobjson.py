"""Reads JSON values into the fields of a dataclass, telling every wrong type and unknown key with its path.

Strict reading tells problems; the other reading behaves as the classic server did: what has the wrong type, or is not
known, is as if it were not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from afcore.errors import Problem, did_you_mean

__all__ = ["MAX_PROBLEMS", "Reader", "kind_of"]

MAX_PROBLEMS = 100
"""How many problems of one job are told."""

_MOST = (1 << 63) - 1


class Reader:
    """Collects problems while values are read. ``strict`` says whether wrong things are told or passed over."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.problems: list[Problem] = []

    def tell(self, path: str, what: str, hint: str = "") -> None:
        """Note a problem, when reading is strict; the hundred first ones, as there may be a million tasks."""
        if self.strict and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(path, what, hint))

    def fields(
        self,
        kind: type,
        data: Mapping[str, Any],
        *,
        path: str,
        apart: Collection[str] = (),
        aliases: Mapping[str, str] = MappingProxyType({}),
        ignored: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return the values of ``data`` for the fields of dataclass ``kind``, without those that were wrong.

        ``apart`` are fields that the caller reads, ``aliases`` other spellings of a field, ``ignored`` keys that mean
        nothing here.
        """
        types = {f.name: str(f.type) for f in dataclasses.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in data.items():
            name = aliases.get(key, key)
            place = f"{path}.{key}" if path else str(key)
            if name in apart:
                continue
            if name not in types:
                if key not in ignored:
                    self.unknown([key], [*types, *aliases], path)
                continue
            if value is None:
                continue
            read = self.value(value, types[name], place)
            if read is not None:
                values[name] = read
        return values

    def unknown(self, keys: Iterable[str], known: Iterable[str], path: str) -> None:
        """Tell that keys of an object are not known."""
        for key in keys:
            if not self.strict or len(self.problems) >= MAX_PROBLEMS:
                return
            hint = did_you_mean(str(key), known) or "remove it"
            self.tell(f"{path}.{key}" if path else str(key), "unknown field", hint)

    def value(self, value: Any, annotation: str, path: str) -> Any:
        """Return ``value`` as what ``annotation`` says, or None when it is something else."""
        return _READERS[annotation](self, value, path)

    def text(self, given: Any, path: str) -> str | None:
        """Return a text that can be stored and sent anywhere."""
        if not isinstance(given, str):
            self.tell(path, f"must be a text, not {kind_of(given)}", 'write it in "quotes"')
            return None
        value: str = given
        if "\0" in value:
            self.tell(path, "holds a NUL character", "remove it")
            value = value.replace("\0", "")
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                self.tell(path, "holds half of a surrogate pair, which is no character", "write it as UTF-8")
                value = value.encode("utf-8", "replace").decode("utf-8")
        return value

    def integer(self, value: Any, path: str) -> int | None:
        """Return a whole number that fits 64 bits."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.tell(path, f"must be a whole number, not {kind_of(value)}")
            return None
        if not -_MOST <= value <= _MOST:
            self.tell(path, "is too large a number")
            return None
        return value

    def boolean(self, value: Any, path: str) -> bool | None:
        """Return true or false."""
        if not isinstance(value, bool):
            self.tell(path, f"must be true or false, not {kind_of(value)}")
            return None
        return value

    def texts(self, value: Any, path: str) -> list[str] | None:
        """Return a list of texts."""
        if not isinstance(value, (list, tuple)):
            self.tell(path, f"must be a list of texts, not {kind_of(value)}")
            return None
        read = [self.text(one, f"{path}[{n}]") for n, one in enumerate(value)]
        return [one for one in read if one is not None]

    def files(self, value: Any, path: str) -> list[str] | None:
        """Return a list of file names; one text may hold several, joined by ``;``."""
        if isinstance(value, str):
            whole = self.text(value, path)
            return [part.strip() for part in (whole or "").split(";") if part.strip()]
        found = self.texts(value, path)
        return None if found is None else [one for one in found if one]

    def integers(self, value: Any, path: str) -> list[int] | None:
        """Return a list of whole numbers."""
        if not isinstance(value, (list, tuple)):
            self.tell(path, f"must be a list of whole numbers, not {kind_of(value)}")
            return None
        read = [self.integer(one, f"{path}[{n}]") for n, one in enumerate(value)]
        return [one for one in read if one is not None]

    def text_map(self, value: Any, path: str) -> dict[str, str] | None:
        """Return names with texts."""
        return self._map(value, path, "texts", self.text)

    def integer_map(self, value: Any, path: str) -> dict[str, int] | None:
        """Return names with whole numbers."""
        return self._map(value, path, "whole numbers", self.integer)

    def _map(self, value: Any, path: str, what: str, read_one: Callable[[Any, str], Any]) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            self.tell(path, f"must be names with {what}, not {kind_of(value)}", 'write it as {"name": …}')
            return None
        found: dict[str, Any] = {}
        for key, one in value.items():
            name = self.text(key, path)
            read = read_one(one, f"{path}.{key}")
            if name is not None and read is not None:
                found[name] = read
        return found

    def command(self, value: Any, path: str) -> str | list[str] | None:
        """Return a shell line, or a list of arguments for a command that starts without a shell."""
        if isinstance(value, (list, tuple)):
            return self.texts(value, path)
        return self.text(value, path)


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words for a person."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a number"
    if isinstance(value, float):
        return "a fraction"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"


_READERS: dict[str, Callable[[Reader, Any, str], Any]] = {
    "str": Reader.text,
    "int": Reader.integer,
    "bool": Reader.boolean,
    "list[str]": Reader.files,
    "list[int]": Reader.integers,
    "dict[str, str]": Reader.text_map,
    "dict[str, int]": Reader.integer_map,
    "Command": Reader.command,
}
