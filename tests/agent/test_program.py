"""The program ``afrender`` as people start and end it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.client.servers import Address
from tests.agent.bench import alive, until
from tests.agent.farm import Farm, spec

ROOT = Path(__file__).resolve().parents[2]


class Stage:
    """A farm, and agents in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.farm = Farm()
        self.address = Address("127.0.0.1", 0)
        self.agents: list[subprocess.Popen[str]] = []

    def start(self, *words: str, name: str = "r01") -> subprocess.Popen[str]:
        (self.folder / "host.json").write_text(json.dumps({"resources": [{"cpu_idle": 42}]}))
        agent = subprocess.Popen(
            [
                *(sys.executable, "-m", "afrender", "--headless", "--server", str(self.address), "--name", name),
                *("--folder", str(self.folder / name), "--fake-host", str(self.folder / "host.json"), *words),
            ],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.agents.append(agent)
        return agent

    async def ended(self, agent: subprocess.Popen[str]) -> tuple[int, str]:
        _, said = await asyncio.wait_for(asyncio.to_thread(agent.communicate), 60)
        return agent.returncode, said

    async def at_work(self, task: int = 0, command: str = "sleep 1000") -> int:
        """Give the agent a task that writes down its process; return that."""
        await until(lambda: self.farm.registered, what="registration")
        path = self.folder / f"task{task}"
        self.farm.start(spec(task, f"echo $$ > {path}; {command}"))
        await until(lambda: path.exists() and path.read_text().strip(), what="the task to start")
        return int(path.read_text())


Scene = Callable[[Stage], Awaitable[None]]


@pytest.fixture
def act(tmp_path: Path) -> Callable[[Scene], None]:
    def run(scene: Scene) -> None:
        async def whole() -> None:
            stage = Stage(tmp_path)
            stage.address = await stage.farm.open()
            try:
                await scene(stage)
            finally:
                for agent in stage.agents:
                    if agent.poll() is None:
                        agent.kill()
                    await stage.ended(agent) if agent.returncode is None else None
                    for pipe in (agent.stdout, agent.stderr):
                        if pipe is not None:
                            pipe.close()
                await stage.farm.close()

        asyncio.run(whole())

    return run


def test_asked_to_end_it_ends_its_tasks_says_goodbye_and_exits_with_zero(act):
    async def scene(stage: Stage) -> None:
        agent = stage.start("NIMBY")
        task = await stage.at_work()
        assert (stage.farm.registers[0].name, stage.farm.registers[0].nimby) == ("r01", "NIMBY")
        agent.send_signal(signal.SIGTERM)
        code, said = await stage.ended(agent)
        assert code == 0 and not alive(task)
        assert stage.farm.report().status == RunStatus.RENDER_LEFT
        await until(lambda: stage.farm.lost_peers)
        assert stage.farm.lost_peers == [True]
        assert "This is render r01" in said and "Traceback" not in said

    act(scene)


def test_a_second_agent_of_the_same_name_is_told_who_runs(act):
    async def scene(stage: Stage) -> None:
        first = stage.start()
        await until(lambda: stage.farm.registered)
        code, said = await stage.ended(stage.start())
        assert code == 1
        assert f"process {first.pid}" in said and "--name" in said and "Traceback" not in said
        second = stage.start(name="r02")
        await until(lambda: len(stage.farm.registers) == 2)
        assert stage.farm.registers[1].name == "r02"
        second.terminate()
        assert (await stage.ended(second))[0] == 0

    act(scene)


def test_it_starts_before_its_server_and_outlives_its_restart(act):
    async def scene(stage: Stage) -> None:
        await stage.farm.close()
        agent = stage.start()
        stage.farm = Farm()
        await stage.farm.open(stage.address)
        task = await stage.at_work()
        await stage.farm.close()
        stage.farm = Farm()
        await stage.farm.open(stage.address)
        await until(lambda: stage.farm.registers)
        assert [one.task for one in stage.farm.registers[0].running] == [0] and alive(task)
        agent.terminate()
        assert (await stage.ended(agent))[0] == 0

    act(scene)


def test_killed_it_takes_its_tasks_along_and_the_next_one_delivers_what_was_finished(act):
    async def scene(stage: Stage) -> None:
        agent = stage.start()
        task = await stage.at_work()
        stage.farm.acknowledging = False
        stage.farm.start(spec(1, "echo done"))
        await until(lambda: stage.farm.report(1))
        agent.kill()
        await stage.ended(agent)
        await until(lambda: not alive(task), what="the keeper to end the task")
        stage.farm.acknowledging = True
        stage.farm.registers.clear()
        stage.start()
        await until(lambda: stage.farm.registers)
        assert [(one.task, one.run) for one in stage.farm.registers[0].running] == [(1, 1)]
        await until(lambda: len([one for one in stage.farm.reports if one.task == 1]) == 2)
        assert stage.farm.logs[RunKey(2, 0, 1, 1)] == b"done\n"

    act(scene)


def test_when_agent_and_keeper_are_killed_the_next_one_ends_what_they_left(act):
    async def scene(stage: Stage) -> None:
        agent = stage.start()
        task = await stage.at_work(command="trap '' TERM; while :; do sleep 0.1; done")
        helpers = [child for child in psutil.Process(agent.pid).children() if "keeper.py" in " ".join(child.cmdline())]
        assert len(helpers) == 1
        # An agent that saw its keeper die would start another, which would end the task.
        psutil.Process(agent.pid).suspend()
        helpers[0].kill()
        agent.kill()
        await stage.ended(agent)
        assert alive(task)
        stage.farm.registers.clear()
        again = stage.start()
        await until(lambda: stage.farm.registers)
        assert not alive(task), "it asked for work before it had ended what was left"
        again.terminate()
        code, said = await stage.ended(again)
        assert code == 0 and "had left behind" in said

    act(scene)


def test_wrong_words_and_files_are_told_in_a_sentence(act):
    async def scene(stage: Stage) -> None:
        code, said = await stage.ended(stage.start("--server", "nonsense:port"))
        assert code == 1 and "nonsense:port" in said and "Traceback" not in said
        code, said = await stage.ended(stage.start("--fake-host", "/nowhere.json"))
        assert code == 1 and "/nowhere.json" in said and "Traceback" not in said
        code, said = await stage.ended(stage.start("sleepy"))
        assert code == 2 and "nimby" in said

    act(scene)


def test_a_second_request_to_end_does_not_wait_for_the_grace(act):
    async def scene(stage: Stage) -> None:
        patient = stage.folder / "patient.json"
        patient.write_text(json.dumps({"terminate_grace": 600}))
        agent = stage.start("--config", str(patient))
        task = await stage.at_work(command="trap 'echo asked' TERM; while :; do sleep 0.1; done")
        agent.send_signal(signal.SIGINT)
        heard = lambda: [each.last_line for one in stage.farm.readings for each in one.progress]  # noqa: E731
        await until(lambda: "asked" in heard(), what="the task to have been asked")
        agent.send_signal(signal.SIGINT)
        code, _ = await stage.ended(agent)
        assert code == 0 and not alive(task)

    act(scene)
