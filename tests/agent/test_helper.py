"""Services and parsers of a studio's own, in real helpers: what they do reaches their task, and nobody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from afcore.ids import RunKey
from afcore.states import RunStatus
from afrender.helper.pool import HelperPool, HelperSettings
from tests.agent.bench import until
from tests.agent.farm import spec
from tests.agent.test_loop import KEY, Stage, act

__all__ = ["act"]

MEMORY = 400 * 1024 * 1024

HANG = "import threading; threading.Event().wait()"
PARSERS = {
    "raises": "raise ZeroDivisionError('no frames at all')",
    "hangs": "threading.Event().wait()",
    "hangs_in_c": "re.match('(a+)+$', 'a' * 60 + 'b')",
    "leaks": "\n        while True:\n            self.files_all.add('x' * 10_000_000 + str(len(self.files_all)))",
    "crashes": "ctypes.string_at(0)",
    "exits": "sys.exit(7)",
    "kills": "os.kill(os.getpid(), 9)",
    "prints": "print('x' * 100_000); print('y', file=sys.stderr); self.percent = 50",
}
PLACES = {
    "raises": ("no frames at all", "raises.py"),
    "hangs": ("did not come back within 4 s", "hangs.py"),
    "hangs_in_c": ("did not come back within 4 s", "hangs_in_c.py"),
    "leaks": ("MemoryError", "leaks.py"),
    "crashes": ("signal 11", "crashes.py"),
    "exits": ("exit code 7", ""),
    "kills": ("signal 9", ""),
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A studio's folder with parsers that go wrong, written as for the classic agent."""
    folder = tmp_path / "own"
    (folder / "parsers").mkdir(parents=True)
    (folder / "services").mkdir()
    for name, body in PARSERS.items():
        text = (
            f"import ctypes, os, re, sys, threading\nfrom parsers import parser\n\n"
            f"class {name}(parser.parser):\n    def do(self, i_args):\n        if i_args['data']: {body}\n"
        )
        if body.startswith("\n"):
            text = text.replace("if i_args['data']: \n        ", "if not i_args['data']: return\n        ")
        (folder / "parsers" / f"{name}.py").write_text(text)
    return folder


def write(folder: Path, kind: str, name: str, text: str) -> None:
    (folder / kind / f"{name}.py").write_text(textwrap.dedent(text))


def pool(folder: Path, *, seconds: float = 60.0, memory: int = MEMORY, **settings: object) -> HelperPool:
    return HelperPool(HelperSettings(str(folder), seconds=seconds, memory=memory, **settings))  # type: ignore[arg-type]


def patience(word: str) -> float:
    """Return how long a helper waits: a moment for what hangs, and long for all else, however busy the machine."""
    return 4.0 if word.endswith("within 4 s") else 60.0


async def log_of(stage: Stage, task: int) -> bytes:
    """The whole log of a task that has ended."""
    await stage.report(task)
    key = RunKey(2, 0, task, 1)
    await until(lambda: key in stage.farm.whole, what="the log")
    return stage.farm.logs[key]


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_parser_that_goes_wrong_ends_its_task_and_nobody_else_notices(act, own, name):
    async def scene(stage: Stage) -> None:
        pace = "for n in 10 20 30; do echo PROGRESS: $n%; sleep 0.05; done; read x < go; echo PROGRESS: 90%"
        (stage.folder / "go").unlink(missing_ok=True)
        await asyncio.to_thread(__import__("os").mkfifo, stage.folder / "go")
        slow = {"working_directory": str(stage.folder)}
        stage.farm.start(
            spec(0, "echo hello; exec sleep 60", parser=name),
            spec(1, pace, **slow),
            spec(2, "echo x; exec sleep 60", parser="prints"),
        )
        report = await stage.report(0)
        word, place = PLACES[name]
        log = await log_of(stage, 0)
        assert RunStatus(report.status) is RunStatus.PARSER_ERROR, report
        assert f'"{name}"' in log.decode() and word in log.decode() and place in log.decode()
        assert b"hello" in log
        assert stage.farm.report(1) is None and stage.farm.report(2) is None, "the others go on"
        stage.farm.start(spec(3, "echo y", parser="prints"))
        assert RunStatus((await stage.report(3)).status) is RunStatus.SUCCESS
        await asyncio.to_thread((stage.folder / "go").write_text, "x\n")
        assert RunStatus((await stage.report(1)).status) is RunStatus.SUCCESS
        assert len(stage.loop.works.all) == 1

    act(scene, helpers=pool(own, seconds=patience(PLACES[name][0])))


