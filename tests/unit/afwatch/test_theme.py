"""The look's promises: contrast, a word and a glyph for every state, no colour outside the theme."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from afcore.states import TaskState
from afwatch.theme.tokens import load_look, order_of_need, state_look

WATCH = Path(__file__).resolve().parents[3] / "afwatch"


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_every_text_is_readable_on_every_ground(name: str) -> None:
    look = load_look(name)
    inks = [look.text1, look.text2, look.text3, look.off, *(family.ink for family in look.families.values())]
    for ground in (look.bg0, look.bg1, look.bg2, look.bg3, look.bg4, look.selection, look.selection_inactive):
        for ink in inks:
            assert contrast(ink, ground) >= 4.5, (name, ink, ground)
    for family in look.families.values():
        assert contrast(family.ink, family.tint) >= 4.5
    assert contrast(look.accent_ink, look.accent) >= 4.5
    assert contrast(look.accent_ink, look.off) >= 4.5, "a ticked box that cannot be changed"
    assert contrast(look.user_ink, look.modes["USER"]) >= 4.5
    assert all(contrast(look.mode_ink, look.modes[mode]) >= 4.5 for mode in ("VISOR", "GOD"))
    for edge in (look.line3, look.focus):
        assert contrast(edge, look.bg1) >= 3.0


def test_every_state_has_words_and_a_glyph() -> None:
    icons = importlib.import_module("icons")
    names = set(icons.names())
    states = [("task", state.name) for state in TaskState] + [("job", state) for state in order_of_need()]
    for kind, state in states + [("render", state) for state in ("FREE", "BUSY", "NIMBY_OWN", "NIMBY_ALL", "PAUSED",
                                                                 "SICK", "OFFLINE")]:  # fmt: skip
        shown = state_look(kind, state)
        assert shown.full and shown.brief and shown.abbreviated
        assert shown.glyph in names, shown.glyph


def test_there_is_no_colour_outside_the_theme() -> None:
    found = [
        f"{path.relative_to(WATCH)}:{number}"
        for path in WATCH.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if path.parent.name != "theme" and re.search(r"#[0-9A-Fa-f]{6}\b", line)
    ]
    assert found == []
