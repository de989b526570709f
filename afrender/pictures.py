"""Thumbnails of images and looks at whether they are whole, by helper processes.

Rules of this file:
- an image is read in a helper only: one that breaks or holds up the reader costs its own thumbnail and nothing else;
- a look is bounded in time and memory, the row of waiting thumbnails in length; looks that a task's end waits for are
  never left out;
- helpers are started when there is something to look at, and go when there is nothing for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from afcore.ids import RunKey
from afrender.accounts import Account
from afrender.helper.process import HelperProcess, Trouble
from afrender.helper.protocol import Failed, Inspect, Inspected, Setup

__all__ = ["Checked", "PictureSettings", "Pictures", "thumbnail_commands", "thumbnail_name"]

log = logging.getLogger(__name__)

PROGRAM = "afrender.helper.images"

IDLE_TIME = 60.0
"""Seconds that a helper waits for the next image."""

WAITING_MOST = 200
"""Thumbnails that may wait; more are left out, the task's work is not."""

HELPERS_MOST = max(1, min(4, (os.cpu_count() or 1) // 4))
"""Helpers at a time."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """Limits of a look in ``seconds`` and bytes of ``memory``; ``width`` and ``height`` that a thumbnail fits in.

    ``command``: a studio's own way to make thumbnails, instead of ours. ``check``: look into rendered images.
    """

    seconds: float = 10.0
    memory: int = 2 << 30
    width: int = 256
    height: int = 144
    command: str = ""
    check: bool = True


class Checked(NamedTuple):
    """What looking at the images of a task gave: a sentence about the first bad one, warnings, who has a thumbnail."""

    wrong: str
    warnings: list[str]
    pictured: set[str]


class Pictures:
    """Looks at images; ``deliver(run, name, data)`` is given each thumbnail."""

    def __init__(self, settings: PictureSettings, deliver: Callable[[RunKey, str, bytes], None]) -> None:
        self.settings = settings
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(HELPERS_MOST)
        self._idle: list[tuple[Account | None, HelperProcess]] = []
        self._all: set[HelperProcess] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._missing = False

    @property
    def waiting(self) -> int:
        """Thumbnails that are being made or wait for that."""
        return len(self._errands)

    @property
    def helpers(self) -> list[HelperProcess]:
        """The helpers that live now."""
        return list(self._all)

    def make(self, key: RunKey, files: Sequence[str], account: Account | None = None) -> None:
        """Make thumbnails of images of a run, one after the other, while everything else goes on.

        ``account`` is the user as whom they are read; None is the agent's own.
        """
        if not files or self._missing:
            return
        if len(self._errands) >= WAITING_MOST:
            log.info("No thumbnails of run %s: %d wait already.", key, len(self._errands))
            return
        self._errand(self._make(key, list(files), account))

    async def _make(self, key: RunKey, files: list[str], account: Account | None) -> None:
        for file in files:
            try:
                found = await self._inspect(file, account, picture=True)
            except Trouble as trouble:
                log.info('No thumbnail of "%s": the reader of images %s.', file, trouble.sentence)
                continue
            if found is not None and found.picture:
                self._deliver(key, thumbnail_name(file), found.picture)
            elif found is not None and found.wrong:
                log.info('No thumbnail of "%s": %s.', file, found.wrong)

    async def check(
        self, key: RunKey, files: Sequence[tuple[str, str]], wanted: Collection[str], account: Account | None = None
    ) -> Checked:
        """Look at images that a task wrote, each with the one of the frame before (or nothing).

        Those in ``wanted`` get their thumbnails on the way.
        """
        checked = Checked("", [], set())
        for file, before in files:
            try:
                found = await self._inspect(file, account, picture=file in wanted, before=before)
            except Trouble as trouble:
                if trouble.hung:
                    checked.warnings.append(f'The image "{file}" was not checked: its reader {trouble.sentence}')
                    continue
                return checked._replace(wrong=f'The image "{file}" cannot be read: its reader {trouble.sentence}')
            if found is None:
                return checked
            if found.wrong:
                return checked._replace(wrong=f'The image "{file}" cannot be read: {found.wrong}')
            checked.warnings.extend(f'The image "{file}" {warning}' for warning in found.warnings)
            if found.picture:
                checked.pictured.add(file)
                self._deliver(key, thumbnail_name(file), found.picture)
        return checked

    async def settle(self) -> None:
        """Wait until every thumbnail is made."""
        while self._errands:
            await asyncio.wait(list(self._errands))

    async def close(self) -> None:
        """End everything."""
        if self._timer is not None:
            self._timer.cancel()
        for errand in list(self._errands):
            errand.cancel()
        await self.settle()
        for helper in list(self._all):
            await helper.close()
        self._all.clear()
        self._idle.clear()

    # -- helpers -------------------------------------------------------------------------------------------------

    async def _inspect(
        self, file: str, account: Account | None, *, picture: bool, before: str = ""
    ) -> Inspected | None:
        """Return what a helper sees in a file; None when images cannot be looked at here. Raises Trouble."""
        settings = self.settings
        async with self._room:
            if self._missing:
                return None
            helper = await self._take(account)
            try:
                answer = await helper.ask(Inspect(file, settings.width, settings.height, picture, before))
            except BaseException:
                await self._end(helper)
                raise
            self._idle.append((account, helper))
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(IDLE_TIME, self._send_home)
        if isinstance(answer, Inspected):
            return answer
        if isinstance(answer, Failed) and not self._missing:
            self._missing = True
            log.warning("Images are not looked at and have no thumbnails: %s.", answer.sentence)
        return None

    async def _take(self, account: Account | None) -> HelperProcess:
        while self._idle:
            at = next((at for at, (of, _) in enumerate(self._idle) if of == account), -1)
            # One of another user makes room: there are never more than may be.
            known, helper = self._idle.pop(at)
            if helper.over is None and known == account:
                return helper
            await self._end(helper)
        settings = self.settings
        numbers = [] if account is None else [account.uid, account.gid, *account.groups]
        setup = Setup(folder="", memory=settings.memory, pairs=[], windows=False, settings={}, account=numbers)
        try:
            helper = await HelperProcess.start(setup, settings.seconds, PROGRAM)
        except (OSError, Trouble) as error:
            # It is not the file's fault.
            why = error.sentence if isinstance(error, Trouble) else error.strerror or str(error)
            raise Trouble(f"could not be started: {why}", hung=True) from error
        self._all.add(helper)
        return helper

    async def _end(self, helper: HelperProcess) -> None:
        self._all.discard(helper)
        await helper.close()

    def _send_home(self) -> None:
        self._timer = None
        idle, self._idle = self._idle, []
        for _, helper in idle:
            self._errand(self._end(helper))

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def thumbnail_name(file: str) -> str:
    """Return how the thumbnail of a file is called."""
    return f"{os.path.basename(file)[-190:]}.jpg"


_TONES = {".dpx": "Log", ".cin": "Log", ".exr": "RGB"}
"""Colour space that a studio's own command is told of these files."""


def thumbnail_commands(command: str, files: Sequence[str], folder: str) -> list[str | list[str]]:
    """Return a studio's own commands that make the thumbnails of ``files`` in ``folder``.

    ``command`` is cut into words as a shell does it, then ``%(image)s``, ``%(thumbnail)s`` and ``%(pre_args)s`` are
    filled in: no shell sees the names of files.
    """
    commands: list[str | list[str]] = []
    for file in files:
        tone = _TONES.get(os.path.splitext(file)[1].lower())
        words: list[str] = []
        for word in shlex.split(command):
            if word == "%(pre_args)s":
                words.extend(["-set", "colorspace", tone] if tone else [])
                continue
            filled = word.replace("%(image)s", file).replace("%(pre_args)s", "")
            words.append(filled.replace("%(thumbnail)s", os.path.join(folder, thumbnail_name(file))))
        commands.append(words)
    return commands