def test_progress_files_and_text_come_back_in_order(act, own):
    write(
        own,
        "parsers",
        "shouts",
        """
        from parsers import mantra

        class shouts(mantra.mantra):
            def __init__(self):
                mantra.mantra.__init__(self)
                self.str_error.append('no such geometry')

            def do(self, i_args):
                mantra.mantra.do(self, i_args)
                self.activity = 'shouting'
                return i_args['data'].upper()
        """,
    )

    async def scene(stage: Stage) -> None:
        command = "echo one; echo ALF_PROGRESS 40%; echo two; sleep 0.2; exec sleep 30"
        stage.farm.start(spec(0, command, parser="shouts", frames=2), spec(1, "echo No Such Geometry", parser="shouts"))
        await until(lambda: any(r.progress for r in stage.farm.readings), what="progress")
        await until(lambda: stage.loop.works.all and stage.loop.works.all[KEY].reader.progress[0] == 20, what="20 %")
        assert stage.loop.works.all[KEY].reader.activity == "shouting"
        report = await stage.report(1)
        assert RunStatus(report.status) is RunStatus.PARSER_ERROR
        assert b"NO SUCH GEOMETRY" in await log_of(stage, 1)

    act(scene, helpers=pool(own))


def test_parsers_see_the_machine_and_say_a_last_word(act, own):
    write(
        own,
        "parsers",
        "looks",
        """
        from parsers import parser

        class looks(parser.parser):
            def do(self, i_args):
                self.log = 'idle %s, ended %s' % (self.host_resources.get('cpu_idle'), i_args['raw_status'])
        """,
    )

    async def scene(stage: Stage) -> None:
        await stage.loop.read_machine()
        stage.farm.start(spec(0, "echo one; echo two", parser="looks"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.SUCCESS
        assert (await log_of(stage, 0)).endswith(b"two\n\n[ looks: idle 42, ended 0 ]\n")

    act(scene, helpers=pool(own))


def test_what_a_service_notes_at_the_end_is_in_the_log(act, own):
    write(
        own,
        "services",
        "notes",
        """
        from services import service

        class notes(service.service):
            def __init__(self, taskInfo, i_verbose):
                service.service.__init__(self, taskInfo, i_verbose)
                self.appendLog('begun')

            def checkExitStatus(self, i_status):
                self.appendLog('%d is fine' % i_status)
                return True
        """,
    )

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo one; exit 3", service="notes"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.SUCCESS
        assert await log_of(stage, 0) == b"[ afrender: begun ]\none\n[ afrender: 3 is fine ]\n"

    act(scene, helpers=pool(own))


def test_a_flood_is_read_as_fast_as_the_parser_can_and_is_whole(act, own):
    write(
        own,
        "parsers",
        "slow",
        """
        import time
        from parsers import parser

        class slow(parser.parser):
            seen = 0
            def do(self, i_args):
                self.seen += len(i_args['data'])
                if i_args['data']:
                    time.sleep(0.005)
                if i_args['mode'] != 'RUN':
                    self.log = 'seen %d' % self.seen
                    self.badresult = True
        """,
    )

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "yes 123456789 | head -c 8000000", parser="slow"))
        most = 0
        while stage.farm.report(0) is None:
            work = stage.loop.works.all.get(KEY)
            most = max(most, work.reader._backlog if work else 0)
            await asyncio.sleep(0.005)
        report = await stage.report(0)
        assert RunStatus(report.status) is RunStatus.PARSER_BAD_RESULT
        log = await log_of(stage, 0)
        assert b"[ afrender: seen 8000000 ]" in log[-100:] and log.count(b"123456789") == 800_000
        assert most < 6 * 1024 * 1024

    act(scene, helpers=pool(own), log_limit=10_000_000)


