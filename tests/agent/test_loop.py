"""The whole agent in one process: real children, a real socket, a scripted farm."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from afcore.errors import Bug
from afcore.hostreading import joined
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.client.link import Link
from afnet.client.retry import Backoff
from afnet.client.servers import Address
from afnet.wire.messages import Drop, Follow, Hello, Refused, Stop, Unfollow
from afrender.agent import Agent
from afrender.helper.pool import HelperPool
from afrender.host.fake import FakeHost
from afrender.host.told import HOST_FIELDS
from afrender.loop import AgentLoop, LoopSettings
from afrender.pictures import PictureSettings
from afrender.process.posix import PosixLayer
from afrender.reader import Applications
from afrender.reports import ReportSpool
from afrender.stimuli import ProcessStarted
from afrender.works import WorkSettings
from tests.agent.bench import TOKEN, alive, until
from tests.agent.farm import Farm, spec
from tests.ports import free_port

KEY = RunKey(2, 0, 0, 1)


class Stage:
    """A farm and an agent; ``restart`` gives the agent another life in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.farm = Farm()
        self.address = Address("127.0.0.1", free_port())
        self.log_limit = 200_000
        self.helpers: HelperPool | None = None
        self.post_limit = 16.0
        self.pictures = PictureSettings(seconds=60.0)
        self.known_farm = ""
        self.resources: list[dict[str, object]] = [{"cpu_idle": 42}]

    async def open(self) -> None:
        machine = {"identity": {"name": "r01"}, "resources": self.resources}
        (self.folder / "host.json").write_text(json.dumps(machine))
        self.address = await self.farm.open(self.address)
        await self.raise_agent()
        await until(lambda: self.farm.registered, what="registration")

    async def raise_agent(self) -> None:
        self.layer = PosixLayer(asyncio.get_running_loop(), folder=str(self.folder))
        self.spool = ReportSpool(self.folder)
        self.loop = AgentLoop(
            agent=Agent(grace=5.0, farm=self.known_farm),
            layer=self.layer,
            applications=Applications(),
            helpers=self.helpers,
            host=FakeHost(self.folder / "host.json"),
            works=WorkSettings(folder=self.folder, token=TOKEN, log_limit=self.log_limit, post_limit=self.post_limit),
            settings=LoopSettings(instance="one"),
            pictures=self.pictures,
            spool=self.spool,
            farm_met=self.meet,
        )
        self.loop.restore()
        chance = random.Random(5)
        hello = Hello([], "afrender", "agent", user="ann", host="here")
        self.link = Link(
            [self.address], hello, self.loop, chance=chance, backoff=Backoff(chance, first=0.01, most=0.05)
        )
        self.loop.link = self.link
        self.link.start()

    def meet(self, farm: str) -> None:
        self.known_farm = farm

    async def lower_agent(self) -> None:
        self.loop.kill_all()
        await until(lambda: not self.layer.living, what="the tasks to end")
        await self.link.close("test")
        await self.loop.close()
        self.layer.close()

    async def report(self, task: int = 0, run: int = 1, seconds: float = 60.0):
        await until(lambda: self.farm.report(task, run), seconds, what=f"a report of task {task} run {run}")
        return self.farm.report(task, run)

    async def settled(self) -> None:
        await until(lambda: not self.spool.kept and not self.loop.agent.runs, what="everything to be delivered")


Scene = Callable[[Stage], Awaitable[None]]


@pytest.fixture
def act(tmp_path: Path) -> Callable[..., None]:
    def run(scene: Scene, **settings: object) -> None:
        async def whole() -> None:
            stage = Stage(tmp_path)
            for name, value in settings.items():
                setattr(stage, name, value)
            await stage.open()
            try:
                await scene(stage)
                assert stage.loop.agent.check() == []
            finally:
                await stage.lower_agent()
                await stage.farm.close()

        asyncio.run(whole())

    return run


