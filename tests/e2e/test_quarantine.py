"""A server that finds a mistake of its own stops, and what stopped it does not stop it again."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from afcore.errors import AfError, Conflict
from afcore.states import TaskState
from afnet.client.rows import decode_rows
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def start(farm: FarmProcess, where: str) -> None:
    """Start the server with a mistake in it."""
    farm.server = farm.spawn(
        "server.log", "tests.e2e.planted", where, "--headless", "--listen", f"127.0.0.1:{farm.port}",
        "--data", str(farm.data),
    )  # fmt: skip
    wait_for(farm.answers, what=f"the server to answer: {farm.log('server.log')}")


def ends(farm: FarmProcess) -> None:
    """The server stops by itself, and says so by its exit code."""
    assert farm.server is not None
    assert farm.server.wait(timeout=60) == 3, farm.log("server.log")
    farm.forget_client()


def classic(farm: FarmProcess, request: dict[str, Any]) -> Any:
    """Ask as a classic client does."""
    body = json.dumps(request).encode()
    asked = urllib.request.Request(f"http://127.0.0.1:{farm.port}/", data=body, headers={"AFANASY": str(len(body))})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read())


def note(farm: FarmProcess, job: int, text: str) -> None:
    """Annotate a job."""
    farm.ask("job.set", ids=[job], parameters={"annotation": text})


def note_breaks(farm: FarmProcess, job: int, text: str) -> None:
    """Send the note over which the server breaks."""
    with contextlib.suppress(AfError):
        note(farm, job, text)
    ends(farm)


@pytest.mark.parametrize("where", ["rule", "evolve"])
def test_a_message_that_stopped_the_server_does_not_stop_it_again(
    new_farm: Callable[[], FarmProcess], where: str
) -> None:
    farm = new_farm()
    start(farm, where)
    cursed = farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}, name="cursed")
    other = farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}, name="other")
    note_breaks(farm, cursed, "break")
    (dump,) = (farm.data / "dumps").iterdir()

    start(farm, where)
    wait_for(lambda: farm.job(cursed)["offline"], what="the job to be offline")
    assert farm.job(cursed)["annotation"] == f"this message stopped the server, see {dump.stem.replace('-', ' ', 1)}"
    assert not farm.job(other)["offline"]
    with pytest.raises(Conflict, match="stopped the server, see dump"):
        note(farm, cursed, "break")
    note(farm, cursed, "all is well")
    assert farm.job(cursed)["annotation"] == "all is well"
    assert farm.ask("server.status")["solving"]
    # What was put offline once is not again, when somebody has let it go on.
    farm.ask("job.start", ids=[cursed])
    assert farm.stop_server() == 0
    start(farm, where)
    assert not farm.job(cursed)["offline"]


def test_the_job_over_which_the_solver_breaks_goes_offline_and_the_others_run(
    new_farm: Callable[[], FarmProcess],
) -> None:
    farm = new_farm()
    start(farm, "solver")
    other = farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}, name="other", priority=1)
    cursed = farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}, name="cursed")
    farm.start_agent()
    ends(farm)
    start(farm, "solver")
    assert farm.wait_job(other)["counts"][4] == 2
    row = farm.job(cursed)
    assert row["offline"] and "stopped the server" in row["annotation"]
    assert farm.stop_server() == 0


def test_the_run_whose_report_stopped_the_server_is_given_back(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    start(farm, "report")
    farm.start_agent()
    cursed = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true"}, name="cursed")
    ends(farm)
    start(farm, "report")
    wait_for(lambda: farm.job(cursed)["counts"][TaskState.READY] == 1, what="the task to be ready again")
    row = farm.job(cursed)
    assert row["offline"] and "stopped the server" in row["annotation"]
    assert farm.ask("server.status")["renders_connected"] == 1
    assert "its task is given back" in farm.log("server.log")
    # With a server that was mended one command is enough.
    assert farm.stop_server() == 0
    start(farm, "none")
    farm.ask("job.start", ids=[cursed])
    assert farm.wait_job(cursed)["counts"][TaskState.DONE] == 1


def test_three_stops_pause_the_solving_until_a_person_resumes_it(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    start(farm, "rule")
    cursed = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true"})
    for text in ("break once", "break twice", "break again"):
        note_breaks(farm, cursed, text)
        start(farm, "rule")
    status = farm.ask("server.status")
    assert not status["solving"] and "stopped 3 times" in status["trouble"]
    shown = farm.afcmd("job", "list")
    assert shown.returncode == 0 and "Solving is paused" in shown.stderr and "afcmd server resume" in shown.stderr
    farm.start_agent()
    wait_for(lambda: farm.ask("server.status")["renders_connected"] == 1, what="the agent to come")
    job = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true"})
    assert farm.job(job)["counts"][1] == 1
    # A restart in order changes nothing about it.
    assert farm.stop_server() == 0
    start(farm, "rule")
    assert not farm.ask("server.status")["solving"]
    notices = farm.client.subscribe("notices")
    (notice,) = decode_rows(next(notices))
    assert "Solving is paused" in notice.sentence and "afcmd server resume" in notice.hint
    with urllib.request.urlopen(f"http://127.0.0.1:{farm.port}/", timeout=60) as page:
        assert "Solving is paused" in page.read().decode(), "the web pages say so"
    monitor = classic(farm, {"monitor": {"user_name": "jo", "host_name": "here", "engine": "old"}})["monitor"]["id"]
    events = classic(farm, {"get": {"type": "monitors", "ids": [monitor], "mode": "events"}})["events"]
    assert "Solving is paused" in events["message"], "and so do classic monitors"
    assert farm.afcmd("server", "resume").returncode == 0
    assert decode_rows(next(notices)) == []
    notices.close()
    farm.wait_job(job)
    assert farm.ask("server.status")["solving"]
    assert farm.stop_server() == 0
    start(farm, "rule")
    assert farm.ask("server.status")["solving"]
