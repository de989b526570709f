"""Closes windows that hold up a crashed program until somebody clicks: those with the titles that the settings list.

Windows shows them ("… has stopped working") and the process behind stays until they are closed. The titles are those of
``af_render_windowsmustdie``, compared as a whole. Nothing is done on other systems.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["WindowCloser", "close_windows", "doomed"]

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between two looks; Windows tells nobody of a new window without a hook in every program."""

WM_CLOSE = 0x0010

TITLE_MOST = 512


def doomed(windows: Iterable[tuple[int, str]], titles: Sequence[str]) -> list[tuple[int, str]]:
    """Return the windows (handle and title) that have exactly a listed title."""
    wanted = {title for title in titles if title}
    return [(handle, title) for handle, title in windows if title in wanted]


def close_windows(titles: Sequence[str], user32: Any) -> list[str]:
    """Ask top-level windows with these titles to close; return the titles. ``user32``: the system's library."""
    found = doomed(_top_windows(user32), titles)
    for handle, _ in found:
        # Posting does not wait for the window's program, which hangs by definition.
        user32.PostMessageW(handle, WM_CLOSE, 0, 0)
    return [title for _, title in found]


def _top_windows(user32: Any) -> list[tuple[int, str]]:
    import ctypes

    windows: list[tuple[int, str]] = []
    text = ctypes.create_unicode_buffer(TITLE_MOST)

    def visit(handle: int, _: int) -> bool:
        # GetWindowTextW of another process reads what the system keeps; it does not ask that process.
        if user32.GetWindowTextW(handle, text, TITLE_MOST):
            windows.append((handle, text.value))
        return True

    kind = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
    user32.EnumWindows(kind(visit), 0)
    return windows


class WindowCloser:
    """Looks for such windows while an agent runs. ``close(titles)`` does it and tells what it closed."""

    def __init__(self, titles: Sequence[str], close: Callable[[Sequence[str]], list[str]], *, period: float) -> None:
        self._titles = titles
        self._close = close
        self._period = period
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def of_system(cls, titles: Sequence[str]) -> WindowCloser | None:
        """Return the one of this system; None where there are no such windows, or no titles."""
        import ctypes

        libraries = getattr(ctypes, "windll", None)
        if libraries is None or not titles:
            return None
        user32 = libraries.user32
        return cls(titles, lambda listed: close_windows(listed, user32), period=PERIOD)

    def start(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        while True:
            try:
                for title in await asyncio.to_thread(self._close, self._titles):
                    log.info('Closed a window titled "%s".', title)
            except OSError as error:
                log.info("Windows cannot be looked at: %s.", error)
            await asyncio.sleep(self._period)
