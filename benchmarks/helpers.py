"""What a service and a parser of a studio's own cost a trivial task: the same tasks in the agent and through helpers.

Everything but the farm is there: preparation, a real process, its output, the parser, the judgement, the log. Shipped
services and parsers stay in the agent, so for them the cost is none; the figure of 10 % is held by them.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from afrender.helper.pool import HelperPool, HelperSettings
from afrender.logs import RunLog
from afrender.pictures import PictureSettings
from afrender.process.posix import PosixLayer
from afrender.reader import Applications
from afrender.stimuli import ProcessExited, Spawn
from afrender.works import Works, WorkSettings
from benchmarks.harness import CheckFailed, Target

NAME = "services and parsers in helpers"
TARGETS = (Target("shipped_cost_percent", most=10.0), Target("helped_tasks_per_second", least=150.0))
TASKS = 600
SLOTS = 16
WARM_UP = 64

SERVICE = "from services import service\nclass {0}(service.service):\n    pass\n"
PARSER = "from parsers import parser\nclass {0}(parser.parser):\n    def do(self, i_args):\n        pass\n"


def _spec(task: int, name: str) -> RunSpec:
    return RunSpec(
        job=2,
        block=0,
        task=task,
        run=1,
        job_name="job",
        block_name="block",
        task_name="task",
        user_name="ann",
        service=name,
        parser=name,
        command="echo PROGRESS: 50%",
        task_command="",
        working_directory="",
        environment={},
        files=[],
        task_files=[],
        numeric=True,
        frame_start=task,
        frame_end=task,
        frame_inc=1,
        frames=1,
        flags=1,
        capacity=1000,
    )


async def run_tasks(folder: Path, name: str, helpers: HelperPool | None) -> float:
    """Run the tasks, so many at a time; return tasks a second."""
    layer = PosixLayer(asyncio.get_running_loop())
    over = asyncio.Event()
    good = ended = begun = 0
    count = WARM_UP
    began = time.perf_counter()

    def tell(stimulus: object) -> None:
        nonlocal good, ended
        if isinstance(stimulus, ProcessExited):
            ended += 1
            good += stimulus.judged is RunStatus.SUCCESS
            asyncio.get_running_loop().call_soon(fill)

    def closed(key: RunKey, run_log: RunLog) -> None:
        run_log.close(remove=True)

    works = Works(
        layer=layer,
        applications=Applications(),
        helpers=helpers,
        settings=WorkSettings(folder),
        pictures=PictureSettings(),
        deliver=lambda key, name, data: None,
        tell=tell,
        began_log=lambda key, run_log: None,
        ended_log=closed,
        wall=time.time,
    )

    def fill() -> None:
        nonlocal begun
        if ended == count:
            over.set()
        while begun < count and begun - ended < SLOTS:
            begun += 1
            works.spawn(Spawn(_spec(begun, name)))

    fill()
    await over.wait()
    over.clear()
    count += TASKS
    began = time.perf_counter()
    fill()
    await over.wait()
    seconds = time.perf_counter() - began
    await works.close()
    layer.close()
    if good != count:
        raise CheckFailed(f"{good} of {count} tasks ended well")
    return TASKS / seconds


def run(folder: Path) -> dict[str, float]:
    """Measure once: without helpers, with helpers that are not needed, and with both modules in one."""
    for kind, text in (("services", SERVICE), ("parsers", PARSER)):
        (folder / "own" / kind).mkdir(parents=True)
        (folder / "own" / kind / "own.py").write_text(text.format("own"))

    async def helped(name: str) -> float:
        return await run_tasks(folder, name, HelperPool(HelperSettings(str(folder / "own"))))

    plain = [asyncio.run(run_tasks(folder, "generic", None))]
    beside = asyncio.run(helped("generic"))
    plain.append(asyncio.run(run_tasks(folder, "generic", None)))
    through = asyncio.run(helped("own"))
    best = max(plain)
    return {
        "plain_tasks_per_second": best,
        "shipped_beside_helpers_per_second": beside,
        "shipped_cost_percent": max(0.0, 100 * (1 - beside / best)),
        "helped_tasks_per_second": through,
        "helped_ms_per_task": 1e3 * (1 / through - 1 / best),
    }