def test_tasks_run_are_reported_with_their_logs_and_nothing_is_left(act):
    async def scene(stage: Stage) -> None:
        register = stage.farm.registers[0]
        assert (register.address, register.family) == ("127.0.0.1", 4)
        assert (register.name, register.running, register.resources["cpu_idle"]) == ("r01", [], 42)
        commands = ["echo out; echo err >&2", "exit 3", ["printf", "%s|%s", "a b", "c"], "kill -9 $$", "true"]
        stage.farm.start(*(spec(task, command) for task, command in enumerate(commands)))
        statuses = [RunStatus((await stage.report(task)).status) for task in range(5)]
        status = RunStatus
        assert statuses == [status.SUCCESS, status.ERROR, status.SUCCESS, status.KILLED, status.SUCCESS]
        assert stage.farm.report(1).exit_status == 3 and "code 3" in stage.farm.report(1).errors_text
        assert stage.farm.report(3).exit_status == -9
        await stage.settled()
        logs = {key.task: data for key, data in stage.farm.logs.items()}
        assert logs[0] == b"out\nerr\n" and logs[2] == b"a b|c"
        assert stage.farm.report(0).log_size == 8 and stage.farm.report(4).log_size == 0
        assert not list(stage.folder.glob("*.log")) and (stage.folder / "reports").stat().st_size == 0

    act(scene)


def test_what_does_not_start_is_told_in_a_sentence(act):
    async def scene(stage: Stage) -> None:
        stage.farm.start(
            spec(0, "true", working_directory="/nowhere/at/all"), spec(1, ["no-such-renderer"]), spec(2, "")
        )
        for task, words in enumerate(("/nowhere/at/all", "no-such-renderer", "command")):
            report = await stage.report(task)
            assert report.status == RunStatus.FAILED_TO_START and words in report.errors_text
        await stage.settled()
        assert b"/nowhere/at/all" in stage.farm.logs[KEY]

    act(scene)


def test_an_order_to_stop_ends_the_tree(act):
    async def scene(stage: Stage) -> None:
        path = stage.folder / "pid"
        stage.farm.start(spec(0, f"setsid sleep 1000 & echo $! > {path}; sleep 1000"))
        await until(lambda: path.exists() and path.read_text().strip())
        stage.farm.send(Stop(*KEY))
        assert (await stage.report()).status == RunStatus.STOPPED
        assert not alive(int(path.read_text()))

    act(scene)


def test_the_parser_ends_a_task_and_its_readings_arrive(act):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo 'ACTIVITY: tracing'; echo 'PROGRESS: 40%'; sleep 1000"))
        await until(lambda: stage.farm.readings, what="progress")
        (reading,) = stage.farm.readings[0].progress
        assert (reading.percent, reading.activity, reading.last_line) == (40, "tracing", "PROGRESS: 40%")
        stage.farm.start(spec(1, "echo '[ PARSER ERROR ]'; sleep 1000"))
        report = await stage.report(1)
        assert report.status == RunStatus.PARSER_ERROR and report.errors_text
        stage.farm.start(spec(2, "echo '[ PARSER FINISHED SUCCESS ]'; sleep 1000"))
        assert (await stage.report(2)).status == RunStatus.PARSER_SUCCESS

    act(scene)


def test_readings_come_with_every_heartbeat(act):
    async def scene(stage: Stage) -> None:
        await until(lambda: len(stage.farm.readings) > 2)
        assert all(one.resources["cpu_idle"] == 42 and not one.progress for one in stage.farm.readings)

    farm = Farm()
    farm.heartbeat = 0.05
    act(scene, farm=farm)


def test_what_never_changes_of_a_machine_is_told_once_and_again_when_it_changed(act):
    card = {"index": 0, "name": "Card A", "mem_total_mb": 8192, "mem_used_mb": 1, "temp": 40}
    steps = [{"cpu_user": user, "gpus": [{**card, "util": user}]} for user in (1, 2, 3)]
    steps.append({"cpu_user": 4, "mem_total_mb": 32768, "gpus": [{**card, "name": "Card B", "util": 4}]})

    async def scene(stage: Stage) -> None:
        await until(lambda: any(one.resources["cpu_user"] == 4 for one in stage.farm.readings))
        said = {one.resources["cpu_user"]: one.resources for one in reversed(stage.farm.readings)}
        first = stage.farm.registers[0].resources
        assert (first["cpu_num"], first["mem_total_mb"], first["hw_info"]) == (8, 16384, "made up")
        assert first["gpus"][0]["name"] == "Card A"
        for user in (2, 3):
            assert not {*HOST_FIELDS} & {*said[user]}
            assert said[user]["gpus"] == [{"util": user, "mem_used_mb": 1, "temp": 40}]
        assert {*HOST_FIELDS} & {*said[4]} == {"mem_total_mb"} and said[4]["gpus"][0]["name"] == "Card B"
        whole = first
        for user in (2, 3, 4):
            whole = joined(whole, said[user])
        assert whole == {**first, **steps[3]}
        stage.farm.peer.close("come again")
        await until(lambda: len(stage.farm.registers) == 2)
        assert {*HOST_FIELDS} <= {*stage.farm.registers[1].resources}

    farm = Farm()
    farm.heartbeat = 0.05
    act(scene, farm=farm, resources=steps)


