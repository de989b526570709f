"""The classic dialect against a whole server in this process: brought to its state by commands, asked over sockets."""

import asyncio
import gc
import http.client
import json
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from afcore.config import Config, parse_options
from afcore.store.memory import MemoryStore
from afnet.classic.binary import Kind, encode_header
from afnet.server.app import FarmServer, build_server
from afnet.server.clock import Clock
from afnet.wire.messages import FileChunk
from benchmarks.classic import call, frame
from tests.wire.farm import HOME
from tests.wire.test_classic_samples import sample

Ask = Callable[[dict[str, Any]], Awaitable[Any]]

JOB = {
    "name": "shot",
    "user_name": "ann",
    "host_name": "ws1",
    "blocks": [
        {"name": "b", "service": "generic", "command": "true", "flags": 1, "frame_first": 1, "frame_last": 3},
    ],
}


class Served:
    """A server, and ways to ask it."""

    def __init__(self, server: FarmServer) -> None:
        self.server = server
        self.port = server.door.addresses[0].port
        self._loop = asyncio.get_running_loop()

    async def raw(self, framing: str, request: bytes) -> bytes:
        return await self._loop.run_in_executor(None, call, self.port, framing, request)

    async def ask(self, request: dict[str, Any]) -> Any:
        return json.loads((await self.raw("text", frame("text", request))).partition(b"JSON")[2])

    async def get(self, address: str) -> tuple[int, dict[str, str], bytes]:
        def read() -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request("GET", address)
            answer = connection.getresponse()
            found = (answer.status, dict(answer.getheaders()), answer.read())
            connection.close()
            return found

        return await self._loop.run_in_executor(None, read)


def served(play: Callable[[Served], Awaitable[None]], folder: Path, config: Config | None = None) -> None:
    """Run a play against a server that is started for it."""

    async def run() -> None:
        server = build_server(
            config or Config(),
            clock=Clock(),
            store=MemoryStore(),
            data=folder,
            listen=[HOME],
            loop=asyncio.get_running_loop(),
        )
        await server.start()
        try:
            async with asyncio.timeout(60):
                await play(Served(server))
        finally:
            await server.stop()

    threshold = gc.get_threshold()
    try:
        asyncio.run(run())
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_pages_are_served_and_nothing_beside_them(tmp_path: Path) -> None:
    root = tmp_path / "cgru"
    for name in ("afanasy/browser/index.html", "icons/tickets/MEM.png", "afanasy/config_default.json", "lib/a.css"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "config.json").write_text("config")
    config = Config([parse_options({"af_http_serve_dir": str(root), "classic_front_page": True})])

    async def play(farm: Served) -> None:
        for address in ("/", "/afanasy/browser/", "/afanasy/browser/index.html"):
            status, headers, body = await farm.get(address)
            assert (status, body) == (200, b"afanasy/browser/index.html")
            assert headers["Content-Type"] == "text/html; charset=UTF-8" and headers["Cache-Control"] == "max-age=0"
        assert (await farm.get("/lib/a.css"))[1]["Cache-Control"] == "max-age=3600"
        for address in (
            "/afanasy/config_default.json",
            "/lib/../afanasy/config_default.json",
            "/lib/%2e%2e/%2e%2e/config.json",
            "/icons/../../config.json",
            "/config.json",
            "/@TMP@/etc/passwd",
            "/@TMP@//etc/passwd",
        ):
            status, _, body = await farm.get(address)
            assert status == 404 and json.loads(body)["error"]["code"] == "not_found", address
        found = await farm.ask({"get": {"type": "files", "path": "icons/tickets"}})
        assert found == {"path": "icons/tickets", "files": ["MEM.png"]}
        (root / "icons/tickets/NUKE.png").write_text("new")
        assert await farm.ask({"reload_config": {}}) == sample("reload-config")
        while (await farm.get("/icons/tickets/NUKE.png"))[2] != b"new":
            await asyncio.sleep(0.01)

    served(play, tmp_path / "data", config)


def test_the_front_page_is_ours_until_the_administrator_says_otherwise(tmp_path: Path) -> None:
    page = tmp_path / "cgru" / "afanasy" / "browser" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("the classic page")

    async def play(farm: Served) -> None:
        assert b"the classic page" not in (await farm.get("/"))[2]
        assert (await farm.get("/afanasy/browser/"))[2] == b"the classic page"

    served(play, tmp_path / "data", Config([parse_options({"af_http_serve_dir": str(tmp_path / "cgru")})]))


