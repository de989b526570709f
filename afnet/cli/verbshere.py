"""Old verbs of afcmd that ask nobody: frames, expressions, paths, texts."""

import hashlib
import re
import sys
from collections.abc import Callable, Sequence

from afcore.errors import BadSpec, Problem
from afnet.cli.verbs import describe_verb, list_verbs

__all__ = ["HERE"]


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadSpec([Problem(name, f'must be a whole number, not "{text}"')], code="bad_arguments") from None


def _help(words: Sequence[str]) -> list[str]:
    if words:
        return describe_verb(words[0])
    return ["Names that the classic afcmd had; `afcmd --help` lists today's.", "", *list_verbs()]


def _version(words: Sequence[str]) -> list[str]:
    from importlib import metadata

    try:
        return [f"afcmd of Afwatch {metadata.version('afwatch')}, Python {sys.version.split()[0]}"]
    except metadata.PackageNotFoundError:
        return [f"afcmd of Afwatch, Python {sys.version.split()[0]}"]


def _expression(words: Sequence[str]) -> list[str]:
    pattern, text = words
    try:
        found = re.fullmatch(pattern, text)
    except re.error as error:
        raise BadSpec([Problem("PATTERN", f"is no regular expression: {error}")], code="bad_arguments") from None
    return [f'"{pattern}" {"matches" if found else "does not match"} "{text}"']


def _texts(words: Sequence[str]) -> list[str]:
    return [f"{at}: {word!r}, {len(word)} characters, {len(word.encode())} bytes" for at, word in enumerate(words, 1)]


def _interfaces(words: Sequence[str]) -> list[str]:
    import socket
    from pathlib import Path

    lines = []
    for _, name in socket.if_nameindex():
        file = Path("/sys/class/net", name, "address")
        lines.append(f"{name}: {file.read_text().strip() if file.is_file() else 'address unknown'}")
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, proto=socket.IPPROTO_TCP)
    except OSError:
        found = []
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    return [*lines, f"{socket.gethostname()}: {' '.join(addresses) or 'has no address'}"]


def _numeric(words: Sequence[str]) -> list[str]:
    from afcore.frames import FrameRange, numeric_task_name

    names = ("FIRST", "LAST", "PER_TASK", "INCREMENT")
    numbers = [_whole(name, text) for name, text in zip(names, words)]
    found = FrameRange.repaired(*numbers)
    lines = [f"{found.tasks} tasks, {found.frames} frames"]
    for index in range(min(found.tasks, 1000)):
        task = found.task(index)
        lines.append(f"{index}: {numeric_task_name('', task, found.increment)} ({task.frames_num})")
    if found.tasks > 1000:
        lines.append("...")
    return lines


def _fill(words: Sequence[str]) -> list[str]:
    from afcore.frames import fill_command

    start = _whole("START", words[1])
    return [fill_command(words[0], start, _whole("END", words[2]) if len(words) > 2 else start)]


def _md5(words: Sequence[str]) -> list[str]:
    # A checksum that old configuration files hold, no protection of anything.
    return [hashlib.md5(words[0].encode(), usedforsecurity=False).hexdigest()]


def _no_test(words: Sequence[str]) -> list[str]:
    return ["That tested the threads of the reference's own program; `make bench` measures this one."]


HERE: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "h": _help,
    "v": _version,
    "rx": _expression,
    "str": _texts,
    "net": _interfaces,
    "numeric": _numeric,
    "numcmd": _fill,
    "md5": _md5,
    "fork": _no_test,
    "tthr": _no_test,
}
"""What each such verb prints, by name; its number of arguments has been checked."""
