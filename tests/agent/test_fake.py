"""Many agents in one process whose tasks are only timers: what load generators and simulations use."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.client.link import Link
from afnet.wire.messages import Acknowledge, Follow, Hello, LogLines, Register, Registered, Report, Start, Stop
from afrender.agent import Agent
from afrender.follow import AT_ONCE, Followers
from afrender.host.probe import HostIdentity
from afrender.logs import RunLog
from afrender.loop import AgentLoop, LoopSettings
from afrender.process.fake import FakeLayer, FakePlan
from afrender.process.spawn import CannotStart, Exit, Launch
from afrender.reader import Applications
from afrender.works import WorkSettings
from tests.agent.bench import Seen, until
from tests.agent.farm import Farm, spec


class Nowhere:
    """A host that is not there."""

    slow = False

    def __init__(self, name: str) -> None:
        self.name = name

    def identity(self) -> HostIdentity:
        return HostIdentity(self.name, "unix linux 64", "ann")

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        pass

    def measure(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class ManyFarm(Farm):
    """Gives each agent that registers ``each`` tasks, two at a time."""

    def __init__(self, each: int) -> None:
        super().__init__()
        self.each = each
        self.done = 0

    def received(self, peer, message) -> None:
        if isinstance(message, Register):
            peer.send(Registered(len(self.registers) + 1, heartbeat=0.0))
            self.registers.append(message)
            peer.context = [spec(task, "true", job=len(self.registers)) for task in range(self.each)]
            peer.send(Start([peer.context.pop(), peer.context.pop()]))
        elif isinstance(message, Report):
            self.done += message.status == RunStatus.SUCCESS
            peer.send(Acknowledge([(message.job, message.block, message.task, message.run)]))
            if peer.context:
                peer.send(Start([peer.context.pop()]))


def test_fifty_agents_in_one_process(tmp_path: Path) -> None:
    async def whole() -> None:
        farm = ManyFarm(20)
        address = await farm.open()
        loop = asyncio.get_running_loop()
        layer = FakeLayer(loop, lambda launch: FakePlan(0.001))
        applications = Applications()
        agents, links = [], []
        for number in range(50):
            agent = AgentLoop(
                agent=Agent(story_length=10),
                layer=layer,
                applications=applications,
                host=Nowhere(f"r{number}"),
                works=WorkSettings(folder=tmp_path),
                settings=LoopSettings(),
            )
            hello = Hello([], "afrender", "agent")
            agent.link = link = Link([address], hello, agent, chance=random.Random(number))
            agents.append(agent)
            links.append(link)
            link.start()
        await until(lambda: farm.done == 1000, 60, "all tasks to be done")
        await until(lambda: not any(agent.agent.runs for agent in agents))
        for agent, link in zip(agents, links, strict=True):
            await link.close()
            await agent.close()
        await farm.close()
        assert not list(tmp_path.iterdir())

    asyncio.run(whole())


def test_fake_processes_end_as_planned() -> None:
    async def whole() -> None:
        plans = {
            "short": FakePlan(0.0, code=3, output=b"hello\n"),
            "polite": FakePlan(1000.0),
            "deaf": FakePlan(1000.0, ignores_terminate=True),
            "refused": FakePlan(0.0, refused=CannotStart("no")),
        }
        layer = FakeLayer(asyncio.get_running_loop(), lambda launch: plans[launch.words[0]])
        seen = {name: Seen() for name in plans}
        started = {name: layer.start(Launch([name]), seen[name]) for name in plans}
        assert started["refused"] == CannotStart("no")
        for name in ("polite", "deaf"):
            started[name].terminate(0.01)
            started[name].terminate(0.01)
        assert await seen["short"].finish() == Exit(3) and seen["short"].data == b"hello\n"
        assert (await seen["polite"].finish()).signal == 15
        assert (await seen["deaf"].finish()).signal == 9
        started["deaf"].kill()
        await asyncio.sleep(0)
        assert not layer.living

    asyncio.run(whole())


def test_a_follower_who_cannot_keep_up_misses_the_middle_and_is_told(tmp_path: Path) -> None:
    async def whole() -> None:
        said: list[LogLines] = []
        followers = Followers(asyncio.get_running_loop(), said.append)
        key = RunKey(2, 0, 0, 1)
        log = RunLog(tmp_path / "log", 10_000_000)
        followers.add(1, key, log, over=False)
        for number in range(20):
            log.add(bytes([65 + number]) * 65536)
        await until(lambda: len(said) > 1)
        assert said[1].data.startswith(b"\n[ afrender:") and len(said[1].data) < AT_ONCE + 65536 + 200
        assert said[1].data.endswith(b"T" * 65536)
        log.add(b"end")
        followers.ended(key, log)
        assert (said[-1].data, said[-1].offset, said[-1].last) == (b"end", 20 * 65536, True)
        followers.add(2, key, log, over=False)
        log.add(b"more")
        followers.clear()
        followers.close()
        log.close(remove=True)

    asyncio.run(whole())


def test_who_follows_a_run_before_its_process_is_there_gets_all_of_it(tmp_path: Path) -> None:
    async def whole() -> None:
        said: list[LogLines] = []
        followers = Followers(asyncio.get_running_loop(), said.append)
        key, refused = RunKey(2, 0, 0, 1), RunKey(2, 0, 1, 1)
        followers.wait(1, key)
        followers.wait(2, refused)
        followers.wait(3, key)
        followers.remove(3)
        assert said == []
        log, why = RunLog(tmp_path / "log", 10_000_000), RunLog(tmp_path / "why", 10_000_000)
        followers.began(key, log, over=False)
        log.add(b"first")
        await until(lambda: len(said) == 2)
        why.add(b"it cannot start")
        followers.ended(refused, why)
        assert [(lines.id, lines.data, lines.last) for lines in said] == [
            (1, b"", False), (1, b"first", False), (2, b"it cannot start", True),
        ]  # fmt: skip
        followers.close()
        log.close(remove=True)

    asyncio.run(whole())


def test_orders_for_what_is_over_are_answered(tmp_path: Path) -> None:
    async def whole() -> None:
        farm = Farm()
        address = await farm.open()
        agent = AgentLoop(
            agent=Agent(),
            layer=FakeLayer(asyncio.get_running_loop(), lambda launch: FakePlan(0.0)),
            applications=Applications(),
            host=Nowhere("r1"),
            works=WorkSettings(folder=tmp_path),
            settings=LoopSettings(),
        )
        agent.link = link = Link([address], Hello([], "afrender", "agent"), agent, chance=random.Random(1))
        link.start()
        await until(lambda: farm.registered)
        farm.send(Stop(2, 0, 5, 1), Follow(1, 2, 0, 5, 1))
        await until(lambda: farm.reports and farm.lines)
        assert farm.reports[0].status == RunStatus.NEVER_STARTED and farm.lines[0].last
        await link.close()
        await agent.close()
        await farm.close()

    asyncio.run(whole())