def test_without_a_folder_there_are_no_pages(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        assert (await farm.get("/afanasy/browser/index.html"))[0] == 404
        assert await farm.ask({"get": {"type": "files", "path": "icons/tickets"}}) == {
            "path": "icons/tickets",
            "files": [],
        }

    served(play, tmp_path)


def test_pictures_are_fetched_where_the_page_looks_for_them(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        job = (await farm.ask({"job": JOB}))["id"]
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        accepted = farm.server.files._answer

        def answer(answers: Any) -> None:
            accepted(answers)
            farm.server._loop.call_soon_threadsafe(lambda: kept.done() or kept.set_result(None))

        farm.server.files._answer = answer
        farm.server.files.keep(1, FileChunk(job, 0, 1, 1, "img.0002.jpg", 0, b"\xff\xd8picture", last=True))
        await kept
        task = {"type": "jobs", "ids": [job], "block_ids": [0], "task_ids": [1], "mode": "files"}
        (file,) = (await farm.ask({"get": task}))["task_files"]["files"]
        assert file["name"].endswith("/img.0002.jpg") and str(tmp_path) not in file["name"]
        status, headers, body = await farm.get(f"/@TMP@{file['name']}")
        assert (status, headers["Content-Type"], body) == (200, "image/jpeg", b"\xff\xd8picture")
        # The list of jobs shows it once the job has begun.
        assert "thumb_path" not in (await farm.ask({"get": {"type": "jobs", "ids": [job]}}))["jobs"][0]
        farm.server.core.farm.jobs[job].time_started = 1.0
        assert (await farm.ask({"get": {"type": "jobs", "ids": [job]}}))["jobs"][0]["thumb_path"] == file["name"]

    served(play, tmp_path)


def test_a_mask_that_could_be_either_is_told(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        plain = await farm.ask({"job": {**JOB, "hosts_mask": "render|ws"}})
        assert set(plain) == {"id", "serial"}
        doubtful = await farm.ask({"job": {**JOB, "hosts_mask": "render[0-9]+"}})
        assert doubtful["id"] and 'set hosts_mask_type to "regex"' in doubtful["warning"]
        block = {**JOB["blocks"][0], "hosts_mask_exclude": "ws.*"}  # type: ignore[index]
        assert "hosts_mask_exclude of block b" in (await farm.ask({"job": {**JOB, "blocks": [block]}}))["warning"]
        for kind in ("regex", "find"):
            told = await farm.ask({"job": {**JOB, "hosts_mask": "render[0-9]+", "hosts_mask_type": kind}})
            assert "warning" not in told
        # A user who set the mode meant it for every job.
        who = {"type": "users", "mask": "ann", "user_name": "ann", "host_name": "ws1"}
        await farm.ask({"action": {**who, "params": {"hosts_mask_type": "regex"}}})
        again = await farm.ask({"job": {**JOB, "hosts_mask": "render[0-9]+"}})
        (job,) = (await farm.ask({"get": {"type": "jobs", "ids": [again["id"]]}}))["jobs"]
        assert "warning" not in again and job["hosts_mask_type"] == "regex"

    served(play, tmp_path)


def test_logs_name_who_did_it(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        job = (await farm.ask({"job": JOB}))["id"]
        who = {"type": "jobs", "ids": [job], "user_name": "eve", "host_name": "ws2"}
        await farm.ask({"action": {**who, "params": {"priority": 50}}})
        lines = (await farm.ask({"get": {"type": "jobs", "ids": [job], "mode": "log"}}))["message"]["list"]
        assert "ann@ws1 127.0.0.1" in lines[0] and "eve@ws2 127.0.0.1" in lines[-1] and "priority" in lines[-1]

    served(play, tmp_path)


def test_small_binary_requests(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        job = (await farm.ask({"job": JOB}))["id"]
        weight = await farm.raw("binary", encode_header(Kind.JOBS_WEIGHT_REQUEST, 0))
        assert struct.unpack_from(">iii", weight) == (81, Kind.JOBS_WEIGHT, len(weight) - 12)
        assert struct.pack(">I", 5) + b"shot\0" + struct.pack(">Iii", 2, 1, job) in weight
        statistics = await farm.raw("binary", encode_header(Kind.STATISTICS_REQUEST, 0))
        assert struct.unpack_from(">iii", statistics) == (81, Kind.STATISTICS, 2772)
        # What came before is counted under its type: the submission, and the jobs weight with its answer.
        assert struct.unpack_from(">i", statistics, 12 + 24 * 8 + 4) == (2,)
        assert struct.unpack_from(">ii", statistics, 12 + 10 * 8) == (12 + len(weight), 2)
        texts = struct.pack(">I", 1) + b"\0"
        request = texts * 4 + struct.pack(">iiI", 0, 0, 0)
        hosts = await farm.raw("binary", encode_header(Kind.RENDERS_RESOURCES_REQUEST, len(request)) + request)
        assert hosts[12:] == struct.pack(">I", 0)
        task = {"type": "jobs", "ids": [job], "block_ids": [0], "task_ids": [0], "mode": "output", "binary": True}
        found = await farm.raw("binary", frame("binary", {"get": task}))
        assert struct.unpack_from(">ii", found) == (81, Kind.TASK) and b"ERROR: Task is not started.\0" in found
        monitor = (await farm.ask({"monitor": {"user_name": "ann", "host_name": "ws1"}}))["monitor"]["id"]
        for answer in ("Deregistered.", "No monitor with provided ID found."):
            told = await farm.raw("text", encode_header(Kind.MONITOR_DEREGISTER, monitor))
            assert answer in told.decode()
        text = struct.pack(">I", 3) + b"hi\0"
        assert b"Log appended." in await farm.raw("text", encode_header(Kind.STRING, len(text)) + text)

    served(play, tmp_path)


@pytest.mark.parametrize("name", ["user-add", "user-add-exists"])
def test_users_as_recorded(tmp_path: Path, name: str) -> None:
    async def play(farm: Served) -> None:
        request = {"user": {"name": "protouser2"}}
        found = await farm.ask(request)
        if name == "user-add-exists":
            found = await farm.ask(request)
        recorded = sample(name)
        assert list(found) == list(recorded) and list(found["user"]) == list(recorded["user"])
        differs = {key for key in recorded["user"] if found["user"][key] != recorded["user"][key]}
        assert differs <= {"id", "time_register", "time_activity", "solve_need"}

    served(play, tmp_path)


def test_the_settings_that_clients_use(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        files = (await farm.ask({"get": {"type": "config"}}))["cgru_config"]
        recorded = sample("get-config-reduced")["cgru_config"]
        assert [list(each) for each in files] == [list(each) for each in recorded]
        known = {**files[0]["cgru_config"], **files[1]["cgru_config"]}
        own = {"include", "realm", "af_http_site_index", "af_http_directory_index"}
        for file in recorded[:2]:
            assert set(file["cgru_config"]) - set(known) <= own
        assert known["af_serverport"] == farm.port
        assert set(files[2]["cgru_environment"]) == set(recorded[2]["cgru_environment"])

    served(play, tmp_path)


def test_a_preview_waits_for_its_approval(tmp_path: Path) -> None:
    async def play(farm: Served) -> None:
        block = {**JOB["blocks"][0], "sequential": 2, "frame_last": 9}  # type: ignore[index]
        job = (await farm.ask({"job": {**JOB, "ppa": True, "blocks": [block]}}))["id"]
        who = {"type": "jobs", "ids": [job], "user_name": "ann", "host_name": "ws1"}

        async def state() -> str:
            found = (await farm.ask({"get": {"type": "jobs", "ids": [job]}}))["jobs"][0]
            return str(found["state"])

        assert "PPA" not in await state()
        # The first, the last, and every even frame.
        for task in (0, 1, 3, 5, 7, 8):
            done = {"type": "done", "task_ids": [task]}
            told = await farm.ask({"action": {**who, "block_ids": [0], "operation": done}})
            assert told["info"]["text"] == "Action processed."
        assert "PPA" in await state()
        await farm.ask({"action": {**who, "params": {"ppa": False}}})
        assert "PPA" not in await state()

    served(play, tmp_path)