SERVICE = """
from services import service

parser = 'generic'

class {name}(service.service):
    def __init__(self, taskInfo, i_verbose):
        service.service.__init__(self, taskInfo, i_verbose)
        {made}

    def checkExitStatus(self, i_status):
        {checked}
        return i_status in (0, 3)
"""


@pytest.mark.parametrize(
    ("made", "checked", "status", "word"),
    [
        ("raise KeyError('scene')", "pass", RunStatus.FAILED_TO_START, "scene"),
        (HANG, "pass", RunStatus.FAILED_TO_START, "did not come back within 4 s"),
        ("import os; os.abort()", "pass", RunStatus.FAILED_TO_START, "signal 6"),
        ("import os; os._exit(5)", "pass", RunStatus.FAILED_TO_START, "exit code 5"),
        ("pass", "raise KeyError('scene')", RunStatus.ERROR, "scene"),
        ("pass", HANG, RunStatus.ERROR, "did not come back within 4 s"),
        ("pass", "import os; os.abort()", RunStatus.ERROR, "signal 6"),
    ],
)
def test_a_service_that_goes_wrong_ends_its_task(act, own, made, checked, status, word):
    write(own, "services", "odd", SERVICE.format(name="odd", made=made, checked=checked))

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo hello", service="odd"), spec(1, "echo other"))
        report = await stage.report(0)
        assert RunStatus(report.status) is status, report
        log = (await log_of(stage, 0)).decode()
        assert '"odd"' in log
        assert word in log and ("odd.py" in log or "_exit" in made)
        assert RunStatus((await stage.report(1)).status) is RunStatus.SUCCESS

    act(scene, helpers=pool(own, seconds=patience(word)))


def test_a_class_of_ones_own_goes_before_the_one_that_ships_and_edits_count_at_once(act, own):
    own_generic = SERVICE.format(name="generic", made="{made}", checked="pass")
    first = own_generic.format(made="self.taskInfo['command'] += ' first'")
    (own / "services" / "generic.py").write_text(first)

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "exit 3 #"), spec(1, "echo told by"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.SUCCESS
        assert b"told by first" in await log_of(stage, 1)
        second = own_generic.format(made="self.taskInfo['command'] += ' second one'")
        (own / "services" / "generic.py").write_text(second)
        stage.farm.start(spec(2, "echo told by"))
        assert b"told by second one" in await log_of(stage, 2)
        assert len(stage.loop.works._helpers.all) <= 2

    act(scene, helpers=pool(own))


def test_a_service_of_ours_may_be_in_the_folder_too(act, own):
    write(
        own,
        "services",
        "ours",
        """
        from afrender.services.base import Service

        class ours(Service):
            def make_command(self):
                return f"echo {self.settings['modules_folder']} {self.paths.to_client('/ps/prj/x')}"
        """,
    )

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "x", service="ours"))
        assert b"here /local/x" in await log_of(stage, 0)

    act(scene, helpers=pool(own, pairs=[("/local/", "/ps/prj/")], settings={"modules_folder": "here"}))


def test_helpers_end_with_the_agent_and_are_used_again(act, own, monkeypatch):
    # On a busy machine one may answer late without being in trouble.
    monkeypatch.setattr("afrender.helper.pool.SHARED_SECONDS", 60.0)
    pids: set[int] = set()
    helpers = pool(own)

    async def scene(stage: Stage) -> None:
        for task in range(5):
            stage.farm.start(spec(task, "echo y", parser="prints"))
            assert RunStatus((await stage.report(task)).status) is RunStatus.SUCCESS
            pids.update(helper.pid for helper in helpers.all)
        assert len(pids) == 1

    act(scene, helpers=helpers)
    assert not helpers.all
    assert not list(own.rglob("*.pyc")), "nothing is written into the studio's folder"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a hanging helper outlives a killed agent")