def test_a_server_that_takes_little_gets_signs_of_life_and_later_the_newest_readings(act, monkeypatch):
    async def scene(stage: Stage) -> None:
        slow = True
        monkeypatch.setattr(Link, "slow", property(lambda link: slow))
        gate = stage.folder / "gate"
        command = f"echo PROGRESS: 10%; while [ ! -e {gate} ]; do sleep 0.02; done; echo PROGRESS: 70%; sleep 1000"
        stage.farm.start(spec(0, command))
        await until(lambda: len(stage.farm.readings) >= 2)
        gate.touch()
        await until(lambda: stage.loop.works.all[KEY].reading().percent == 70)
        told = list(stage.farm.readings)
        assert not any(one.resources or one.progress for one in told)
        slow = False
        await until(lambda: any(one.progress for one in stage.farm.readings))
        shown = [progress.percent for one in stage.farm.readings for progress in one.progress]
        assert shown[0] == 70, "what came between is not told"

    farm = Farm()
    farm.heartbeat = 0.1
    act(scene, farm=farm)


def test_tasks_go_on_without_the_server_and_are_reported_when_it_is_back(act):
    async def scene(stage: Stage) -> None:
        gate = stage.folder / "gate"
        stage.farm.start(spec(0, f"echo begin; until [ -e {gate} ]; do sleep 0.02; done; echo end"))
        stage.farm.start(spec(1, "sleep 1000"))
        await until(lambda: len(stage.layer.living) == 2)
        await stage.farm.close()
        gate.write_text("")
        await until(lambda: len(stage.layer.living) == 1)
        stage.farm = Farm()
        await stage.farm.open(stage.address)
        report = await stage.report()
        assert report.status == RunStatus.SUCCESS
        running = {(one.task, one.run) for one in stage.farm.registers[0].running}
        assert running == {(0, 1), (1, 1)}
        await until(lambda: stage.farm.logs.get(KEY) == b"begin\nend\n")
        stage.farm.send(Drop([(2, 0, 1, 1)]))
        await until(lambda: not stage.layer.living)
        await stage.settled()
        assert stage.farm.report(1) is None

    act(scene)


def test_reports_and_logs_survive_the_agent_until_they_are_acknowledged(act):
    async def scene(stage: Stage) -> None:
        stage.farm.acknowledging = stage.farm.keeping = False
        stage.farm.start(spec(0, "echo small"), spec(1, "head -c 100000 /dev/zero | tr '\\0' x"), spec(2, "true"))
        for task in range(3):
            await stage.report(task)
        await stage.lower_agent()
        stage.farm.acknowledging = stage.farm.keeping = True
        stage.farm.reports.clear()
        stage.farm.registers.clear()
        await stage.raise_agent()
        for task in range(3):
            await stage.report(task)
        await stage.settled()
        assert stage.farm.logs[KEY] == b"small\n"
        assert stage.farm.logs[RunKey(2, 0, 1, 1)] == b"x" * 100000
        assert {(one.task, one.run) for one in stage.farm.registers[0].running} == {(0, 1), (1, 1), (2, 1)}
        assert not list(stage.folder.glob("*.log"))

    act(scene)


def test_another_farm_gets_nothing_of_this_one(act):
    async def scene(stage: Stage) -> None:
        stage.farm.acknowledging = False
        stage.farm.start(spec(0, "echo secret"), spec(1, "sleep 1000"))
        await stage.report()
        await stage.farm.close()
        stage.farm = Farm("farm-2")
        await stage.farm.open(stage.address)
        await until(lambda: stage.farm.registers)
        assert stage.farm.registers[0].running == [] and not stage.layer.living
        stage.farm.start(spec(1, "true"))
        await stage.report(1)
        await stage.settled()
        assert stage.farm.report(0) is None and stage.known_farm == "farm-2"

    act(scene)


def test_the_next_run_of_a_task_waits_for_the_end_of_the_former(act):
    async def scene(stage: Stage) -> None:
        path = stage.folder / "pids"
        stage.farm.start(spec(0, f"trap '' TERM; echo $$ >> {path}; while :; do sleep 0.05; done"))
        await until(path.exists)
        stage.farm.start(spec(0, f"kill -0 $(head -n1 {path}) 2>/dev/null && exit 9; echo $$ >> {path}", run=2))
        assert (await stage.report(0, 2)).status == RunStatus.SUCCESS
        assert stage.farm.report(0, 1) is None

    act(scene)


