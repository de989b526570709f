"""Every view fits: at 200 % scale, in large text, with no row, one, and 50,000, and with names of 200 characters."""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtWidgets import QWidget

from afwatch.app import Watch
from afwatch.views.chips import Chip
from tests.gui.conftest import Spin
from tests.gui.layouts import VIEWS, cut_off, fill, picture, show


def test_nothing_is_cut_off(alone: Watch, spin: Spin) -> None:
    window = alone.window
    for rows, long, size, scheme in ((0, False, 100, "dark"), (1, True, 125, "light"), (50_000, True, 125, "dark")):
        window.theme.choose(scheme)
        window.theme.choose_size(size)
        fill(alone, rows, long)
        for view in VIEWS if rows < 2 else ("jobs", "work", "farm", "tasks"):
            shown = show(alone, view, rows)
            spin(shown.isVisible, view)
            faults: list[str] = []

            def fits(shown: QWidget = shown, faults: list[str] = faults) -> bool:
                faults[:] = cut_off(shown)
                return not faults

            with suppress(AssertionError):
                spin(fits, "everything to fit", seconds=60)
            assert faults == [], f"{view} with {rows} rows at {size} %"
            if rows == 1:
                image = picture(shown)
                assert (image.width(), image.height()) == (2 * shown.width(), 2 * shown.height())
            if shown is not window:
                shown.close()


def test_chips_say_words_where_there_is_room_and_counts_where_there_is_none(alone: Watch, spin: Spin) -> None:
    window = alone.window
    fill(alone, 40, False)
    window.go("jobs")
    window.theme.choose_size(100)
    window.resize(1700, 860)
    chips = window.pane("jobs").findChildren(Chip)
    spin(lambda: all(chip.text().split()[0].isalpha() for chip in chips), "words")
    window.theme.choose_size(150)
    window.resize(1100, 860)
    spin(lambda: all(chip.text().isdigit() for chip in chips), "counts alone")
    assert all(chip.accessibleName()[0].isalpha() and chip.toolTip() for chip in chips), "the words stay for all"
