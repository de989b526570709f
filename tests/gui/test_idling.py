"""Who leaves the monitor alone in VISOR or GOD is in USER again after ten minutes, and is told when back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from afcore.states import Role
from afwatch.app import Watch
from afwatch.views.idling import MINUTES, Idling
from tests.gui.conftest import Spin
from tests.gui.layouts import fill


class Hands:
    """The monitor, with a clock that is moved by hand."""

    def __init__(self, watch: Watch) -> None:
        fill(watch, 3, False)
        self.window, self.session = watch.window, watch.session
        self.now = 1000.0
        self.idling = self.window.idling = Idling(self.window, clock=lambda: self.now)
        self.session.choose_mode(Role.GOD)

    def pass_minutes(self, minutes: float) -> None:
        """Let time pass and the timer ring, if it would by then."""
        self.now += minutes * 60
        left = self.idling._timer.interval() / 1000
        if self.idling._timer.isActive() and self.idling._touched + left <= self.now + 1:
            self.idling._look()

    @property
    def said(self) -> str:
        return self.window.status._message.text()


def test_after_ten_minutes_without_a_touch_the_mode_is_user_again(alone: Watch, spin: Spin) -> None:
    hands = Hands(alone)
    spin(lambda: hands.window.windowHandle() is not None, "the window")
    hands.pass_minutes(MINUTES - 1)
    assert hands.session.mode is Role.GOD
    QTest.keyClick(hands.window.windowHandle(), Qt.Key.Key_Down)
    hands.pass_minutes(MINUTES - 1)
    hands.idling._look()
    assert hands.session.mode is Role.GOD, "a key nine minutes ago"
    hands.pass_minutes(1)
    hands.idling._look()
    assert hands.session.mode is Role.USER
    assert "Back to USER" in hands.said and "10 minutes" in hands.said
    assert "Back to USER" in hands.window.messages.toPlainText()
    assert not hands.window.status._timer.isActive(), "it stays for who is away"
    QTest.mouseClick(hands.window.windowHandle(), Qt.MouseButton.LeftButton, pos=hands.window.rect().center())
    assert hands.window.status._timer.isActive()
    hands.session.choose_mode(Role.GOD)
    assert hands.session.mode is Role.GOD and hands.idling._timer.isActive()


def test_what_the_farm_tells_is_no_touch_and_user_needs_no_timer(alone: Watch) -> None:
    hands = Hands(alone)
    assert hands.idling._timer.isActive()
    hands.pass_minutes(MINUTES - 1)
    fill(alone, 5, False)
    hands.session.mode_changed.emit()
    assert hands.idling._timer.interval() <= 61_000
    hands.session.choose_mode(Role.USER)
    assert not hands.idling._timer.isActive()


def test_it_can_be_turned_off_and_is_remembered(alone: Watch) -> None:
    hands = Hands(alone)
    hands.window.toggle_idling()
    assert hands.window.settings.number("idle_minutes", MINUTES) == 0
    assert not hands.idling._timer.isActive() and "stays" in hands.said
    hands.window.toggle_idling()
    assert hands.idling._timer.isActive()


def test_more_minutes_than_a_timer_holds_are_as_many_as_it_does(alone: Watch) -> None:
    hands = Hands(alone)
    alone.window.settings.put("idle_minutes", 10**9)
    hands.idling.arm()
    assert hands.idling._timer.isActive() and hands.idling._timer.interval() > 7 * 86_400_000


def test_a_place_that_the_mode_does_not_show_is_left(alone: Watch) -> None:
    hands = Hands(alone)
    hands.window.go("monitors")
    assert hands.window.place == "monitors"
    hands.session.choose_mode(Role.USER)
    assert hands.window.place == "jobs"
