"""The four figures of the farm for pages: counted in slices, with the last hour of each; one answer for all."""

import asyncio
from collections.abc import Callable
from typing import Any

from afcore.errors import AfError
from afcore.model.effective import max_tasks_of
from afcore.model.farm import Farm
from afcore.states import RenderState
from afnet.server.farmminute import count_ready
from afnet.web.now import Figures

__all__ = ["FarmFigures"]

_FRESH = 2.0
_HOUR_FRESH = 20.0
_SERIES = ("slots_used", "queue", "done", "failed")


class FarmFigures:
    """Counts what there is now, and remembers it for a moment."""

    def __init__(
        self,
        farm: Farm,
        resources: Callable[[dict[str, Any]], Callable[[], dict[str, Any]]],
        now: Callable[[], float],
    ) -> None:
        self._farm = farm
        self._resources = resources
        self._now = now
        self._found: Figures | None = None
        self._at = 0.0
        self._hours: dict[str, list[float | None]] = {}
        self._hours_at = 0.0
        self._lock = asyncio.Lock()

    async def now(self) -> Figures:
        """Return the figures, at most two seconds old."""
        async with self._lock:
            if self._found is None or self._now() - self._at > _FRESH:
                self._found = await self._count()
                self._at = self._now()
            return self._found

    async def _count(self) -> Figures:
        queue = 0
        for ready in count_ready(self._farm):
            queue = ready
            await asyncio.sleep(0)
        slots = 0
        for place, id in enumerate(list(self._farm.renders), 1):
            render = self._farm.renders.get(id)
            if render is not None and render.state & RenderState.ONLINE:
                slots += max(0, max_tasks_of(self._farm, render))
            if not place % 500:
                await asyncio.sleep(0)
        if self._now() - self._hours_at > _HOUR_FRESH:
            self._hours = await self._last_hour()
            self._hours_at = self._now()
        done = [value for value in self._hours.get("done", [])[-1:] if value is not None]
        failed = [value for value in self._hours.get("failed", [])[-10:] if value is not None]
        return Figures(
            used=len(self._farm.runs), slots=slots, queue=queue, done=sum(done), failed=sum(failed), hours=self._hours
        )

    async def _last_hour(self) -> dict[str, list[float | None]]:
        now = self._now()
        given = {"render": "", "series": list(_SERIES), "since": now - 3600, "until": now, "resolution": 60}
        try:
            read = self._resources(given)
            found = await asyncio.get_running_loop().run_in_executor(None, read)
        except (AfError, OSError):
            return {}
        # The present minute is not over: there is nothing in it yet.
        return {each["key"]: _without_end(each["mean"]) for each in found["columns"]}


def _without_end(values: list[float | None]) -> list[float | None]:
    while values and values[-1] is None:
        values = values[:-1]
    return values
