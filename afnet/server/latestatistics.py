"""The statistics, loaded when the farm serves already: their libraries take as long to load as all the rest.

Rules of this file:
- The farm needs nothing of them to start, to start tasks and to stop.
- Who asks before they are there is answered when they are.
"""

import asyncio
import importlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from afcore.envelope import Principal
from afcore.errors import AfError, Unavailable
from afcore.events import Event
from afcore.store.statistics.lag import LEVEL, Lag
from afnet.server.runner import Answer

if TYPE_CHECKING:
    from afnet.server.statistics import Statistics

__all__ = ["LateStatistics"]

_log = logging.getLogger(__name__)

_AFTER = 0.3
"""Seconds after the start: the callers that waited for the server come first."""
_READERS = 2
_OPERATIONS = (
    "statistics.check", "statistics.reset", "statistics.update-tables", "statistics.drivers", "statistics.delete",
    "statistics.lag",
)  # fmt: skip


class LateStatistics:
    """Stands for ``Statistics``, which ``make`` makes of its class; ``wanted``: also when nobody asks for them."""

    def __init__(
        self,
        make: "Callable[[type[Statistics]], Statistics]",
        *,
        wanted: bool,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.readers = ThreadPoolExecutor(_READERS, "statistics-question")
        """Threads in which questions are answered: few, so that many heavy ones hold nothing else up."""
        self._make = make
        self._wanted = wanted
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._loading: asyncio.Future[Any] | None = None
        self._made: Statistics | None = None
        self._refused: AfError | None = None
        self._settled = threading.Event()
        """Set when they are there, or will not come."""
        self._callers: list[Callable[[], None]] = []

    def start(self) -> None:
        """Let them come."""
        if self._wanted:
            self._timer = self._loop.call_later(_AFTER, self._load)

    async def stop(self) -> None:
        """Follow no more; what is not there yet follows after the next start."""
        if self._timer is not None:
            self._timer.cancel()
        if self._made is None and self._refused is None:
            self._refused = Unavailable("the server stops", hint="ask again when it is back")
        if self._loading is not None and not self._loading.done():
            await asyncio.wait([self._loading])
        self._settle()
        self.readers.shutdown(wait=False, cancel_futures=True)
        if self._made is not None:
            await self._made.stop()

    def _load(self) -> None:
        if self._loading is None:
            self._loading = self._loop.run_in_executor(None, importlib.import_module, "afnet.server.statistics")
            self._loading.add_done_callback(self._loaded)

    def _loaded(self, loading: "asyncio.Future[Any]") -> None:
        if loading.cancelled() or self._refused is not None:
            return
        error = loading.exception()
        if error is None:
            self._made = self._make(loading.result().Statistics)
            self._made.start()
        else:
            _log.error("no statistics are kept: they cannot be loaded", exc_info=error)
            self._refused = Unavailable(
                f"the statistics cannot be loaded: {error}", hint="the traceback is in the server's log"
            )
        self._settle()

    def _settle(self) -> None:
        self._settled.set()
        callers, self._callers = self._callers, []
        for call in callers:
            call()

    # What the server tells

    def happened(self, events: list[Event]) -> None:
        """As ``Statistics.happened``; what happened before they came they find by themselves."""
        if self._made is not None:
            self._made.happened(events)

    def committed(self) -> None:
        """As ``Statistics.committed``."""
        if self._made is not None:
            self._made.committed()

    # What is asked

    def lag(self) -> Lag:
        """As ``Statistics.lag``."""
        return LEVEL if self._made is None else self._made.lag()

    @property
    def followed(self) -> tuple[int, int] | None:
        """As ``Statistics.followed``; nothing before they came."""
        if self._made is not None:
            return self._made.followed
        return (0, 0) if self._wanted else None

    @property
    def operations(self) -> dict[str, Callable[[dict[str, Any], Principal, Answer], None]]:
        """As ``Statistics.operations``."""
        return {name: self._operation(name) for name in _OPERATIONS}

    def _operation(self, name: str) -> Callable[[dict[str, Any], Principal, Answer], None]:
        def ask(bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
            if self._made is not None:
                self._made.operations[name](bound, principal, answer)
                return
            self._callers.append(lambda: late(bound, principal, answer))
            self._come()

        def late(bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
            try:
                self._there().operations[name](bound, principal, answer)
            except AfError as error:
                answer(None, error)

        return ask

    def show(self, bound: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """As ``Statistics.show``."""
        if self._made is not None:
            return self._made.show(bound)
        self._come()

        def work() -> dict[str, Any]:
            self._settled.wait()
            return self._there().show(bound)()

        return work

    def _come(self) -> None:
        """Somebody waits for them: load them now, or say that they will not come."""
        if self._refused is None:
            self._load()
        else:
            self._loop.call_soon(self._settle)

    def _there(self) -> "Statistics":
        if self._made is None:
            raise self._refused or Unavailable("the statistics are not there", hint="ask again in a moment")
        return self._made
