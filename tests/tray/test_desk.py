"""The person's side of an agent that works for a farm: nimby by rules and by hand, eject, and the channel to a tray."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from afcore.rows import RenderRow
from afcore.states import RunStatus
from afnet.client.link import Link
from afnet.wire.messages import Hello, Reply, Request, Rows, Subscribe
from afrender.agent import Agent
from afrender.desk import Desk, desk_state, minute_of_week, others_load
from afrender.loop import AgentLoop, LoopSettings
from afrender.nimby.rules import Rules
from afrender.process.fake import FakeLayer, FakePlan
from afrender.reader import Applications
from afrender.status import StatusChannel
from afrender.works import WorkSettings
from tests.agent.bench import until
from tests.agent.farm import Farm, spec
from tests.agent.test_fake import Nowhere


class NimbyFarm(Farm):
    """Keeps the nimby of its one render."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ["online"]
        self.wishes: list[dict[str, bool]] = []

    def received(self, peer: Any, message: Any) -> None:
        if isinstance(message, Subscribe):
            assert (message.kind, message.filter) == ("renders", {"ids": [7]})
            self.tell()
        elif isinstance(message, Request):
            assert (message.operation, message.arguments["names"]) == ("render.set", ["desk"])
            self.wishes.append(message.arguments["parameters"])
            self.words = ["online", *(word for word, on in message.arguments["parameters"].items() if on)]
            peer.send(Reply(message.id, {"renders": 1}))
            self.tell()
        else:
            super().received(peer, message)

    def tell(self) -> None:
        row = RenderRow(7, 1, "desk", "/", "anna", 1, self.words, 99, -1, 0, 2, 0, [], {})
        self.send(Rows(1, 1, [msgspec.to_builtins(row)]))


