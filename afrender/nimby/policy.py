"""Decides when a workstation leaves the farm and when it comes back, from what is seen of its person's work.

Rules of this file:
- no clock, process or socket: what is seen and the time (steady, seconds) are arguments;
- every rule has two thresholds or two durations: what just became true does not become false by a trifle;
- what a person chose by hand is never changed by a rule that held then: it must end and begin anew;
- only what a rule did is taken back, and to what was before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from afrender.nimby.rules import Rules

__all__ = ["ACTIVE", "RELIEF", "Cause", "Policy", "Signals", "Wish"]

ACTIVE = 5.0
"""Seconds since the last input below which somebody is counted as working."""

RELIEF = 10.0
"""Percent that a load must fall below its threshold to count as gone."""

PATIENCE = 15.0
"""Seconds after which what was asked of the farm, and did not come, is asked again."""

PROGRAM_ENDED = 30.0
"""Seconds that a program must be gone: one that is started again at once counts as running."""

_STRENGTH = {"": 0, "nimby": 1, "NIMBY": 2}


@dataclass(frozen=True, slots=True)
class Signals:
    """What is seen: seconds since the last input, minute of the week, programs that run and used shares in percent.

    None for what is not known. ``cpu`` and ``memory`` are without the farm's own tasks.
    """

    idle: float | None = None
    minute: int = 0
    programs: frozenset[str] | None = None
    cpu: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a rule holds, in words, and when it is expected to end (steady seconds; None: nobody knows)."""

    rule: str
    sentence: str
    ends: float | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """The state to ask the farm for: empty, ``nimby`` or ``NIMBY``; and why."""

    state: str
    sentence: str


class _Switch:
    """A condition with a memory: on after it held for a while, off after it was gone for a while."""

    __slots__ = ("_since", "_wish", "on", "overruled", "turned")

    def __init__(self) -> None:
        self.on = False
        self.overruled = False
        """A person decided otherwise while it was on."""
        self.turned = 0.0
        self._wish: bool | None = None
        self._since = 0.0

    def feed(self, wish: bool | None, now: float, *, on_after: float, off_after: float) -> None:
        if wish is not self._wish:
            self._wish, self._since = wish, now
        if wish is None or wish is self.on:
            return
        if now - self._since >= (on_after if wish else off_after):
            self.on, self.turned, self.overruled = wish, now, False


