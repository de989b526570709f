"""What pages say in words: how runs ended, and what is proposed."""

from __future__ import annotations

import importlib
import importlib.util
from collections import defaultdict
from typing import Any

import pytest

from afcore.states import Role
from afnet.server.rowmaking import MAKERS
from afnet.web.job import why_page
from afnet.web.layout import Frame
from afnet.web.look import Look
from tests.unit.afcore.plays import FarmPlay, job

NAME = "aficons" if importlib.util.find_spec("aficons") is not None else "icons"
LOOK = Look(importlib.import_module(NAME).tokens(), "/icons.svg")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("success", "i-good"), ("parser_success", "i-good"), ("skipped", "i-held"), ("error", "i-bad"),
        ("run_time_exceeded", "i-bad"), ("stopped", "i-held"), ("render_lost", "i-held"),
    ],
)  # fmt: skip
def test_how_a_run_ended_is_colour_shape_and_word(status: str, shown: str) -> None:
    found = LOOK.ended(status)
    assert shown in found and "<svg" in found and status.replace("_", " ") in found


def test_an_end_that_is_not_known_is_its_word() -> None:
    assert LOOK.ended("<of tomorrow>") == "<span>&lt;of tomorrow&gt;</span>"


@pytest.mark.parametrize(
    ("when", "text", "said"),
    [
        ("now", "", "It starts now."),
        ("now", "task 3 begins anew later", "It starts now. Task 3 begins anew later."),
        ("next", "", "It is the next."),
        ("next", "it is the next to start when a task ends", "It is the next to start when a task ends."),
    ],
)
def test_a_proposal_says_in_sentences_when_it_starts(when: str, text: str, said: str) -> None:
    farm = FarmPlay()
    row: Any = MAKERS["jobs"](farm.core.farm, farm.submit(job()).id, farm.at)
    frame = Frame(
        look=LOOK, farm="Farm", name="anna", role=Role.USER, csrf="", path="/", assets=defaultdict(str)
    )  # fmt: skip
    change = {"operation": "job.set", "arguments": {"ids": [2], "parameters": {"priority": 100}}}
    one = {**change, "when": when, "text": text, "also": [change]}
    answer = {"sentence": "It waits.", "hint": "", "reasons": [], "renders": [], "ahead": [], "proposals": [one]}
    assert f"<small>{said}</small>" in why_page(frame, row, answer, farm.at)
