"""How an application is started and its output read: the one interface between the agent and services and parsers.

Rules of this file:
- nothing that a service or a parser raises leaves here: it becomes that task's failure, with name and place in its log;
- only plain data passes, so that both can move into a helper process.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from afrender import parsers, services
from afrender.named import Named
from afrender.parsers.base import Parser
from afrender.process.output import LineFeed, lines_text
from afrender.process.spawn import CannotStart, Exit
from afrender.services.base import CHECK_FILES, SKIP_EXISTING, NoPaths, PathTranslator, Plan, Service

__all__ = ["Applications", "Judgement", "OwnModules", "Reader", "last_line"]

log = logging.getLogger(__name__)

LAST_LINE_LIMIT = 200

SAID_LIMIT = 4096
"""Characters that a parser, or a service, may add to the end of a log."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What service and parser think of an ended process: ``status`` and a sentence why, if it is not good.

    ``place``: where in other people's code something went wrong, for the log. ``post``: what is to be run now.
    ``pictures``: images to make thumbnails of. ``checks``: images to look into, each with the frame before it.
    ``said``: what the service wants to have in the log. ``found``: the files that the parser noted, as the farm knows
    them.
    """

    status: RunStatus
    sentence: str = ""
    place: str = ""
    post: Sequence[str | list[str]] = ()
    pictures: Sequence[str] = ()
    checks: Sequence[tuple[str, str]] = ()
    said: str = ""
    found: Sequence[str] = ()


class Reader:
    """Reads the output of one run and keeps what was learned from it.

    ``feed`` takes bytes and returns what belongs in the log. ``verdict`` tells that the process must be ended now.
    """

    __slots__ = (
        "_block",
        "_exit_ok",
        "_feed",
        "_parser",
        "_raw",
        "_service",
        "_shown",
        "activity",
        "changed",
        "failure",
        "host",
        "notes",
        "pictures",
        "plan",
        "report",
        "verdict",
        "warning",
    )

    def __init__(self, service: Service, plan: Plan, parser: Parser | None) -> None:
        self.plan = plan
        self._service = service
        self._parser = parser
        self._raw = parser is None or type(parser).do is Parser.do
        self._feed = LineFeed()
        self._block = b""
        self._shown: list[str] = []
        self.activity = ""
        """What the task last said it is doing."""
        self.report = ""
        self.warning = False
        self.changed = False
        """Whether there was progress since ``take_changed``."""
        self.verdict: RunStatus | None = None
        """The status with which the parser wants the task ended."""
        self.failure = ""
        """What went wrong in a service or a parser, with its traceback."""
        self.host = "{}"
        """The newest reading of the machine, as parsers are given it."""
        self.notes = plan.notes
        self.pictures: list[str] = []
        """Files of which thumbnails are wanted while the task runs; whoever makes them empties it."""

    def feed(self, data: bytes, pid: int) -> bytes:
        """Take the next bytes; return the bytes for the log."""
        block = self._feed.feed(data)
        kept = self._read(block, "RUN", pid) if block else b""
        if self._raw:
            # Nobody changes what is kept: it need not wait for the end of a line.
            kept = data + kept[len(block) :]
        parser = self._parser
        if parser is not None and parser.reads_partial and self._feed.held:
            kept += self._peek(parser, self._feed.held)
        return kept

    def finish(self, end: Exit, *, stopped: float) -> bytes:
        """Take the end of the process (``stopped``: when somebody asked for it, else 0); return bytes for the log."""
        block = self._feed.finish()
        code = -end.signal if end.signal else end.code
        parser = self._parser
        if parser is not None:
            parser.exit_code, parser.raw_status = code, end.signal or end.code << 8
        kept = self._read(block, f"{code}:{int(stopped)}", 0)
        said = str(parser.log or "").strip()[:SAID_LIMIT] if parser is not None else ""
        note = f"\n[ {type(parser).__name__}: {said} ]\n".encode("utf-8", "replace") if said else b""
        return (kept[len(block) :] if self._raw else kept) + note

    @property
    def raw(self) -> bool:
        """Whether output belongs in the log as it comes: no parser puts a text of its own in its place."""
        return self._raw

    def _read(self, block: bytes, mode: str, pid: int) -> bytes:
        if block:
            self._block = block
        parser = self._parser
        if parser is None:
            self.changed = self.changed or bool(block)
            return block
        try:
            text = parser.parse(mode=mode, pid=pid, data=lines_text(block), resources=self.host)
        except Exception:  # noqa: BLE001 - a parser is other people's code: whatever it raises is its task's failure
            self._fail("parser", type(parser).__name__)
            return block + self._failure_note()
        self.changed = self.changed or parser.progress_changed
        self.warning = self.warning or parser.warning
        self.activity = parser.activity or self.activity
        self.report = parser.report or self.report
        if parser.files_onthefly:
            self.pictures += parser.files_onthefly
            self._shown += parser.files_onthefly
            parser.files_onthefly.clear()
        if self.verdict is None:
            if parser.fatalerror:
                self.verdict = RunStatus.PARSER_FATAL
            elif parser.error:
                self.verdict = RunStatus.PARSER_ERROR
            elif parser.finishedsuccess:
                self.verdict = RunStatus.PARSER_SUCCESS
        return block if text is None else text.encode("utf-8", "surrogateescape")

    def _peek(self, parser: Parser, held: bytes) -> bytes:
        """Show the parser a line that has no end yet."""
        try:
            parser.peek(held.decode("utf-8", "replace"))
        except Exception:  # noqa: BLE001 - as above
            self._fail("parser", type(parser).__name__)
            return self._failure_note()
        self.changed = True
        return b""

    def _fail(self, kind: str, name: str) -> None:
        if not self.failure:
            self.failure = f'The {kind} "{name}" of this task failed:\n{traceback.format_exc()}'
        self.verdict = RunStatus.PARSER_ERROR
        self._parser = None

    def _failure_note(self) -> bytes:
        return f"\n[ afrender: {self.failure.rstrip()} ]\n".encode()

    @property
    def sentence(self) -> str:
        """One sentence about the verdict, for the report."""
        if self.failure:
            return f"{self.failure.partition(chr(10))[0]} {self.failure.rstrip().rpartition(chr(10))[2]}"
        parser = self._parser
        if parser is None or self.verdict is None:
            return ""
        return parser.log or f'The parser "{type(parser).__name__}" ended the task'

    @property
    def progress(self) -> tuple[int, int, int]:
        """Percent, frame and percent of the frame; -1 for what no parser tells."""
        parser = self._parser
        if parser is None:
            return 0, -1, -1
        return (
            _within(parser.percent, 0, 100),
            _within(parser.frame, -1, 1 << 31),
            _within(parser.percentframe, -1, 100),
        )

    @property
    def resources(self) -> str:
        """What the parser measured."""
        return str(self._parser.resources) if self._parser is not None else ""

    @property
    def last_line(self) -> str:
        """The newest line that is not empty, bounded."""
        return last_line(self._feed.held or self._block)

    @property
    def has_parser(self) -> bool:
        """Whether somebody reads the output."""
        return self._parser is not None

    @property
    def judges_files(self) -> bool:
        """Whether ``judge`` looks at files, which may take long."""
        return bool(self._service.run.flags & CHECK_FILES and self.plan.files)

    def judge(self, end: Exit) -> Judgement:
        """Return how a process ended that nobody stopped, with the service's last words."""
        judged = self._judge(end)
        try:
            said = self._service.last_words()
            noted = [*self._parser.files, *self._shown] if self._parser is not None else []
            if noted:
                judged = replace(judged, found=self._service.found_files(noted))
        except Exception:  # noqa: BLE001 - a service is other people's code: whatever it raises is its task's failure
            self._fail("service", type(self._service).__name__)
            return Judgement(RunStatus.ERROR, self.sentence, self.failure)
        said = "\n".join(line for line in said.splitlines() if line and line != judged.sentence)[:SAID_LIMIT]
        return replace(judged, said=said) if said else judged

    def _judge(self, end: Exit) -> Judgement:
        if end.signal:
            return Judgement(RunStatus.KILLED, f"The process was ended by signal {end.signal}")
        try:
            good = self._service.check_exit(end.code)
        except Exception:  # noqa: BLE001 - a service is other people's code: whatever it raises is its task's failure
            self._fail("service", type(self._service).__name__)
            return Judgement(RunStatus.ERROR, self.sentence, self.failure)
        if not good:
            return Judgement(RunStatus.ERROR, f"The process ended with exit code {end.code}")
        if self.verdict in (RunStatus.PARSER_ERROR, RunStatus.PARSER_FATAL):
            return Judgement(self.verdict, self.sentence)
        parser = self._parser
        if parser is not None and parser.badresult:
            return Judgement(RunStatus.PARSER_BAD_RESULT, parser.log or "The parser found the result bad")
        if self.judges_files:
            try:
                wrong = self._service.check_files(self.plan.files)
            except Exception:  # noqa: BLE001 - as above
                self._fail("service", type(self._service).__name__)
                return Judgement(RunStatus.ERROR, self.sentence, self.failure)
            if wrong:
                return Judgement(RunStatus.BAD_FILES, wrong)
        service, noted, planned = self._service, list(parser.files) if parser is not None else [], self.plan.files
        try:
            post = service.post_commands(noted)
            pictures = service.thumbnail_files(noted, planned) if noted or planned else ()
            checks = service.image_checks(planned) if self.judges_files else ()
        except Exception:  # noqa: BLE001 - as above
            self._fail("service", type(self._service).__name__)
            return Judgement(RunStatus.ERROR, self.sentence, self.failure)
        return Judgement(RunStatus.SUCCESS, post=post, pictures=pictures, checks=checks)


