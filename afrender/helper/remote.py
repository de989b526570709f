"""The reader of a run whose service or parser is in a helper: as ``afrender.reader.Reader``, but answers come later.

Rules of this file:
- output reaches the log in the order it came, through the parser, or raw once the helper is in trouble;
- what the helper has not read yet is bounded: the process is not read meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from afrender.helper.process import Trouble
from afrender.helper.protocol import Answer, Close, Closed, Feed, Prepared, State
from afrender.helper.seat import Seat
from afrender.process.output import LineFeed
from afrender.process.spawn import Exit
from afrender.reader import Judgement, last_line
from afrender.services.base import Plan

__all__ = ["BACKLOG_HIGH", "BACKLOG_LOW", "RemoteReader"]

BACKLOG_HIGH = 1024 * 1024
"""Bytes that wait for the helper before the process is no longer read."""

BACKLOG_LOW = 256 * 1024


class RemoteReader:
    """Reads the output of one run through a helper.

    ``heard(kept)`` is called whenever there is something for the log or a new verdict; ``hold(True)`` when the process
    shall not be read, ``hold(False)`` when it may be again. The ``seat`` is given up when it is done.
    """

    def __init__(self, run: RunSpec, answer: Prepared, seat: Seat) -> None:
        self.plan = Plan(answer.command, answer.folder, answer.environment, answer.files, answer.skip, answer.notes)
        self.notes = self.plan.notes
        self.heard: Callable[[bytes], None] = lambda kept: None
        self.hold: Callable[[bool], None] = lambda held: None
        self.activity = ""
        self.report = ""
        self.resources = ""
        self.sentence = ""
        self.failure = ""
        self.warning = False
        self.changed = False
        self.verdict: RunStatus | None = None
        self.progress = (0, -1, -1)
        self.pictures: list[str] = []
        self.host = "{}"
        """The newest reading of the machine, as parsers are given it."""
        self._told = self.host
        self._run = run
        self._reads = answer.reads
        self._raw = answer.raw or not answer.reads
        self._seat: Seat | None = seat
        self._number = seat.number
        self._stopped = 0.0
        self._feed = LineFeed()
        self._block = b""
        self._unread: deque[bytes] = deque()
        self._backlog = 0
        self._held = False

    # -- output --------------------------------------------------------------------------------------------------

    def feed(self, data: bytes, pid: int) -> bytes:
        """Take the next bytes; return what belongs in the log already (nothing, while the helper works)."""
        block = self._feed.feed(data)
        self._block = block or self._block
        if not self._reads or self._seat is None:
            self.changed = self.changed or bool(block)
            return (data if self._raw else block) if not self._unread else b""
        self._unread.append(data)
        self._backlog += len(data)
        host = ""
        if self._told is not self.host and not self._raw:
            host = self._told = self.host
        self._seat.send(Feed(self._number, data, pid, host), self._read)
        if self._backlog > BACKLOG_HIGH and not self._held:
            self._held = True
            self.hold(True)
        return b""

    def finish(self, end: Exit, *, stopped: float) -> bytes:
        """Take the end of the process; return bytes for the log. The parser hears of it with ``judge_later``."""
        self._stopped = stopped
        left = self._feed.finish()
        return left if self._seat is None and not self._raw else b""

    def _read(self, answer: Answer | Trouble) -> None:
        data = self._unread.popleft() if self._unread else b""
        self._backlog -= len(data)
        if self._held and self._backlog < BACKLOG_LOW:
            self._held = False
            self.hold(False)
        if isinstance(answer, State):
            self._learn(answer)
            self.heard(answer.kept)
            return
        first = not self.failure
        if first:
            self._broken("parser", f'"{self._run.parser}"', answer)
        self.heard(data + (f"\n[ afrender: {self.failure.rstrip()} ]\n".encode() if first else b""))

    def _learn(self, state: State) -> None:
        self.progress = state.percent, state.frame, state.percent_frame
        self.activity, self.report = state.activity or self.activity, state.report or self.report
        self.resources, self.sentence, self.failure = state.resources, state.sentence, state.failure
        self.warning = self.warning or state.warning
        self.changed = self.changed or state.changed
        self.pictures += state.pictures
        if self.verdict is None and state.verdict:
            self.verdict = RunStatus(state.verdict)

    def _broken(self, kind: str, name: str, answer: object, status: RunStatus = RunStatus.PARSER_ERROR) -> None:
        """The helper is in trouble: it is this task's failure."""
        if isinstance(answer, Trouble):
            self.sentence = f"The {kind} {name} of this task {answer.sentence}"
            self.failure = f"{self.sentence}:\n{answer.place}" if answer.place else self.sentence
        else:
            self.sentence = self.failure = f"The {kind} {name} of this task said {type(answer).__name__}"
        self.verdict = status
        self.done()

    # -- what is told --------------------------------------------------------------------------------------------

    @property
    def last_line(self) -> str:
        """The newest line that is not empty, bounded."""
        return last_line(self._feed.held or self._block)

    # -- the end -------------------------------------------------------------------------------------------------

    async def judge_later(self, end: Exit) -> Judgement:
        """Return how a process ended, once everything it wrote is read."""
        seat = self._seat
        if seat is None:
            return self._after_trouble(end)
        try:
            answer = await seat.ask(Close(self._number, end.code, end.signal, self._stopped))
        except Trouble as trouble:
            if not self.failure:
                self._broken("service", self._names, trouble, RunStatus.ERROR)
                self.heard(f"\n[ afrender: {self.failure.rstrip()} ]\n".encode())
            return self._after_trouble(end)
        if not isinstance(answer, Closed):
            return Judgement(RunStatus.ERROR, f"The helper said {type(answer).__name__}")
        judged = answer.judged
        self._learn(answer.state)
        self.heard(answer.state.kept)
        seat.remember_memory(judged.memory)
        self._seat = None
        seat.leave(closed=True)
        status = RunStatus(judged.status)
        seen = judged.post, judged.pictures, judged.checks
        return Judgement(status, judged.sentence, judged.place, *seen, judged.said, judged.found)

    @property
    def _names(self) -> str:
        """Service and parser, when either may be at fault."""
        parser = f' or the parser "{self._run.parser}"' if self._reads else ""
        return f'"{self._run.service}"{parser}'

    def _after_trouble(self, end: Exit) -> Judgement:
        if end.signal:
            return Judgement(RunStatus.KILLED, f"The process was ended by signal {end.signal}")
        return Judgement(self.verdict or RunStatus.ERROR, self.sentence)

    def done(self) -> None:
        """Give the place in the helper up. Doing it again changes nothing."""
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.leave()
