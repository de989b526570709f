"""Commands after a task: in order, in its log, each with a limit, and the task is done whatever they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from afcore.states import RunStatus
from afnet.wire.messages import Stop
from afrender.helper.pool import HelperPool, HelperSettings
from tests.agent.bench import until
from tests.agent.farm import spec
from tests.agent.test_helper import log_of
from tests.agent.test_loop import KEY, Stage, act

__all__ = ["act"]


@pytest.fixture
def after(tmp_path: Path):
    """Return helpers with a service that wants these commands after each task."""

    def made(*commands: str) -> HelperPool:
        folder = tmp_path / "own"
        (folder / "services").mkdir(parents=True)
        text = "from services import service\nclass after(service.service):\n"
        text += f"    def doPost(self):\n        return {commands!r}\n"
        (folder / "services" / "after.py").write_text(text)
        return HelperPool(HelperSettings(str(folder)))

    return made


def test_commands_run_one_after_the_other_with_the_tasks_surroundings(act, after):
    async def scene(stage: Stage) -> None:
        more = {"service": "after", "environment": {"NAME": "ann"}, "working_directory": str(stage.folder)}
        stage.farm.start(spec(0, "echo first", **more), spec(1, "exit 3", **more))
        assert RunStatus((await stage.report(0)).status) is RunStatus.SUCCESS
        assert await log_of(stage, 0) == f"first\nsecond ann\n{stage.folder}\n".encode()
        assert RunStatus((await stage.report(1)).status) is RunStatus.ERROR
        assert b"second" not in await log_of(stage, 1)

    act(scene, helpers=after("echo second $NAME", "pwd"))


def test_the_first_that_fails_ends_the_row_and_the_task_is_done(act, after):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo first", service="after"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.POST_FAILED
        assert await log_of(stage, 0) == (
            b"first\n[ afrender: A command after the task ended with exit code 4: exit 4 ]\n"
        )

    act(scene, helpers=after("exit 4", "echo never"))


def test_one_that_takes_too_long_is_ended(act, after):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo first", service="after"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.POST_FAILED
        assert b"more than 0.2 s: exec sleep 60" in await log_of(stage, 0)

    act(scene, helpers=after("exec sleep 60"), post_limit=0.2)


def test_stopping_the_task_stops_the_command(act, after):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo first", service="after"))
        await until(lambda: b"second" in stage.loop.works.all[KEY].log.read(0, 99) if stage.loop.works.all else False)
        stage.farm.send(Stop(*KEY))
        await stage.report(0)
        assert b"never" not in await log_of(stage, 0)

    act(scene, helpers=after("echo second; exec sleep 60", "echo never"))