def test_a_flood_is_kept_within_the_limit_with_a_note(act):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "seq 1 300000"))
        report = await stage.report(0)
        await stage.settled()
        log = stage.farm.logs[KEY]
        assert report.status == RunStatus.SUCCESS and report.log_size == len(log)
        assert log.startswith(b"1\n2\n3\n") and log.endswith(b"299999\n300000\n")
        assert b"were left out" in log and len(log) < stage.log_limit + 200

    act(scene)


def test_running_output_can_be_followed(act):
    async def scene(stage: Stage) -> None:
        gate = stage.folder / "gate"
        stage.farm.start(spec(0, f"echo one; until [ -e {gate} ]; do sleep 0.02; done; echo two"))
        await until(lambda: stage.loop.works.all and next(iter(stage.loop.works.all.values())).log.total)
        stage.farm.send(Follow(5, 2, 0, 0, 0), Follow(6, 2, 0, 0, 1), Follow(7, 2, 0, 9, 1))
        await until(lambda: len(stage.farm.lines) >= 3)
        stage.farm.send(Unfollow(6))
        await until(lambda: len(stage.loop.delivery.followers._all) == 1)
        gate.write_text("")
        await until(lambda: any(line.last for line in stage.farm.lines if line.id == 5))
        mine = [line for line in stage.farm.lines if line.id == 5]
        assert b"".join(line.data for line in mine) == b"one\ntwo\n"
        assert [line.offset for line in mine][-1] == 4
        assert [line.data for line in stage.farm.lines if line.id == 6] == [b"one\n"]
        assert [(line.data, line.last) for line in stage.farm.lines if line.id == 7] == [(b"", True)]

    act(scene)


def test_existing_files_are_skipped_and_missing_ones_fail(act):
    async def scene(stage: Stage) -> None:
        (stage.folder / "a").write_text("x")
        there = {"files": ["a"], "working_directory": str(stage.folder)}
        stage.farm.start(spec(0, "exit 1", flags=1 | 64, **there))
        assert (await stage.report(0)).status == RunStatus.SKIPPED
        stage.farm.start(spec(1, "rm a", flags=1 | 128, **there))
        assert (await stage.report(1)).status == RunStatus.BAD_FILES

    act(scene)


def test_leaving_ends_the_tasks_and_reports_them(act):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "sleep 1000"))
        await until(lambda: stage.layer.living)
        stage.loop.leave("asked")
        assert await asyncio.wait_for(stage.loop.over, 60) == "asked"
        await stage.loop.settle(60.0)
        assert stage.farm.report().status == RunStatus.RENDER_LEFT
        assert not stage.spool.kept

    act(scene)


def test_a_name_that_is_taken_ends_the_agent(act, expected_logs):
    async def scene(stage: Stage) -> None:
        await asyncio.wait_for(stage.loop.over, 60)
        assert stage.loop.refused is not None and "r01" in stage.loop.refused.sentence

    expected_logs("The server refuses")
    farm = Farm()
    farm.refusal = Refused(0, "conflict", "A render named r01 is online already.", "use another name")
    act(scene, farm=farm)


def test_a_mistake_in_the_program_stops_the_agent_with_its_story(act, expected_logs):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "sleep 1000"))
        await until(lambda: stage.layer.living)
        stage.loop.tell(ProcessStarted(KEY, 1, 0.0))
        with pytest.raises(Bug):
            await asyncio.wait_for(stage.loop.over, 60)

    expected_logs("mistake in the program")
    act(scene)


def test_five_hundred_tasks_through_eight_slots(act):
    async def scene(stage: Stage) -> None:
        left = list(range(500))

        def next_one(report: object) -> None:
            if left:
                stage.farm.start(spec(left.pop(), "true"))

        stage.farm.on_report = next_one
        stage.farm.start(*(spec(left.pop(), "true") for _ in range(8)))
        await until(lambda: len(stage.farm.reports) == 500, 60)
        assert len({one.task for one in stage.farm.reports}) == 500
        assert all(one.status == RunStatus.SUCCESS for one in stage.farm.reports)
        await stage.settled()

    act(scene)


def test_a_question_without_a_newline_is_shown_to_who_follows(act):
    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "printf 'Overwrite? [y/n] '; exec sleep 60"))
        await until(lambda: stage.loop.works.all, what="the task")
        stage.farm.send(Follow(5, 2, 0, 0, 1))
        await until(lambda: b"Overwrite? [y/n] " in b"".join(one.data for one in stage.farm.lines), what="the question")

    act(scene)