class Play:
    """A farm, an agent with its desk, and tasks that last until they are ended."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self.farm = NimbyFarm()
        self.folder = folder
        self.rules = rules

    async def __aenter__(self) -> Play:
        address = await self.farm.open()
        loop = asyncio.get_running_loop()
        self.layer = FakeLayer(loop, lambda launch: FakePlan(1000.0))
        self.agent = AgentLoop(
            agent=Agent(grace=0.0),
            layer=self.layer,
            applications=Applications(),
            host=Nowhere("desk"),
            works=WorkSettings(folder=self.folder),
            settings=LoopSettings(),
        )
        self.desk = Desk(self.agent, name="desk", user="anna", folder=self.folder, rules=self.rules, period=0.02)
        self.link = Link([address], Hello([], "afrender", "agent"), self.agent, chance=random.Random(1))
        self.agent.link = self.link
        self.link.start()
        await self.desk.open()
        await until(lambda: self.desk.policy.state is not None, what="the farm's word")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.desk.close()
        self.agent.leave("the test is over")
        self.agent.kill_all()
        await self.agent.over
        await self.link.close("the test is over")
        await self.agent.close()
        await self.farm.close()


class FakeTray:
    """The other end of the channel, without a window."""

    async def open(self, folder: Path) -> FakeTray:
        address = json.loads((folder / "tray.json").read_text())
        if "unix" in address:
            self.reader, self.writer = await asyncio.open_unix_connection(address["unix"])
        else:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", address["port"])
            self.writer.write(address["secret"].encode() + b"\n")
        return self

    def say(self, **message: object) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def hear(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await self.reader.readline())
                if wanted(message):
                    return message

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def test_rules_ask_the_farm_and_a_click_takes_it_back(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Play(tmp_path, Rules(idle=600.0, active=0.0)) as play:
            tray = await FakeTray().open(tmp_path)
            first = await tray.hear(lambda state: state.get("state") == "free")
            assert (first["name"], first["user"], first["most"], first["rule"]) == ("desk", "anna", 2, None)
            tray.say(idle=0.0)
            taken = await tray.hear(lambda state: state.get("state") == "nimby")
            assert play.farm.wishes == [{"nimby": True, "NIMBY": False}]
            assert taken["rule"]["state"] == "nimby" and "Idle for 10 min" in taken["rule"]["sentence"]
            assert json.loads((tmp_path / "nimby.json").read_text())["ours"] == "nimby"
            tray.say(order="undo")
            freed = await tray.hear(lambda state: state.get("state") == "free")
            assert freed["rule"] is None
            tray.say(order="NIMBY")
            await tray.hear(lambda state: state.get("state") == "NIMBY")
            assert play.farm.wishes[1:] == [{"nimby": False, "NIMBY": False}, {"nimby": False, "NIMBY": True}]
            play.farm.words = ["online", "paused"]
            play.farm.tell()
            await tray.hear(lambda state: state.get("state") == "paused")
            await tray.close()

    asyncio.run(whole())


def test_eject_ends_tasks_and_a_tray_that_goes_ends_none(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Play(tmp_path, Rules()) as play:
            play.farm.start(spec(0, user_name="anna"), spec(1, user_name="jo"), spec(2, user_name="jo"))
            tray = await FakeTray().open(tmp_path)
            state = await tray.hear(lambda state: len(state.get("tasks", ())) == 3)
            assert state["state"] == "busy" and {task["user"] for task in state["tasks"]} == {"anna", "jo"}
            tray.say(order="story")
            assert await tray.hear(lambda message: "story" in message)
            await tray.close()
            await until(lambda: not len(play.desk.channel), what="the tray to be let go")
            assert len(play.layer.living) == 3
            tray = await FakeTray().open(tmp_path)
            tray.writer.write(b"nonsense\n")
            await until(lambda: not len(play.desk.channel), what="nonsense to be let go")
            await tray.close()
            tray = await FakeTray().open(tmp_path)
            tray.say(order="eject_other")
            await tray.hear(lambda state: [task["user"] for task in state.get("tasks", ())] == ["anna"])
            await until(lambda: len(play.farm.reports) == 2, what="two reports")
            assert {report.status for report in play.farm.reports} == {RunStatus.STOPPED}
            tray.say(order="eject_all")
            await tray.hear(lambda state: state.get("tasks") == [])
            await tray.close()

    asyncio.run(whole())


def test_an_agent_that_starts_anew_takes_back_what_rules_did(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Play(tmp_path, Rules(idle=600.0, active=0.0)) as play:
            tray = await FakeTray().open(tmp_path)
            tray.say(idle=0.0)
            await tray.hear(lambda state: state.get("state") == "nimby")
            farm = play.farm
            await tray.close()
        assert farm.wishes == [{"nimby": True, "NIMBY": False}]
        again = Play(tmp_path, Rules(idle=600.0, active=0.0))
        again.farm.words = ["online", "nimby"]
        async with again as play:
            tray = await FakeTray().open(tmp_path)
            tray.say(idle=700.0)
            await tray.hear(lambda state: state.get("state") == "free")
            assert play.farm.wishes == [{"nimby": False, "NIMBY": False}]
            await tray.close()

    asyncio.run(whole())


def test_the_channel_without_sockets_in_folders_wants_a_secret(tmp_path: Path) -> None:
    async def whole() -> None:
        taken: list[dict[str, Any]] = []
        channel = StatusChannel(tmp_path, take=taken.append, joined=lambda: None, unix=False)
        await channel.open()
        assert (tmp_path / "tray.json").stat().st_mode & 0o777 == 0o600
        tray = await FakeTray().open(tmp_path)
        tray.say(order="free")
        await until(lambda: taken == [{"order": "free"}], what="the order")
        port = json.loads((tmp_path / "tray.json").read_text())["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'guess\n{"order": "eject_all"}\n')
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert taken == [{"order": "free"}] and len(channel) == 1
        await tray.close()
        await channel.close()
        assert list(tmp_path.iterdir()) == []

    asyncio.run(whole())


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(tmp_path: Path) -> None:
    async def whole() -> None:
        folder = tmp_path / ("long" * 30)
        folder.mkdir()
        channel = StatusChannel(folder, take=lambda message: None, joined=lambda: None)
        await channel.open()
        socket = Path(json.loads((folder / "tray.json").read_text())["unix"])
        tray = await FakeTray().open(folder)
        await until(lambda: len(channel) == 1, what="the tray")
        await channel.close()
        assert not socket.parent.exists()
        await tray.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("words", "tasks", "state"),
    [
        (None, 3, "offline"),
        (["online"], 0, "free"),
        (["online", "busy"], 1, "busy"),
        (["online", "busy", "nimby"], 1, "nimby"),
        (["online", "NIMBY", "paused"], 0, "paused"),
        (["online", "paused", "sick"], 0, "sick"),
    ],
)
def test_the_one_word_for_a_render(words: list[str] | None, tasks: int, state: str) -> None:
    assert desk_state(words, tasks) == state


def test_what_others_use_and_the_minute_of_the_week() -> None:
    reading = {
        "cpu_num": 4, "cpu_idle": 20, "cpu_iowait": 10, "mem_total_mb": 1000, "mem_free_mb": 300,
        "tasks": [{"cpu": 200, "memory_mb": 500}],
    }  # fmt: skip
    assert others_load(reading) == (20.0, 20.0)
    assert others_load({}) == (None, None)
    assert (minute_of_week(1_795_000_000.0) - minute_of_week(1_795_000_000.0 - 3600)) % (7 * 1440) == 60
