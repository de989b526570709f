"""The farm as it was in the monitor: a slider, a banner, nothing to be done, and Escape leads back to now."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from afcore.errors import AfError
from afwatch.actions import reason_against
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.app import Watch
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin


def names(watch: Watch) -> set[str]:
    return {row.name for row in watch.session.state.jobs.values()}


def shown(pane: Any) -> list[str]:
    rows = [pane.model.row_at(place) for place in range(pane.model.rowCount())]
    return sorted(row.name for row in rows if row is not None)


def test_the_farm_as_it_was(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent()
    window, session = watch.window, watch.session
    first = farm.submit({"frame_first": 1, "frame_last": 3, "command": "true"}, name="first", user_name="ann")
    farm.wait_job(first)
    spin(lambda: names(watch) == {"first"} and session.state.jobs[first].state == "done", "the first job to be done")
    window.go("jobs")
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    then = time.time()
    second = farm.submit({"frame_first": 1, "frame_last": 3, "command": "true"}, name="second", offline=True)
    farm.ask("job.delete", ids=[first])
    spin(lambda: names(watch) == {"second"}, "the second job alone")

    window.show_past()
    assert window.past_bar.isVisible()
    spin(lambda: window.past.told and window.past.since > 0, "the newest instant")
    window.past.go(then)
    spin(lambda: names(watch) == {"first"}, "the farm as it was")
    pane = window.pane("jobs")
    spin(lambda: shown(pane) == ["first"], "the table to show it")
    assert session.state.jobs[first].state == "done" and session.clock() == then
    assert window.past_bar.words.text().startswith("As it was at ") and "read-only" in window.past_bar.detail.text()
    assert [row.name for row in session.state.renders.values()] == ["r1"]
    assert session.rings.values(next(iter(session.state.renders)), "cpu_user") is None

    # What happens now stays aside; nothing can be done to what was.
    third = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true"}, name="third", offline=True)
    live = session._live
    assert live is not None
    spin(lambda: third in live.jobs, "the third job, aside")
    assert names(watch) == {"first"}
    delete = next(action for action in JOB_ACTIONS if action.operation == "job.delete")
    assert "as it was" in reason_against(delete, session, [session.state.jobs[first]])
    refused: list[AfError] = []
    session.ask("job.delete", ids=[second]).failure(refused.append)
    spin(lambda: refused, "the refusal")
    assert "nothing can be done" in refused[0].sentence and second in live.jobs

    # A job of then has its tasks as they were, from the answer alone.
    window.open_job(first)
    opened = session.state.opened[first]
    spin(lambda: opened.blocks and list(opened.blocks[0].state) == [4, 4, 4], "the tasks as they were")
    answers: list[Any] = []
    session.ask("job.spec", job=first).success(answers.append)
    spin(lambda: answers, "the job as it was submitted")
    assert answers[0]["job"]["name"] == "first"

    # The slider leads on, Escape back: first to the list, then to now.
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.past.on and window.current() is pane
    # By way of the oldest: where all of this took less than a tick, it stands at the newest already.
    window.past_bar.slider.setValue(0)
    window.past_bar.slider.setValue(window.past_bar.slider.maximum())
    spin(lambda: "second" in names(watch) and "first" not in names(watch), "an instant after that")
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.past.on and not window.past_bar.isVisible()
    assert names(watch) == {"second", "third"} and session.past is None
    spin(lambda: shown(pane) == ["second", "third"], "the table of now")
    farm.ask("job.delete", ids=[second])
    spin(lambda: names(watch) == {"third"}, "what happens now to be shown again")


def test_an_instant_that_is_not_kept_is_told(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server("--database", "memory:")
    spin(lambda: watch.session.state.connected, "the connection")
    watch.window.show_past()
    spin(lambda: watch.window.past.trouble, "the reason")
    assert "in memory" in watch.window.past_bar.detail.text() and watch.session.past is None
    watch.window.show_past()
    assert not watch.window.past.on
