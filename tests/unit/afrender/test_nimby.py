"""When a workstation leaves the farm and comes back: the rules, and what persons decide against them."""

from __future__ import annotations

import pytest

from afcore.errors import ConfigError
from afrender.nimby.policy import Policy, Signals
from afrender.nimby.rules import DAY, Rules, parse_hours, read_rules

MONDAY_9 = 9 * 60


class Desk:
    """A machine whose farm does what it is asked."""

    def __init__(self, rules: Rules, *, state: str | None = "", **known: str) -> None:
        self.policy = Policy(rules, **known)
        self.now = 1000.0
        self.wishes: list[str] = []
        if state is not None:
            self.policy.told(state, self.now)

    def see(self, seconds: float = 0.0, **seen: object) -> str:
        self.now += seconds
        wish = self.policy.observe(Signals(**seen), self.now)  # type: ignore[arg-type]
        self.obey(wish)
        return self.policy.state or ""

    def obey(self, wish: object) -> None:
        if wish is not None:
            self.wishes.append(wish.state)  # type: ignore[attr-defined]
            self.policy.told(wish.state, self.now)  # type: ignore[attr-defined]


IDLE = Rules(idle=1200.0, active=4.0)


def test_work_at_the_desk_takes_the_machine_and_idleness_frees_it():
    desk = Desk(IDLE)
    assert desk.see(idle=0.0) == "", "a single touch does not count"
    assert desk.see(2, idle=1.0) == ""
    assert desk.see(2, idle=0.5) == "nimby"
    assert desk.policy.cause is not None and desk.policy.cause.ends == desk.now - 0.5 + 1200.0
    assert "Idle for 20 min" in desk.policy.cause.sentence
    for idle in (100.0, 1199.0, 3.0, 1199.0):
        assert desk.see(1, idle=idle) == "nimby"
    assert desk.see(2, idle=1200.0) == ""
    assert desk.wishes == ["nimby", ""] and desk.policy.cause is None


def test_a_bump_of_the_desk_does_nothing():
    desk = Desk(IDLE)
    for _ in range(5):
        assert desk.see(3, idle=0.5) == ""
        assert desk.see(3, idle=6.0) == ""


def test_undo_lets_the_farm_work_until_the_person_left_and_came_back():
    desk = Desk(IDLE)
    desk.see(idle=0)
    assert desk.see(4, idle=0) == "nimby"
    desk.obey(desk.policy.undo(desk.now))
    assert [desk.see(4, idle=0) for _ in range(3)] == ["", "", ""]
    assert desk.policy.undo(desk.now) is None
    desk.see(4, idle=1300)
    desk.see(4, idle=0)
    assert desk.see(4, idle=0) == "nimby"


@pytest.mark.parametrize(
    ("rules", "on", "off"),
    [
        (
            Rules(hours=(parse_hours("mon 09:00-10:00", "nimby"),)),
            {"minute": MONDAY_9},
            {"minute": MONDAY_9 + 60},
        ),
        (Rules(programs=frozenset({"nuke"})), {"programs": frozenset({"nuke"})}, {"programs": frozenset()}),
        (Rules(cpu=60, busy=10.0, quiet=20.0), {"cpu": 90.0}, {"cpu": 1.0}),
        (Rules(memory=60, busy=10.0, quiet=20.0), {"memory": 90.0}, {"memory": 1.0}),
    ],
    ids=["hours", "programs", "cpu", "memory"],
)
def test_what_any_rule_did_is_taken_back_by_one_click_until_it_is_over_and_comes_again(rules, on, off):
    desk = Desk(rules)
    desk.see(**off)
    desk.see(1, **on)
    assert desk.see(60, **on) == "nimby" and desk.policy.cause is not None
    desk.obey(desk.policy.undo(desk.now))
    assert desk.policy.state == "" and desk.policy.cause is None
    assert [desk.see(60, **on) for _ in range(3)] == ["", "", ""], "the same cause does not take it again"
    desk.see(60, **off)
    assert desk.see(60, **off) == ""
    desk.see(1, **on)
    assert desk.see(60, **on) == "nimby", "a new one does"
    desk.see(1, **off)
    assert desk.see(60, **off) == ""
    assert desk.wishes == ["nimby", "", "nimby", ""]


def test_what_a_person_chose_is_never_freed_by_a_rule():
    desk = Desk(IDLE)
    desk.obey(desk.policy.choose("nimby", desk.now))
    desk.see(idle=0)
    desk.see(4, idle=0)
    assert desk.see(4, idle=2000) == "nimby"
    assert desk.wishes == ["nimby"]


def test_a_change_in_the_monitor_counts_as_a_persons():
    desk = Desk(IDLE)
    desk.see(idle=0)
    assert desk.see(4, idle=0) == "nimby"
    desk.policy.told("", desk.now)
    assert desk.see(4, idle=0) == "" and desk.policy.ours == ""


def test_a_stronger_rule_goes_back_to_what_was_before():
    rules = Rules(state="NIMBY", idle=60.0, active=0.0)
    desk = Desk(rules, state="nimby")
    assert desk.see(idle=0) == "NIMBY"
    assert desk.see(2, idle=61) == "nimby"
    assert desk.policy.ours == ""


def test_two_rules_one_after_the_other():
    rules = Rules(idle=60.0, active=0.0, hours=(parse_hours("mon 09:00-10:00 NIMBY", "nimby"),))
    desk = Desk(rules)
    assert desk.see(idle=0, minute=MONDAY_9 - 1) == "nimby"
    assert desk.see(60, idle=0, minute=MONDAY_9) == "NIMBY"
    assert desk.policy.cause is not None and desk.policy.cause.ends == desk.now + 3600
    assert desk.see(3600, idle=0, minute=MONDAY_9 + 60) == "nimby"
    assert desk.see(60, idle=61, minute=MONDAY_9 + 61) == ""


