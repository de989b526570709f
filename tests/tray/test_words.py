"""What the tray says."""

from __future__ import annotations

import time

import pytest

from afrender.tray import words

TASK = {"job": "shot", "block": "beauty", "task": "1088", "user": "jo", "percent": 64, "began": 1000.0}


@pytest.mark.parametrize(
    ("percent", "spent", "text"),
    [(64, 660, "5 – 8 min left"), (90, 60, "less than 1 min left"), (1, 60, ""), (100, 60, ""), (50, 3, "")],
)
def test_how_long_still(percent, spent, text):
    assert words.left(percent, spent) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (59, "59 s"), (61, "1 m"), (7260, "2 h 1 m"), (3 * 86400, "3 d")]
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


def test_the_state_comes_first():
    state = {"state": "busy", "name": "ws", "tasks": [TASK, TASK], "most": 4}
    assert words.title(state) == "Busy, 2 of 4"
    assert words.title({**state, "most": -1}) == "Busy, 2"
    assert words.title({**state, "state": "nimby"}) == "nimby"
    assert words.tooltip(state) == "Busy: shot beauty 1088 for jo, 64 % and 1 more"
    assert words.tooltip({"state": "offline"}) == "No server: no agent"
    assert words.whose(TASK, 1660.0) == "for jo, 11 m, 5 – 8 min left"


def test_the_machine_and_who_may_start_there():
    state = {"name": "ws", "user": "anna", "reading": {"cpu_num": 24, "gpu_string": "NVIDIA GeForce RTX 4090"}}
    assert words.load({**state, "state": "free"}) == "ws · 24 cores · RTX 4090"
    assert words.load({**state, "state": "nimby"}) == "ws · only anna's tasks start"
    assert words.load({**state, "state": "NIMBY"}) == "ws · no tasks start"
    assert words.load({**state, "state": "paused"}) == "ws · paused at the farm, no tasks start"
    assert words.load({"state": "offline"}) == "what runs here goes on"


def test_long_names_of_tasks_lose_their_middle_in_the_menu():
    assert words.short("shot", 9) == "shot" and words.short("sh010_fx_sim_0042", 9) == "sh01…0042"
    state = {"state": "busy", "tasks": [TASK]}
    assert words.tooltip(state, 9) == "Busy: shot…1088 for jo, 64 %"


def test_a_line_of_the_agents_log_names_its_task():
    assert words.story_line(0.0, [2, 0, 5, 1], "ended")[8:] == "  job 2 block 0 task 5 run 1       ended"
    assert words.story_line(0.0, [], "connected")[8:].split() == ["agent", "connected"]


def test_figures_have_units_and_say_when_they_are_old():
    reading = {"cpu_user": 60, "cpu_nice": 1, "cpu_system": 7, "mem_total_mb": 131072, "mem_free_mb": 51200}
    assert words.figures(reading) == {
        "cpu": "user 61 · sys 7 %",
        "mem": "78 of 128 GB",
        "net": "in 0.0 · out 0.0 MB/s",
    }
    gpu = {"gpu_gpu_util": 72, "gpu_gpu_temp": 61, "gpu_mem_total_mb": 24564, "gpu_mem_used_mb": 14003}
    figures = words.figures({**reading, **gpu, "net_recv_kbsec": 86016, "net_send_kbsec": 1536, "old": {"gpu": 120}})
    assert figures["net"] == "in 84 · out 1.5 MB/s"
    assert figures["gpu"] == "72 %, 61 °C, 14 of 24 GB (2 m ago)"
    assert words.figures({}) == {}


def test_what_a_rule_did():
    at = time.mktime((2026, 11, 21, 14, 32, 0, 0, 0, -1))
    rule = {"state": "nimby", "since": at, "sentence": "You use it.", "ends": at + 600}
    assert words.what_rule_did(rule) == ("nimby since 14:32", "You use it. That is at about 14:42.")
    assert words.what_rule_did({**rule, "ends": None})[1] == "You use it."
