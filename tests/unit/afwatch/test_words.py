"""Numbers, times and states as people read them."""

from __future__ import annotations

import pytest

from afcore.rows import JobRow
from afwatch import words
from tests.unit.afwatch.rows import job_row, render_row


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.14, "3.1 s"), (42, "42 s"), (84, "1 m 24 s"), (10920, "3 h 02 m"), (187200, "2 d 4 h"), (-1, "0.0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_numbers() -> None:
    assert words.number(1000000) == "1\u2009000\u2009000"
    assert (words.count(0), words.plural(1, "job"), words.plural(2, "job")) == ("·", "1 job", "2 jobs")
    assert [words.memory_text(mb) for mb in (512, 1536, 98304)] == ["512 MB", "1.5 GB", "96 GB"]


def test_clock_times() -> None:
    now = 1_700_000_000.0
    assert words.clock_text(0, now) == "—"
    assert len(words.clock_text(now, now)) == 5
    assert words.clock_text(now - 86400, now).startswith("yesterday ")
    assert words.clock_text(now - 9 * 86400, now)[0].isdigit()


@pytest.mark.parametrize(
    ("row", "state", "reason"),
    [
        (job_row(1, DONE=3, state="done", time_started=10.0, time_done=94.0), "DONE", "Took 1 m 24 s"),
        (job_row(1, ERROR=4, DONE=3), "ERROR", "Blocked by 4 errors"),
        (job_row(1, ERROR=1, RUNNING=2, READY=7), "ERROR", "1 error, 9 to go"),
        (job_row(1, ERROR=1, offline=True), "PAUSED", "Paused by a person"),
        (job_row(1, RUNNING=2, DONE=10, READY=10, spent_ms=600_000), "RUNNING", "5 min – 8 min"),
        (job_row(1, RUNNING=2), "RUNNING", "Measuring"),
        (job_row(1, READY=2, ppa=True), "NEEDS_APPROVAL", "Look at its first frames"),
        (job_row(1, READY=2), "READY", "Ready to start"),
        (job_row(1, READY=2, pre=1), "READY", "Waits for its commands"),
        (job_row(1, DONE=3), "READY", "Nothing to do"),
        (job_row(1, READY=2, held="turn"), "READY", "Waits for a free render"),
        (job_row(1, READY=2, held="no_render_fits"), "READY", "No render fits"),
        (job_row(1, READY=2, held="service", held_by="maya"), "READY", "No render runs maya"),
        (job_row(1, READY=2, held="tree_paused", held_by="user jo"), "READY", "User jo is paused"),
        (job_row(1, READY=2, held="running_limit", held_by="branch /a"), "READY", "Branch /a is at its limit"),
        (job_row(1, READY=2, held="of a newer server"), "READY", "Ready to start"),
        (job_row(1, READY=2, state="waiting", waits_for=[7]), "WAIT_DEP", "After job 7"),
        (job_row(1, SUSPENDED=2, WAIT_DEP=2, state="waiting"), "SUSPENDED", "2 of 4 tasks suspended"),
    ],
)
def test_a_job_says_its_state_and_why(row: JobRow, state: str, reason: str) -> None:
    assert words.job_state(row, 100.0) == state
    assert words.job_reason(row, state, 100.0) == reason


def test_a_render_shows_what_needs_somebody_first() -> None:
    assert words.render_state(render_row(1, "a", "online", "busy", running=1)) == "BUSY"
    assert words.render_state(render_row(1, "a", "online", "nimby")) == "NIMBY_OWN"
    assert words.render_state(render_row(1, "a", "online", "sick", "paused")) == "SICK"
    assert words.render_state(render_row(1, "a", "offline", "NIMBY")) == "OFFLINE"
    assert words.render_state(render_row(1, "a", "offline", "sleeping")) == "ASLEEP"
