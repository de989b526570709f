"""The texts of listed tasks as columns, and how they are read from JSON.

In JSON the tasks of a block are a list of objects, as the reference has it::

    [{"name": "one", "command": "echo 1", "files": ["a.jpg"], "environment": {"A": "1"}}, …]

or, for many tasks, the columns themselves, where only ``commands`` must be there and the others are as rare as they
are::

    {"commands": ["echo 1", …], "names": ["one", …], "files": {"0": ["a.jpg"]}, "environment": {"0": {"A": "1"}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afcore.jobjson import Reader, kind_of
from afcore.textcolumn import TextColumn

__all__ = ["TaskTexts", "read_tasks"]


@dataclass
class TaskTexts:
    """The texts of listed tasks: names and commands for all, files and environment for the few that have some."""

    names: TextColumn = field(default_factory=TextColumn)
    commands: TextColumn = field(default_factory=TextColumn)
    files: dict[int, list[str]] = field(default_factory=dict)
    environment: dict[int, dict[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.commands)

    def append(
        self,
        name: str,
        command: str,
        *,
        files: list[str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Add one task."""
        index = len(self)
        self.names.append(name)
        self.commands.append(command)
        if files:
            self.files[index] = files
        if environment:
            self.environment[index] = environment

    def to_json(self) -> list[dict[str, Any]]:
        """Return the tasks as the JSON list that was submitted."""
        tasks: list[dict[str, Any]] = []
        for index, (name, command) in enumerate(zip(self.names, self.commands)):
            task: dict[str, Any] = {"name": name, "command": command}
            if index in self.files:
                task["files"] = self.files[index]
            if index in self.environment:
                task["environment"] = self.environment[index]
            tasks.append(task)
        return tasks

    def to_wire(self) -> dict[str, Any]:
        """Return the columns as a dict of builtins: no object per task."""
        return {
            "names": self.names.to_bytes(),
            "commands": self.commands.to_bytes(),
            "files": self.files,
            "environment": self.environment,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> TaskTexts:
        """Return what ``to_wire`` wrote. Raises ValueError when the columns do not fit together."""
        texts = cls(
            TextColumn.from_bytes(data["names"]),
            TextColumn.from_bytes(data["commands"]),
            dict(data["files"]),
            dict(data["environment"]),
        )
        if len(texts.names) != len(texts.commands):
            raise ValueError("tasks have not as many names as commands")
        return texts


def read_tasks(listed: Any, reader: Reader, path: str) -> TaskTexts:
    """Return the listed tasks of a JSON value, telling ``reader`` what is wrong with them."""
    if isinstance(listed, Mapping):
        return _read_columns(listed, reader, path)
    if not isinstance(listed, (list, tuple)):
        reader.tell(path, f"must be a list of tasks, not {kind_of(listed)}", "write it in [brackets]")
        return TaskTexts()
    texts = TaskTexts()
    names: list[Any] = []
    commands: list[Any] = []
    for number, task in enumerate(listed):
        if not isinstance(task, Mapping):
            reader.tell(f"{path}[{number}]", f"must be an object, not {kind_of(task)}")
            if reader.strict:
                names.append("")  # the numbers of the tasks behind it stay what they are
                commands.append("")
            continue
        if not task.keys() <= _KEYS:
            reader.unknown([key for key in task if key not in _KEYS], _KEYS, f"{path}[{number}]")
        index = len(names)
        names.append(task.get("name", ""))
        commands.append(task.get("command", ""))
        if task.get("files"):
            texts.files[index] = reader.files(task["files"], f"{path}[{number}].files") or []
        if task.get("environment"):
            environment = reader.text_map(task["environment"], f"{path}[{number}].environment")
            texts.environment[index] = environment or {}
    texts.names = _column(names, reader, path, "].name")
    texts.commands = _column(commands, reader, path, "].command")
    return texts


def _read_columns(columns: Mapping[str, Any], reader: Reader, path: str) -> TaskTexts:
    texts = TaskTexts()
    reader.unknown([key for key in columns if key not in _COLUMNS], _COLUMNS, path)
    commands, names = columns.get("commands", []), columns.get("names", [])
    for key, column in (("commands", commands), ("names", names)):
        if not isinstance(column, (list, tuple)):
            reader.tell(f"{path}.{key}", f"must be a list of texts, not {kind_of(column)}", "write it in [brackets]")
            return texts
    if len(names) not in (0, len(commands)):
        reader.tell(f"{path}.names", f"has {len(names)} texts, there are {len(commands)} commands", "give as many")
        return texts
    texts.commands = _column(commands, reader, path + ".commands", "]")
    texts.names = _column(names or [""] * len(commands), reader, path + ".names", "]")
    texts.files = _read_rare(columns, "files", reader, path, len(commands))
    texts.environment = _read_rare(columns, "environment", reader, path, len(commands))
    return texts


def _read_rare(columns: Mapping[str, Any], key: str, reader: Reader, path: str, count: int) -> dict[int, Any]:
    """Return what a few tasks have, by their numbers."""
    found: dict[int, Any] = {}
    given = columns.get(key, {})
    if not isinstance(given, Mapping):
        reader.tell(f"{path}.{key}", f"must be an object by task number, not {kind_of(given)}")
        return found
    for number, value in given.items():
        place = f"{path}.{key}.{number}"
        index = int(number) if str(number).isdecimal() and len(str(number)) < 10 else count
        if index >= count:
            reader.tell(place, "is no number of a task", f"there are {count} tasks, numbered from 0")
            continue
        read = reader.files(value, place) if key == "files" else reader.text_map(value, place)
        if read:
            found[index] = read
    return found


def _column(values: list[Any], reader: Reader, path: str, after: str) -> TextColumn:
    """Return a column of texts; what is no text is told and left empty."""
    try:
        column = TextColumn.of(values)
        if 0 not in column.data:
            return column
    except (TypeError, UnicodeEncodeError):
        pass  # one of the values is no text that can be stored: find out which
    return TextColumn.of([reader.text(value, f"{path}[{n}{after}") or "" for n, value in enumerate(values)])


_KEYS = frozenset(("name", "command", "files", "environment"))
_COLUMNS = frozenset(("names", "commands", "files", "environment"))
