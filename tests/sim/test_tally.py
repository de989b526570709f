"""What never happened is named: every fault, command, event and row of every transition table."""

from __future__ import annotations

import json

import afnet.wire.states
import afrender.states
from afcore.rules.transitions import TABLE
from tests.sim.tally import Tally


def test_a_tally_of_nothing_names_everything_and_each_thing_that_happens_is_named_no_more() -> None:
    tally = Tally()
    rows = len(TABLE) + len(afrender.states.TRANSITIONS) + len(afnet.wire.states.TRANSITIONS)
    assert sum(name.startswith("states of ") for name in tally.never()) == rows
    for section in ("faults", "commands", "events"):
        assert any(name.startswith(f"{section}: ") for name in tally.never())
    everything = [name.removesuffix(" never happened").split(": ", 1) for name in tally.never()]
    sections: dict[str, dict[str, int]] = {}
    for section, name in everything:
        sections.setdefault(section, {})[name] = 1
    for section, name in everything:
        sections[section][name] = 0
        other = Tally()
        other.add(json.dumps({"worlds": 1, "compared": 0, "sections": sections}))
        assert other.never() == [f"{section}: {name} never happened"]
        sections[section][name] = 1
