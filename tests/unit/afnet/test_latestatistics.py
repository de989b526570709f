"""The statistics that come late: who asks early is answered, and a server starts without their libraries."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from afcore.envelope import Principal
from afcore.errors import AfError, Unavailable
from afcore.states import Role
from afnet.registry import OPERATIONS
from afnet.server.latestatistics import LateStatistics

WHO = Principal("root", Role.GOD)


class Standing:
    """What is made when they are loaded."""

    def __init__(self) -> None:
        self.life: list[str] = []
        self.operations = {"statistics.drivers": lambda bound, principal, answer: answer({"rows": [bound]}, None)}

    def start(self) -> None:
        self.life.append("started")

    async def stop(self) -> None:
        self.life.append("stopped")

    def show(self, bound: dict[str, Any]) -> Any:
        return lambda: {"rows": [bound]}


def test_who_asks_before_they_are_there_is_answered() -> None:
    made: list[Standing] = []

    async def play() -> tuple[Any, Any]:
        loop = asyncio.get_running_loop()
        late = LateStatistics(lambda kind: made.append(Standing()) or made[0], wanted=False, loop=loop)  # type: ignore
        late.start()
        answered = loop.create_future()
        late.operations["statistics.drivers"]({"a": 1}, WHO, lambda reply, error: answered.set_result(reply))
        shown = loop.run_in_executor(late.readers, late.show({"b": 2}))
        found = await asyncio.wait_for(asyncio.gather(answered, shown), 60)
        await late.stop()
        return tuple(found)

    assert asyncio.run(play()) == ({"rows": [{"a": 1}]}, {"rows": [{"b": 2}]})
    assert made[0].life == ["started", "stopped"]


def test_every_operation_about_statistics_may_be_asked_early() -> None:
    async def names() -> set[str]:
        late = LateStatistics(lambda kind: pytest.fail("nobody asked"), wanted=False, loop=asyncio.get_running_loop())
        await late.stop()
        return set(late.operations)

    of_registry = {name for name in OPERATIONS if name.startswith("statistics.")}
    assert asyncio.run(names()) == of_registry - {"statistics.show"}


def test_a_server_that_stops_leaves_nobody_waiting() -> None:
    async def play() -> tuple[AfError | None, Any]:
        loop = asyncio.get_running_loop()
        late = LateStatistics(lambda kind: pytest.fail("made after the stop"), wanted=True, loop=loop)
        late.start()
        refused: list[AfError | None] = []
        late.operations["statistics.lag"]({}, WHO, lambda reply, error: refused.append(error))
        work = late.show({})
        await late.stop()
        with pytest.raises(Unavailable):
            work()
        return refused[0], late.lag().rows

    error, rows = asyncio.run(play())
    assert isinstance(error, Unavailable) and rows == 0


def test_a_server_loads_no_library_that_it_starts_without() -> None:
    program = (
        "import sys, afnet.server.main, afnet.server.app\n"
        "print(sorted({'sqlalchemy', 'psycopg2', 'PIL', 'zeroconf', 'argon2', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