def test_a_hanging_helper_ends_with_an_agent_that_is_killed(own):
    code = """
    import asyncio, sys
    from afrender.helper.pool import HelperPool, HelperSettings
    from tests.agent.farm import spec
    async def play():
        pool = HelperPool(HelperSettings(sys.argv[1], seconds=60))
        reader = await pool.prepare(spec(0, "x", parser="hangs"))
        reader.feed(b"one\\n", 1)
        print(next(iter(pool.all)).pid, flush=True)
        await asyncio.sleep(60)
    asyncio.run(play())
    """
    words = [sys.executable, "-c", textwrap.dedent(code), str(own)]
    agent = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    try:
        assert agent.stdout is not None
        helper = psutil.Process(int(agent.stdout.readline()))
        assert "afrender.helper.main" in helper.cmdline()
    finally:
        agent.kill()
        agent.wait()
        if agent.stdout is not None:
            agent.stdout.close()
    helper.wait(60)


def test_short_tasks_share_a_helper_and_move_when_another_breaks_it(act, own, monkeypatch):
    monkeypatch.setattr("afrender.helper.pool.SHARED_SECONDS", 60.0)
    write(own, "parsers", "counts", """
        from parsers import parser
        class counts(parser.parser):
            lines = 0
            def do(self, i_args):
                self.lines += i_args['data'].count('line')
                self.percent = self.lines
                return i_args['data'].replace('line', 'LINE')
    """)  # fmt: skip

    async def scene(stage: Stage) -> None:
        pace = "for n in 1 2 3; do echo line $n; done; read x < go; echo line 4; read x < on; echo line 5"
        for name in ("go", "on"):
            await asyncio.to_thread(os.mkfifo, stage.folder / name)
        stage.farm.start(spec(1, pace, parser="counts", working_directory=str(stage.folder)))
        key = RunKey(2, 0, 1, 1)
        works = stage.loop.works
        await until(lambda: key in works.all and works.all[key].reader.progress[0] == 3, what="three lines")
        (shared,) = works._helpers.all
        stage.farm.start(spec(0, "echo x; exec sleep 60", parser="kills"))
        assert RunStatus((await stage.report(0)).status) is RunStatus.PARSER_ERROR
        assert stage.farm.report(1) is None
        await asyncio.to_thread((stage.folder / "go").write_text, "x\n")
        await until(lambda: works.all[key].reader.progress[0] == 4, what="the fourth, by a parser that saw all")
        await until(lambda: shared.over is not None, what="the broken helper to be over")
        assert all(helper is not shared for helper in works._helpers.all)
        await asyncio.to_thread((stage.folder / "on").write_text, "x\n")
        assert RunStatus((await stage.report(1)).status) is RunStatus.SUCCESS
        assert await log_of(stage, 1) == b"LINE 1\nLINE 2\nLINE 3\nLINE 4\nLINE 5\n", "nothing twice, nothing lost"

    act(scene, helpers=pool(own))


def test_who_prints_much_gets_a_helper_of_its_own_and_loses_nothing(act, own):
    write(own, "parsers", "sums", """
        from parsers import parser
        class sums(parser.parser):
            seen = 0
            def do(self, i_args):
                self.seen += i_args['data'].count('0123456789')
                self.report = 'seen %d' % self.seen
    """)  # fmt: skip

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "for n in 1 2 3 4 5 6 7 8; do yes 0123456789 | head -n 5000; sleep 0.05; done",
                              parser="sums"))  # fmt: skip
        report = await stage.report(0)
        assert (RunStatus(report.status), report.report) == (RunStatus.SUCCESS, "seen 40000")
        assert (await log_of(stage, 0)).count(b"0123456789\n") == 40000
        assert len(stage.loop.works._helpers.all) == 2, "the shared one and its own"

    act(scene, helpers=pool(own), log_limit=10_000_000)
