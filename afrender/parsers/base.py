"""The contract of a parser: it is shown whole lines of a task's output and sets members that tell what they mean.

Rules of this file:
- ``do`` is given whole lines only (each ended by one newline), so results do not depend on how the bytes were cut;
- a pattern sees one line of at most ``LINE_LIMIT`` characters, so no output can make it run long;
- the member names are those farm people know, custom parsers set them;
- values are clamped here, once, so that a wrong parser cannot send nonsense to the farm.

A custom parser inherits ``Parser`` and overrides ``do``, or marks methods with ``on``; lists of keywords
(``str_error`` and its sisters) often are enough. A class that inherits several parsers has the keywords and rules of
all of them, those of the last named base first. Names of members follow the trade's habit, not this project's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

__all__ = ["LINE_LIMIT", "Parser", "gigabytes", "on", "words"]

LINE_LIMIT = 4096
"""Characters of a line that patterns look at."""

_KEYWORDS = {
    "str_warning": "warning",
    "str_error": "error",
    "str_fatalerror": "fatalerror",
    "str_badresult": "badresult",
    "str_finishedsuccess": "finishedsuccess",
}

_MARKS = {
    "[ parser warning ]": "warning",
    "[ parser error ]": "error",
    "[ parser fatal error ]": "fatalerror",
    "[ parser bad result ]": "badresult",
    "[ parser finished success ]": "finishedsuccess",
}
"""What a script may print to any parser."""

_COLOURS = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_])")
"""What terminals understand as colour, movement or title."""

_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class _Rule(NamedTuple):
    """One kind of line: ``mark`` must be in it, ``find`` must match it, then ``deed`` is called with the match."""

    mark: str
    find: Callable[[str], re.Match[str] | None]
    deed: Callable[[Any, re.Match[str]], None]
    partial: bool


_Method = TypeVar("_Method", bound=Callable[..., None])


def on(mark: str, pattern: str = "", *, partial: bool = False) -> Callable[[_Method], _Method]:
    """Have a method called with the match for each line that holds ``mark`` and where ``pattern`` is found.

    Without a pattern the mark itself is looked for; one that begins with ``^`` is tried at the line's beginning only.
    ``partial``: also for a line whose end has not come yet, whenever it grew; calling it again must change nothing.
    """
    compiled = re.compile(pattern or re.escape(mark))
    find = compiled.match if pattern.startswith("^") else compiled.search

    def note(method: _Method) -> _Method:
        method.__dict__.setdefault("line_rules", []).append((mark, find, partial))
        return method

    return note


def words(*texts: str) -> Sequence[str]:
    """Return a list of keywords; they are looked for in any case, anywhere in the output."""
    return texts


def gigabytes(number: str, unit: str) -> str:
    """Return a size like ``900.5``, ``MB`` in gigabytes, with at most two decimals: ``0.88``."""
    size = float(number) * 1024.0 ** (_POWERS.get(unit[:1].lower(), 0) - 3)
    text = f"{size:.2f}"
    return text.rstrip("0").rstrip(".")


class Parser:
    """Reads the output of one run.

    Members that ``do`` may set:
    ``percent``, ``frame``, ``percentframe``: whole numbers; total percent, number of completed frames (from 0), percent
    of the current frame. ``progress_changed``: the task shows life; by default whenever there was output.
    ``warning``: tell people. ``error``, ``fatalerror``: end the task as failed (fatal: without trying again).
    ``badresult``: fail it when it has ended. ``finishedsuccess``: end it as done.
    ``activity``: what it does now. ``report``: shown at the job. ``resources``: what it measured (``triangles:5``).
    ``log``: what the end of the task's log shall say.

    Members that it may read: ``exit_code`` of the process, or minus the signal that ended it, and ``raw_status``, the
    same as ``wait`` gives it (code × 256, or the signal); both None while the process runs.
    """

    str_warning: Sequence[str] = ()
    str_error: Sequence[str] = ()
    str_fatalerror: Sequence[str] = ()
    str_badresult: Sequence[str] = ()
    str_finishedsuccess: Sequence[str] = ()

    image_counts_frame: ClassVar[bool] = True
    """Whether a line ``Image: …`` says that a frame is completed."""

    reads_partial: ClassVar[bool] = False
    """Whether there are rules for lines whose end has not come yet."""

    _rules: ClassVar[tuple[_Rule, ...]] = ()
    _own: ClassVar[Mapping[str, Sequence[str]]] = {}
    _words: tuple[tuple[str, str], ...] | None = None
    _armed: bool = False

    percent: int = 0
    frame: int = 0
    percentframe: int = 0
    numframes: int = 1
    progress_changed: bool = False
    warning: bool = False
    error: bool = False
    fatalerror: bool = False
    badresult: bool = False
    finishedsuccess: bool = False
    activity: str = ""
    report: str = ""
    resources: str = ""
    log: str = ""
    pid: int = 0
    exit_code: int | None = None
    raw_status: int | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._own = {member: tuple(cls.__dict__.get(member, ())) for member in _KEYWORDS}
        line = [kind for kind in cls.__mro__ if issubclass(kind, Parser)]
        for member in _KEYWORDS:
            setattr(cls, member, tuple(dict.fromkeys(word for kind in line for word in kind._own.get(member, ()))))
        cls._rules = tuple(
            _Rule(mark, find, getattr(cls, name), partial)
            for kind in reversed(line)
            for name, method in kind.__dict__.items()
            for mark, find, partial in getattr(method, "line_rules", ())
        )
        cls.reads_partial = any(rule.partial for rule in cls._rules)

    def __init__(self) -> None:
        for member in _KEYWORDS:
            # Lists of its own: constructors of custom parsers add to them.
            setattr(self, member, list(getattr(self, member)))
        self.files: list[str] = []
        self.files_onthefly: list[str] = []
        self.files_all: set[str] = set()
        self.taskInfo: Mapping[str, Any] = {}

    def setTaskInfo(self, info: Mapping[str, Any]) -> None:
        """Take what is known of the task; ``frames_num`` gives ``numframes``."""
        self.taskInfo = info
        self.numframes = max(1, int(info.get("frames_num", 1)))

    def do(self, i_args: dict[str, Any]) -> str | None:
        """Read a portion: override this.

        ``mode``: ``RUN``, or ``EXIT_CODE:STOP_TIME`` once the process has ended (stop time 0 when nobody stopped it).
        ``pid``: the process. ``data``: whole lines. ``resources``: the host's newest reading as JSON text,
        ``{"host_resources": {…}}``, and ``{}`` until there is one. ``exit_code`` and ``raw_status``: see above.
        A returned text is stored in place of ``data``.
        """
        return None

    def parse(self, *, mode: str, pid: int, data: str, resources: str = "{}") -> str | None:
        """Read a portion: keywords and rules first, then ``do``. Raises whatever ``do`` raises."""
        self.pid = pid
        self.progress_changed = bool(data)
        if data:
            self.activity = ""
            self.report = ""
            text = _COLOURS.sub("", data) if "\x1b" in data else data
            self._keywords(text)
            rules = [rule for rule in self._rules if rule[0] in text]
            if rules:
                self._read_lines(text, rules)
        result = self.do(
            {
                "mode": mode,
                "pid": pid,
                "data": data,
                "resources": resources,
                "exit_code": self.exit_code,
                "raw_status": self.raw_status,
            }
        )
        return result if isinstance(result, str) else None

    def peek(self, line: str) -> None:
        """Look at a line that has no end yet, for tools that draw their progress into one."""
        text = _COLOURS.sub("", line) if "\x1b" in line else line
        self._read_lines(text, [rule for rule in self._rules if rule.partial])

    def _read_lines(self, data: str, rules: Sequence[_Rule]) -> None:
        for line in data.split("\n"):
            if len(line) > LINE_LIMIT:
                line = line[:LINE_LIMIT]
            for mark, find, deed, _ in rules:
                if mark in line:
                    found = find(line)
                    if found is not None:
                        deed(self, found)

    def next_frame(self) -> None:
        """A frame begins: the one before it, if there was one, is completed."""
        if self._armed:
            self.frame += 1
            self.percentframe = 0
        self._armed = True
        self.calculate()

    def frame_percent(self, value: float) -> None:
        """Set how much of the current frame is done; fractions are cut off."""
        self.percentframe = int(value)
        self.calculate()

    def share(self, part: float, whole: float) -> None:
        """Set how much of the current frame is done, as ``part`` of ``whole``; a whole of nothing says nothing."""
        if whole > 0:
            self.frame_percent(100 * part // whole)

    def calculate(self) -> None:
        """Bring ``frame`` and ``percentframe`` into their ranges and make ``percent`` of them."""
        self.frame = max(0, min(int(self.frame), self.numframes))
        self.percentframe = max(0, min(int(self.percentframe), 100))
        if self.numframes > 1:
            total = (100 * self.frame + self.percentframe) // self.numframes
        else:
            total = self.percentframe
        self.percent = max(0, min(total, 100))

    def appendFile(self, i_file: str, i_onthefly: bool = False) -> None:
        """Note a file the task wrote, for its thumbnail; on the fly: make it now. Ignored when it is not there."""
        name = i_file.strip()
        if not name or name in self.files_all:
            return
        self.files_all.add(name)
        path = os.path.join(str(self.taskInfo.get("wdir", "")), name)
        if os.path.isfile(path):
            (self.files_onthefly if i_onthefly else self.files).append(path)

    def getFiles(self) -> list[str]:
        """Return the files that were noted."""
        return self.files

    def getFilesOnTheFly(self) -> list[str]:
        """Return the files to be shown at once, and forget them."""
        found, self.files_onthefly = self.files_onthefly, []
        return found

    def _keywords(self, data: str) -> None:
        words = self._words
        if words is None:
            # Of the instance: a constructor may have given it lists of its own.
            words = self._words = tuple(
                (word.lower(), member) for name, member in _KEYWORDS.items() for word in getattr(self, name)
            )
        lower = data.lower()
        for word, member in words:
            if word in lower:
                setattr(self, member, True)
        if "[ parser " in lower:
            for word, member in _MARKS.items():
                if word in lower:
                    setattr(self, member, True)

    @on("ACTIVITY: ", r"^ACTIVITY: (.{1,400})")
    def _says_activity(self, found: re.Match[str]) -> None:
        self.activity = found[1].strip()

    @on("REPORT: ", r"^REPORT: (.{1,400})")
    def _says_report(self, found: re.Match[str]) -> None:
        self.report = found[1].strip()

    @on("Image: ", r"^Image: (.+)")
    def _says_image(self, found: re.Match[str]) -> None:
        self.appendFile(found[1])
        if self.image_counts_frame:
            self.frame += 1
            self.calculate()

    @on("@IMAGE", r"@IMAGE(!?)@(.+)")
    def _says_file(self, found: re.Match[str]) -> None:
        self.appendFile(found[2], bool(found[1]))