def test_when_nobody_looks_at_the_keyboard_any_more_the_machine_comes_back():
    desk = Desk(IDLE)
    desk.see(idle=0)
    assert desk.see(4, idle=0) == "nimby"
    assert desk.see(4) == "nimby"
    assert desk.see(1100) == "nimby"
    assert desk.see(200) == ""


def test_programs_take_the_machine_at_once_and_free_it_a_while_after_their_end():
    desk = Desk(Rules(programs=frozenset({"nuke", "maya.bin"})))
    assert desk.see(programs=frozenset({"bash"})) == ""
    assert desk.see(1, programs=frozenset({"nuke", "bash"})) == "nimby"
    assert desk.policy.cause is not None and desk.policy.cause.sentence.startswith("nuke runs.")
    assert desk.see(20, programs=frozenset()) == "nimby"
    assert desk.see(20, programs=frozenset({"nuke"})) == "nimby"
    assert desk.see(20, programs=frozenset()) == "nimby"
    assert desk.see(10, programs=None) == "nimby", "nobody looked"
    assert desk.see(30, programs=frozenset()) == ""


@pytest.mark.parametrize("name", ["cpu", "memory"])
def test_load_needs_time_and_has_two_thresholds(name):
    desk = Desk(Rules(**{name: 60}, busy=10.0, quiet=20.0))  # type: ignore[arg-type]
    assert desk.see(**{name: 90.0}) == ""
    assert desk.see(5, **{name: 30.0}) == "", "a short peak"
    desk.see(1, **{name: 61.0})
    assert desk.see(10, **{name: 61.0}) == "nimby"
    for _ in range(5):
        assert desk.see(30, **{name: 55.0}) == "nimby", "between the thresholds"
    desk.see(1, **{name: 49.0})
    assert desk.see(19, **{name: 49.0}) == "nimby"
    assert desk.see(1, **{name: 49.0}) == ""


def test_nothing_is_asked_while_the_farm_is_away_and_again_when_an_answer_does_not_come():
    desk = Desk(Rules(idle=60.0, active=0.0), state=None)
    policy = desk.policy
    assert policy.observe(Signals(idle=0), 1.0) is None
    policy.told("", 2.0)
    assert policy.observe(Signals(idle=0), 3.0) is not None
    assert policy.observe(Signals(idle=0), 4.0) is None
    assert policy.observe(Signals(idle=0), 20.0) is not None
    policy.lost()
    assert policy.observe(Signals(idle=0), 40.0) is None
    policy.told("nimby", 41.0)
    assert policy.observe(Signals(idle=0), 42.0) is None


def test_after_a_restart_only_what_a_rule_did_is_taken_back():
    desk = Desk(IDLE, state="nimby", ours="nimby")
    assert desk.see(idle=1300) == ""
    desk = Desk(IDLE, state="nimby")
    assert desk.see(idle=1300) == "nimby"
    desk = Desk(IDLE, state="NIMBY", ours="nimby")
    assert desk.see(idle=1300) == "NIMBY"


def test_hours_of_the_week():
    week = parse_hours("mon-fri 09:00-19:00", "nimby")
    assert week.end(MONDAY_9) == 600 and week.end(MONDAY_9 - 1) is None
    assert week.end(5 * DAY + MONDAY_9) is None
    night = parse_hours("fri-mon 22:00-06:00 NIMBY", "nimby")
    assert night.state == "NIMBY"
    assert night.end(6 * DAY + 23 * 60) == 7 * 60, "Sunday night"
    assert night.end(60) == 5 * 60, "which goes on in the next week"
    assert night.end(DAY + 60) == 5 * 60 and night.end(2 * DAY + 60) is None
    assert parse_hours("daily 00:00-24:00", "nimby").end(3) is not None


@pytest.mark.parametrize("text", ["", "always", "mon 9-10", "mon 25:00-26:00", "xyz 09:00-10:00", "mon-x 09:00-10:00"])
def test_hours_that_are_not_understood_are_refused(text):
    with pytest.raises(ConfigError, match="is not understood"):
        parse_hours(text, "nimby")


def test_rules_of_settings():
    from afcore.settings import SETTINGS

    config = {name: setting.default for name, setting in SETTINGS.items()}
    assert read_rules(config).are_off
    config |= {"nimby_idle_minutes": 20, "nimby_programs": ("Maya.EXE",), "nimby_hours": ("sat 01:00-02:00",)}
    rules = read_rules(config)
    assert (rules.idle, rules.programs, rules.are_off) == (1200.0, frozenset({"maya"}), False)
    with pytest.raises(ConfigError, match="no such state"):
        read_rules({**config, "nimby_kind": "away"})


def test_a_restart_frees_nobodys_machine_before_its_rule_ends():
    desk = Desk(IDLE, state="nimby", ours="nimby", rule="idle")
    # The tray comes a while after the agent: nobody has looked at keyboard and mouse yet.
    assert desk.see() == "nimby"
    assert desk.see(3, idle=40.0) == "nimby" and desk.policy.rule == "idle"
    assert desk.policy.since == 1000.0 and desk.policy.cause is not None
    assert desk.see(1, idle=1200.0) == ""
    gone = Desk(Rules(), state="nimby", ours="nimby", rule="mon 09:00-10:00")
    assert gone.see() == "", "a rule that there is no more holds nothing"
