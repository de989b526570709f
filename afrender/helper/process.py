"""One helper process as the agent sees it: requests go in, answers come back in order, and trouble ends it.

Rules of this file:
- a request at the head of the queue that is not answered within its limit ends the process; so does its own end;
- everybody who waits then is told why, with the place in the code where the system can tell it;
- nothing here waits: writing never blocks, and what is written is bounded by whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from afrender.helper.protocol import MESSAGE_LIMIT, Answer, Request, Setup, decode_answer, encode

__all__ = ["HelperProcess", "Trouble"]

ROOT = str(Path(__file__).parents[2])
"""Where our packages lie."""

PROGRAM = "afrender.helper.main"
"""The helper of services and parsers."""

WORDS = 16384
"""Bytes of the end of a helper's standard error that are kept."""

READ_SIZE = 1 << 18
"""Bytes of answers that are taken at a time."""

START_TIME = 60.0
"""Seconds until a new helper must have come up."""

TELL_TIME = 0.5
"""Seconds that a hanging helper gets to say where it hangs."""


class Trouble(Exception):
    """A helper hung or ended: a ``sentence`` and, as far as known, the ``place`` (a traceback)."""

    def __init__(self, sentence: str, place: str = "", *, hung: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.place = place
        self.hung = hung
        """It did not come back in time."""


Taker = Callable[[Answer | Trouble], None]


class HelperProcess:
    """A helper with its pipes. ``runs`` counts what it was used for; ``memory`` is what it said that it takes.

    ``seats`` counts the runs that are in it now.
    """

    def __init__(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        self.runs = 0
        self.seats = 0
        self.memory = 0
        self.over: Trouble | None = None
        self._process = process
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Taker] = deque()
        self._head_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._words = b""
        self._hanging = False
        self._unsent = bytearray()
        self._descriptor = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else -1
        self._reader = self._loop.create_task(self._read())
        self._listener = self._loop.create_task(self._listen())

    @classmethod
    async def start(cls, setup: Setup, seconds: float, program: str = PROGRAM) -> HelperProcess:
        """Start one and wait until it is there. Raises OSError when the system does not let us, Trouble as any request.

        ``program`` is the module that is run. A busy machine may take long to start a process: that has a limit of its
        own.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))},
            start_new_session=True,
        )
        helper = cls(process, max(seconds, START_TIME))
        try:
            await helper.ask(setup)
        except BaseException:
            await helper.close()
            raise
        helper._seconds = seconds
        return helper

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def send(self, request: Request, taker: Taker) -> None:
        """Ask; ``taker`` is called with the answer or with the trouble that came instead, always later."""
        if self.over is not None:
            self._loop.call_soon(taker, self.over)
            return
        self._waiting.append(taker)
        if len(self._waiting) == 1:
            self._head_since = time.monotonic()
            if self._timer is None:
                self._timer = self._loop.call_later(self._seconds, self._look)
        self._write(request)

    async def ask(self, request: Request) -> Answer:
        """Ask and wait for the answer. Raises Trouble."""
        future: asyncio.Future[Answer | Trouble] = self._loop.create_future()
        self.send(request, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if isinstance(answer, Trouble):
            raise answer
        return answer

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self._kill()
        await asyncio.wait([self._reader, self._listener])
        await self._process.wait()

    def _write(self, request: Request) -> None:
        """Send a request with all others of this turn of the loop."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent += encode(request)

    def _flush(self) -> None:
        pipe, data = self._process.stdin, bytes(self._unsent)
        self._unsent.clear()
        if pipe is not None and not pipe.is_closing():
            pipe.write(data)

    # -- answers -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        pipe = self._process.stdout
        wrong, data = "", bytearray()
        try:
            # All answers that are there at once: many small ones cost one turn of the loop.
            while pipe is not None and (fresh := await pipe.read(READ_SIZE)):
                data += fresh
                self._take_answers(data)
        except ConnectionError:
            pass
        except (ValueError, msgspec.MsgspecError) as error:
            wrong = f" and said nonsense: {error}"
        if not wrong:
            # It says no more: it is at its end, whose code tells people something.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_TIME):
                    await self._process.wait()
        self._kill()
        # What it said last comes by another pipe.
        await asyncio.wait([self._listener])
        code = await self._process.wait()
        if self._timer is not None:
            self._timer.cancel()
        place = self._words.decode("utf-8", "replace").strip()
        if self._hanging:
            sentence = f"did not come back within {self._seconds:g} s and was ended"
        else:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            sentence = f"ended its process, which {ended}{wrong}"
        self.over = Trouble(sentence, place, hung=self._hanging)
        while self._waiting:
            self._waiting.popleft()(self.over)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take_answers(self, data: bytearray) -> None:
        """Take whole answers out of what has come. Raises ValueError and MsgspecError for what is none."""
        place = 0
        while len(data) - place >= 4:
            size = int.from_bytes(data[place : place + 4], "little")
            if size > MESSAGE_LIMIT:
                raise ValueError(f"a message of {size} bytes")
            end = place + 4 + size
            if len(data) < end:
                break
            self._answered(decode_answer(data[place + 4 : end]))
            place = end
        if place:
            del data[:place]

    def _answered(self, answer: Answer) -> None:
        if self._waiting:
            self._head_since = time.monotonic()
            taker = self._waiting.popleft()
            if not self._waiting and self._timer is not None:
                self._timer.cancel()
                self._timer = None
            taker(answer)

    async def _listen(self) -> None:
        pipe = self._process.stderr
        while pipe is not None:
            data = await pipe.read(WORDS)
            if not data:
                return
            self._words = (self._words + data)[-WORDS:]

    # -- the limit -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        left = self._head_since + self._seconds - time.monotonic()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
            return
        self._hanging = True
        if hasattr(signal, "SIGUSR1"):
            self._words = b""
            self._signal(signal.SIGUSR1)
            self._timer = self._loop.call_later(TELL_TIME, self._kill)
        else:
            self._kill()

    def _kill(self) -> None:
        if self._process.returncode is not None:
            return
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                self._process.kill()
        else:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Send a signal. The library's own way would take the end of the process away from whoever waits for it."""
        with contextlib.suppress(ProcessLookupError):
            if hasattr(signal, "pidfd_send_signal") and self._descriptor >= 0:
                signal.pidfd_send_signal(self._descriptor, number)
            elif self._process.returncode is None:
                os.kill(self._process.pid, number)
