"""What a service wants done after a good end: commands one after the other, each with a limit, in the task's own log.

Rules of this file:
- the first command that fails or takes too long ends the row; the task is done all the same, and says that it failed;
- whoever stops the task stops the command that runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from afrender.process.spawn import CannotStart, Exit, Launch, ProcessLayer, RunningProcess

__all__ = ["PostRun", "run_post_commands"]


class PostRun:
    """Watches one command: its output goes to ``heard``, its end is ``over``."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.over: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.output = heard

    def exited(self, end: Exit) -> None:
        """Take the end of the process."""
        if not self.over.done():
            self.over.set_result(end)


async def run_post_commands(
    layer: ProcessLayer,
    launches: Sequence[Launch],
    *,
    limit: float,
    heard: Callable[[bytes], None],
    began: Callable[[RunningProcess], None],
    stopped: Callable[[], bool],
) -> str:
    """Run commands until one fails; return a sentence about that one, or nothing.

    ``limit``: seconds for each; 0 is none. ``began`` is told each process, ``stopped`` says that no more are wanted.
    """
    for launch in launches:
        if stopped():
            return "The task was stopped after its work was done"
        watcher = PostRun(heard)
        process = layer.start(launch, watcher)
        if isinstance(process, CannotStart):
            return process.sentence
        began(process)
        late = False
        try:
            async with asyncio.timeout(limit or None):
                end = await asyncio.shield(watcher.over)
        except TimeoutError:
            late = True
            process.kill()
            end = await watcher.over
        if late:
            return f"A command after the task took more than {limit:g} s: {launch.words[-1]}"
        if not end.good:
            return f"A command after the task ended with {_end_text(end)}: {launch.words[-1]}"
    return ""


def _end_text(end: Exit) -> str:
    return f"signal {end.signal}" if end.signal else f"exit code {end.code}"
