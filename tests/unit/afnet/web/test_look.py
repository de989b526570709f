"""The look: colours of both schemes, contrast on every ground, strips and rows that say the same twice."""

from __future__ import annotations

import importlib
import importlib.util
import re
from typing import Any

import msgspec
import pytest

from afcore.rows import JobRow, RenderRow
from afnet import words
from afnet.web.look import Look, classes, variables
from afnet.web.now import job_order, job_row, render_cell

NAME = "aficons" if importlib.util.find_spec("aficons") is not None else "icons"
TOKENS: dict[str, Any] = importlib.import_module(NAME).tokens()
LOOK = Look(TOKENS, "/static/icons.svg")

JOB = JobRow(
    id=7, version=1, name="shot", user="ann", branch="/", state="ready", priority=99, percent=25,
    counts=[0, 3, 0, 0, 1, 0, 0, 0], running=0, capacity=0, time_creation=1e9, time_started=0.0, time_done=0.0,
    blocks=[],
)  # fmt: skip


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    parts = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_ink_can_be_read_on_every_ground(scheme: str) -> None:
    colours = LOOK.colours(scheme)
    inks = [name for name in colours if name.startswith("i-") or name in ("text1", "text2", "text3", "off")]
    for ink in inks:
        for ground in ("bg0", "bg1", "bg2", "bg3", "bg4", "selection", ink.replace("i-", "t-", 1)):
            if ground in colours and ground != ink:
                light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_the_style_sheet_has_both_schemes_and_every_family() -> None:
    sheet = variables(TOKENS) + classes(TOKENS)
    assert sheet.count("--bg1:") == 3 and "prefers-color-scheme:dark" in sheet
    for family in TOKENS["light"]["family"]:
        assert f".i-{family}{{color:var(--i-{family})}}" in sheet


def test_a_state_is_shape_and_word_and_family() -> None:
    made = LOOK.state("job", "ERROR")
    assert "#glyph-octagon-cross" in made and ">Error<" in made and "i-bad" in made


def test_a_strip_shows_errors_with_a_rail_however_few() -> None:
    made = LOOK.strip([0, 0, 0, 0, 999_999, 0, 1, 0], label="99 percent")
    widths = [float(width) for width in re.findall(r'width="([0-9.]+)" height="3" class="f-bad"', made)]
    assert widths == [6.0] and 'aria-label="99 percent"' in made


def test_a_row_has_the_same_mark_until_something_changes() -> None:
    def mark(row: JobRow) -> str:
        return job_row(LOOK, row, 1e9).partition('data-h="')[2][:8]

    assert mark(JOB) == mark(JOB) != mark(msgspec.structs.replace(JOB, percent=26))


def test_jobs_sort_by_need_then_priority_then_the_newest() -> None:
    keys = [
        job_order(LOOK, "ERROR", 1, 1e9), job_order(LOOK, "RUNNING", 200, 1e9), job_order(LOOK, "RUNNING", 100, 2e9),
        job_order(LOOK, "RUNNING", 100, 1e9), job_order(LOOK, "DONE", 250, 1e9),
    ]  # fmt: skip
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({}, "READY", "Ready to start"),
        ({"state": "done", "time_started": 10.0, "time_done": 94.0}, "DONE", "Took 1 m 24 s"),
        ({"offline": True}, "PAUSED", "Paused by a person"),
        ({"counts": [0, 0, 0, 0, 1, 0, 3, 0]}, "ERROR", "Blocked by 3 errors"),
        ({"counts": [0, 4, 1, 0, 0, 0, 0, 0]}, "RUNNING", "Measuring"),
        ({"state": "waiting", "waits_for": [3]}, "WAIT_DEP", "After job 3"),
        ({"time_wait": 1_000_003_600}, "WAIT_TIME", "In 1 h 00 m"),
        ({"ppa": True}, "NEEDS_APPROVAL", "Look at its first frames"),
    ],
)
def test_a_job_says_what_goes_on(changes: dict[str, Any], state: str, said: str) -> None:
    row = msgspec.structs.replace(JOB, **changes)
    assert words.job_state(row, 1e9) == state
    assert words.job_reason(row, state, 1e9) == said


def test_a_render_has_a_name_for_who_cannot_see_it() -> None:
    row = RenderRow(
        id=1, version=1, name="r<1>", pool="/", user="", state=0, words=["online", "nimby"], priority=99, capacity=1,
        used_capacity=0, max_tasks=1, running=0, runs=[], resources={},
    )  # fmt: skip
    made = render_cell(LOOK, row)
    assert "r&lt;1&gt;: nimby, own tasks only" in made and "/render/r%3C1%3E" in made


def test_numbers_are_short_and_have_units() -> None:
    assert words.number(1_000_000) == "1\u2009000\u2009000" and words.count(0) == "·"
    assert [words.short(value) for value in (0, 950, 1200, 3_000_000)] == ["0", "950", "1.2k", "3M"]
    said = [words.duration(value) for value in (3.14, 84, 10_920, 187_200)]
    assert said == ["3.1 s", "1 m 24 s", "3 h 02 m", "2 d 4 h"]
    assert [words.share(value) for value in (0, 0.051, 0.5)] == ["·", "5.1 %", "50 %"]


def test_errors_and_hints_are_sentences_that_follow_each_other() -> None:
    assert words.sentences("host x is silent: timeout", "check it") == "Host x is silent: timeout. Check it."
    assert words.sentences("There is no job 7.", "") == "There is no job 7." and words.sentences() == ""