def _within(value: object, low: int, high: int) -> int:
    return max(low, min(int(value), high)) if isinstance(value, int | float) else max(low, 0)


def last_line(block: bytes) -> str:
    """Return the newest line that is not empty, bounded."""
    text = block[-4 * LAST_LINE_LIMIT :].decode("utf-8", "replace")
    lines = text.replace("\r", "\n").split("\n")
    return next((line.strip()[-LAST_LINE_LIMIT:] for line in reversed(lines) if line.strip()), "")


class OwnModules(Protocol):
    """Services and parsers of a studio's own, which go before those that ship."""

    def service(self, name: str) -> Callable[[RunSpec, PathTranslator], Service] | None:
        """Return what makes the service; None when there is none of that name. Raises what its file raises."""

    def parser(self, name: str) -> Callable[[], Parser] | None:
        """Return what makes the parser; None when there is none of that name. Raises what its file raises."""


class Applications:
    """Makes a ``Reader`` for each run, by the names of its service and parser. ``own`` are looked at first."""

    def __init__(
        self,
        paths: PathTranslator | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        own: OwnModules | None = None,
    ) -> None:
        self._own = own
        self._paths = paths or NoPaths()
        self._settings = settings or {}
        self._services = Named(services)
        self._parsers = Named(parsers)
        self._told: set[str] = set()

    @staticmethod
    def is_slow(run: RunSpec) -> bool:
        """Whether ``prepare`` looks at files or asks for addresses: it is called in a worker thread then."""
        return bool(run.flags & SKIP_EXISTING or run.hosts)

    def prepare(self, run: RunSpec, store: str = "") -> Reader | CannotStart:
        """Return the plan of a run with its reader, or why there is none. ``store``: where its folder may be made."""
        try:
            own = self._own.service(run.service) if self._own is not None else None
            kind = own or self._services.find(run.service) or Service
            service: Service = kind(run, self._paths)
            service.settings = self._settings
            service.store = store
            plan = service.plan()
        except Exception:  # noqa: BLE001 - a service is other people's code: whatever it raises is its task's failure
            text = traceback.format_exc().rstrip()
            return CannotStart(f'The service "{run.service}" failed: {text.rpartition(chr(10))[2]}', text)
        if not plan.command and not plan.skip:
            return CannotStart("The command of the task is empty", "give the block or the task a command")
        parser: Parser | None = None
        if run.parser and run.parser != "none" and not plan.skip:
            try:
                parser = self._parser(run.parser, service, plan)
            except Exception:  # noqa: BLE001 - the task runs without progress, as people of the trade expect
                plan.notes.append(f'The parser "{run.parser}" failed:\n{traceback.format_exc()}')
        return Reader(service, plan, parser)

    def _parser(self, name: str, service: Service, plan: Plan) -> Parser | None:
        kind = (self._own.parser(name) if self._own is not None else None) or self._parsers.find(name)
        if kind is None:
            if name not in self._told:
                self._told.add(name)
                log.info('There is no parser "%s" here: its tasks run without progress.', name)
            return None
        parser: Parser = kind()
        parser.setTaskInfo(service.parser_info(plan))
        service.meet(parser)
        return parser
