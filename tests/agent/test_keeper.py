"""An agent that is killed takes its tasks with it; if the keeper died too, the next start ends what is left."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from afrender.process.keeping import Keeper, end_leftovers
from tests.agent.bench import TOKEN, alive, until

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups exist on POSIX systems only")

AGENT = """
import asyncio, os, sys
from pathlib import Path
from afrender.process.keeping import Keeper
from afrender.process.posix import PosixLayer
from afrender.process.spawn import Launch, marker_text

class Deaf:
    def output(self, data): pass
    def exited(self, end): pass

async def main():
    folder = Path(sys.argv[1])
    token = sys.argv[2]
    keeper = Keeper(asyncio.get_running_loop(), folder, token)
    layer = PosixLayer(asyncio.get_running_loop(), keeper=keeper)
    for number in range(3):
        command = f"echo $$ > {folder}/task{number}; "
        command += f"(trap '' TERM; setsid sleep 1000 & echo $! > {folder}/away{number}); "
        command += "trap '' TERM; while :; do sleep 0.1; done"
        layer.start(Launch(["/bin/sh", "-c", command], marker=marker_text(1, 0, number, 1, token)), Deaf())
    # One whose environment was cleaned: only its group tells.
    command = f"exec env -i /bin/sh -c 'echo $$ > {folder}/clean; sleep 1000; true'"
    layer.start(Launch(["/bin/sh", "-c", command], marker=marker_text(1, 0, 9, 1, token)), Deaf())
    await asyncio.sleep(0.05)
    (folder / "keeper").write_text(str(keeper.pid))
    await asyncio.sleep(1000)

asyncio.run(main())
"""
FILES = ("task0", "task1", "task2", "away0", "away1", "away2", "clean", "keeper")


async def launch(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    agent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(AGENT), str(folder), TOKEN], env={**os.environ, "PYTHONPATH": "."}
    )
    await until(lambda: all((folder / name).exists() and (folder / name).read_text().strip() for name in FILES))
    return agent, {name: int((folder / name).read_text()) for name in FILES}


def test_tasks_of_a_killed_agent_end_by_themselves(tmp_path):
    async def scene() -> None:
        agent, pids = await launch(tmp_path)
        os.killpg(pids["keeper"], signal.SIGTERM)
        assert all(alive(pid) for pid in pids.values())
        agent.kill()
        agent.wait()
        await until(lambda: not any(alive(pid) for pid in pids.values()))

    asyncio.run(scene())


def test_the_next_start_ends_what_agent_and_keeper_left(tmp_path):
    async def scene() -> None:
        agent, pids = await launch(tmp_path)
        # An agent that saw its keeper die would start another, which would end the tasks.
        agent.send_signal(signal.SIGSTOP)
        os.kill(pids.pop("keeper"), signal.SIGKILL)
        agent.kill()
        agent.wait()
        assert all(alive(pid) for pid in pids.values())
        assert end_leftovers(tmp_path, TOKEN, polite=0.2) >= len(pids)
        assert not [name for name, pid in pids.items() if alive(pid)]
        assert end_leftovers(tmp_path, TOKEN) == 0

    asyncio.run(scene())


def test_a_record_from_before_a_restart_of_the_machine_is_not_believed(tmp_path):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        (tmp_path / "processes").write_text(f"boot another\n+{child.pid} 1\n")
        assert end_leftovers(tmp_path, TOKEN) == 0
        (tmp_path / "processes").write_text(
            f"boot {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}\n+{child.pid} 1\n"
        )
        assert end_leftovers(tmp_path, TOKEN) == 0, "a number that was used again"
        assert alive(child.pid)
    finally:
        child.kill()
        child.wait()


def test_a_keeper_that_dies_is_replaced_and_told_again(tmp_path, caplog):
    async def scene() -> None:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        keeper = Keeper(asyncio.get_running_loop(), tmp_path, TOKEN)
        keeper.started(child.pid)
        first = keeper.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: keeper.pid != first)
        assert alive(child.pid)
        keeper.close()
        child.wait()
        assert not alive(keeper.pid or first)

    with caplog.at_level(logging.CRITICAL, logger="afrender.process.keeping"):
        asyncio.run(scene())


def test_the_record_stays_small(tmp_path):
    async def scene() -> None:
        keeper = Keeper(asyncio.get_running_loop(), tmp_path, TOKEN)
        for number in range(30000):
            keeper.started(4_000_000 + number)
            keeper.ended(4_000_000 + number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert (tmp_path / "processes").stat().st_size < 300_000
        keeper.close()
        assert not (tmp_path / "processes").exists()

    asyncio.run(scene())