class Policy:
    """One machine's rules and what they did.

    ``ours``, ``before`` and ``rule``: what they had done in an earlier life. That rule still holds then, until what
    ends it is seen: a restart of the agent frees nobody's machine.
    """

    def __init__(self, rules: Rules, *, ours: str = "", before: str = "", rule: str = "") -> None:
        self.rules = rules
        self.ours = ours
        """The state a rule has set; empty: none has."""
        self.before = before
        self.since: float | None = None
        self.state: str | None = None
        """What the farm says; None while nobody knows."""
        self._switches: dict[str, tuple[_Switch, str]] = {"idle": (_Switch(), rules.state)}
        self._switches |= {hours.text: (_Switch(), hours.state) for hours in rules.hours}
        self._switches |= {name: (_Switch(), rules.state) for name in ("programs", "cpu", "memory")}
        if ours and rule in self._switches:
            self._switches[rule][0].on = True
        self._causes: dict[str, Cause] = {}
        self._asked: str | None = None
        self._asked_at = 0.0
        self._blind_since: float | None = None

    @property
    def rule(self) -> str:
        """Which rule took the machine; empty when none did."""
        return self._strongest()[2] if self.ours else ""

    @property
    def cause(self) -> Cause | None:
        """Why the machine is taken by a rule now; None when none took it."""
        return self._strongest()[1] if self.ours else None

    def told(self, state: str, now: float) -> None:
        """The farm says what the state is."""
        asked = self._asked
        if state == asked:
            self._asked = None
        elif asked is not None and state == self.state:
            return
        elif self.state is not None and state != self.state:
            # Somebody else changed it, in the monitor for example: that is a choice by hand.
            self._give_way()
        elif self.state is None and self.ours and state != self.ours:
            self.ours = self.before = ""
        self.state = state

    def lost(self) -> None:
        """The farm is away: nothing is known of the state."""
        self.state = self._asked = None

    def choose(self, state: str, now: float) -> Wish:
        """A person chose a state."""
        self._give_way()
        return self._ask(state, "chosen by hand", now)

    def undo(self, now: float) -> Wish | None:
        """A person takes back what a rule did; None when none did anything."""
        if not self.ours:
            return None
        before = self.before
        self._give_way()
        return self._ask(before, "a rule's doing was taken back by hand", now)

    def observe(self, seen: Signals, now: float) -> Wish | None:
        """Take what is seen now; return what to ask the farm for, if anything."""
        self._observe_input(seen, now)
        self._observe_hours(seen, now)
        self._observe_programs(seen, now)
        self._observe_load("cpu", "processors", seen.cpu, self.rules.cpu, now)
        self._observe_load("memory", "memory", seen.memory, self.rules.memory, now)
        if self.state is None or (self._asked is not None and now - self._asked_at < PATIENCE):
            return None
        wanted, cause, _ = self._strongest()
        if self.ours and self.since is None:
            self.since = now
        if cause is not None and _STRENGTH[wanted] > _STRENGTH[self.state]:
            if not self.ours:
                self.before, self.since = self.state, now
            self.ours = wanted
            return self._ask(wanted, cause.sentence, now)
        if self.ours and self.state == self.ours and _STRENGTH[wanted] < _STRENGTH[self.ours]:
            back = max((wanted, self.before), key=lambda state: _STRENGTH[state])
            self.ours = wanted if back == wanted and wanted != self.before else ""
            if not self.ours:
                self.before, self.since = "", None
            return self._ask(back, "what took it is over", now)
        return None

    # -- rules ---------------------------------------------------------------------------------------------------

    def _observe_input(self, seen: Signals, now: float) -> None:
        rules, (switch, _) = self.rules, self._switches["idle"]
        if rules.idle <= 0:
            return
        if seen.idle is None:
            # Whoever looked at keyboard and mouse is gone: so is the person, when nobody comes back for long enough.
            self._blind_since = now if self._blind_since is None else self._blind_since
            idle = max(ACTIVE, now - self._blind_since)
        else:
            self._blind_since = None
            idle = seen.idle
        wish = True if idle < ACTIVE else False if idle >= rules.idle else None
        switch.feed(wish, now, on_after=rules.active, off_after=0.0)
        minutes = f"{rules.idle / 60:g} min"
        self._causes["idle"] = Cause(
            "idle", f"You use keyboard or mouse. Idle for {minutes} frees it again.", now - idle + rules.idle
        )

    def _observe_hours(self, seen: Signals, now: float) -> None:
        for hours in self.rules.hours:
            switch, _ = self._switches[hours.text]
            left = hours.end(seen.minute)
            switch.feed(left is not None, now, on_after=0.0, off_after=0.0)
            self._causes[hours.text] = Cause(
                "hours", f"These are working hours: {hours.text}.", None if left is None else now + 60.0 * left
            )

    def _observe_programs(self, seen: Signals, now: float) -> None:
        if not self.rules.programs or seen.programs is None:
            return
        switch, _ = self._switches["programs"]
        running = sorted(self.rules.programs & seen.programs)
        switch.feed(bool(running), now, on_after=0.0, off_after=PROGRAM_ENDED)
        if running:
            self._causes["programs"] = Cause("programs", f"{', '.join(running)} runs. Its end frees the machine again.")

    def _observe_load(self, name: str, word: str, used: float | None, limit: int, now: float) -> None:
        if limit < 0 or used is None:
            return
        switch, _ = self._switches[name]
        wish = True if used >= limit else False if used < limit - RELIEF else None
        switch.feed(wish, now, on_after=self.rules.busy, off_after=self.rules.quiet)
        self._causes[name] = Cause(name, f"Your programs use more than {limit} % of the {word}.")

    # -- deciding ------------------------------------------------------------------------------------------------

    def _strongest(self) -> tuple[str, Cause | None, str]:
        best, cause, rule = "", None, ""
        for name, (switch, state) in self._switches.items():
            if switch.on and not switch.overruled and _STRENGTH[state] > _STRENGTH[best]:
                best, cause, rule = state, self._causes.get(name), name
        return best, cause, rule

    def _give_way(self) -> None:
        for switch, _ in self._switches.values():
            switch.overruled = switch.on
        self.ours = self.before = ""
        self.since = None

    def _ask(self, state: str, sentence: str, now: float) -> Wish:
        self._asked, self._asked_at = state, now
        return Wish(state, sentence)
