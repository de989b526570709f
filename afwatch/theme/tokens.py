"""The look's tokens as frozen values: grounds, texts, lines, families of state, and the words and glyphs of states.

Rules of this file:
- ``tokens.json`` of the icons' package is the source; nothing is a colour anywhere else.
- No Qt: colours are ``#RRGGBB`` texts here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from afwatch.texts import tr
from afwatch.theme.icons import icons

__all__ = [
    "LEVELS", "Family", "Look", "Measures", "StateLook", "choose_level", "chosen_level", "in_level", "load_look",
    "measures", "state_look", "width_in_level",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """The three colours of a family of states."""

    ink: str
    """Text and glyphs."""
    fill: str
    """Bars and strips."""
    tint: str
    """Ground of pills and cards."""


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state is told: its family, its glyph (an icon is named ``glyph-…``) and its three words."""

    family: str
    glyph: str
    full: str
    brief: str
    abbreviated: str

    @property
    def word(self) -> str:
        """The word in the level that is on."""
        found: str = getattr(self, _level)
        return found

    @property
    def inside(self) -> str:
        """The same within a sentence: words begin small, abbreviations stay as they are."""
        return self.word if _level == "abbreviated" else self.word.lower()


@dataclass(frozen=True, slots=True)
class Look:
    """Every colour of one scheme."""

    name: str
    """``dark`` or ``light``."""
    bg0: str
    bg1: str
    bg2: str
    bg3: str
    bg4: str
    line1: str
    line2: str
    line3: str
    text1: str
    text2: str
    text3: str
    off: str
    accent: str
    accent_ink: str
    selection: str
    selection_inactive: str
    focus: str
    trough: str
    plot_ground: str
    scrim: str
    modes: dict[str, str]
    """Grounds of USER, VISOR and GOD."""
    mode_ink: str
    user_ink: str
    families: dict[str, Family]
    plots: dict[str, str]
    """Colours of metrics by name."""

    def family(self, kind: str, state: str) -> Family:
        """Return the colours of a state (``kind`` is job, task, render or flag)."""
        return self.families[state_look(kind, state).family]


@dataclass(frozen=True, slots=True)
class Measures:
    """Pixels at 100 % that the views share."""

    grid: int = 4
    sidebar: int = 208
    view_header: int = 48
    search_row: int = 40
    chip_row: int = 36
    chip: int = 26
    table_header: int = 28
    row_compact: int = 24
    row_comfortable: int = 32
    row_render: int = 44
    row_items: int = 56
    inspector: int = 376
    inspector_least: int = 320
    inspector_tabs: int = 36
    inspector_foot: int = 48
    status_bar: int = 28
    drawer_bar: int = 32
    button: int = 28
    glyph: int = 12
    icon: int = 16
    selection_bar: int = 3
    focus_ring: int = 2
    strip_body: int = 10
    strip_gap: int = 1
    strip_rail: int = 3
    strip_overview: int = 44
    least_mark: int = 2


LEVELS = ("full", "brief", "abbreviated")
"""How much is said of a state, a column or a mark; classic monitors have the same three."""
_level = "brief"


def choose_level(level: str) -> None:
    """Say states in one of ``LEVELS`` from now on; another is ignored."""
    global _level
    _level = level if level in LEVELS else _level


def in_level(full: str, brief: str, abbreviated: str) -> str:
    """Return the one of three wordings that is on; where there is none for the level, the brief one."""
    return {"full": full, "abbreviated": abbreviated}.get(_level, brief) or brief


def width_in_level(width: int, widths: tuple[int, int]) -> int:
    """Return how wide a column is in the level that is on: ``widths`` are those of full and abbreviated, 0 as ever."""
    wide, narrow = widths
    return {"full": wide, "abbreviated": narrow}.get(_level, 0) or width


def chosen_level() -> str:
    """Return the level that is on."""
    return _level


measures = Measures()
"""The one set of measures."""


def _tokens() -> dict[str, Any]:
    data: dict[str, Any] = icons().tokens()
    return data


@cache
def load_look(name: str) -> Look:
    """Return the colours of ``dark`` or ``light``."""
    data = _tokens()[name]
    modes = dict(data["mode"])
    mode_ink, user_ink = modes.pop("ink"), modes.pop("userInk")
    return Look(
        name=name,
        **data["ground"],
        **data["line"],
        **data["text"],
        accent=data["accent"],
        accent_ink=data["accentInk"],
        selection=data["selection"],
        selection_inactive=data["selectionInactive"],
        focus=data["focus"],
        trough=data["trough"],
        plot_ground=data["plotGround"],
        scrim=data["scrim"],
        modes=modes,
        mode_ink=mode_ink,
        user_ink=user_ink,
        families={key: Family(**value) for key, value in data["family"].items()},
        plots=data["plot"],
    )


@cache
def state_look(kind: str, state: str) -> StateLook:
    """Return how a state of a job, task, render or flag is shown; KeyError for one there is not."""
    data = _tokens()["state"][kind][state]
    word = data["word"]
    return StateLook(data["family"], "glyph-" + data["glyph"], *(tr(word[key]) for key in ("full", "brief", "abbr")))


def order_of_need() -> list[str]:
    """Return the states of jobs, what needs somebody first."""
    return list(_tokens()["jobOrderOfNeed"])
