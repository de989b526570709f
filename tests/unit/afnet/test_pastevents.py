"""What the farm did, in words: every event of the golden journal says something about the thing that it is about."""

from __future__ import annotations

import re

from afcore import events
from afcore.codec import decode_entries
from afnet.server.pastevents import action_of, event_words
from tests.unit.afcore.regrow import golden_journals


def test_every_event_says_what_happened_to_whom() -> None:
    kinds: set[type] = set()
    for _, batches, _ in golden_journals():
        for body in batches:
            for entry in decode_entries(body):
                for event in entry.events:
                    words = event_words(event, {1: "node1"})
                    if not isinstance(event, events.JobEdited | events.BlockEdited):
                        assert words and words[0] != ":" and "object at" not in words, event
                    job = getattr(event, "job", 0)
                    assert not job or not words or f"job {job}" in words, words
                    kinds.add(type(event))
    assert len(kinds) > 25
    actions = [action_of(kind) for kind in events.FACTS]
    assert len(set(actions)) == len(actions)
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", action) for action in actions), actions


def test_words_name_renders_and_how_runs_ended() -> None:
    started = events.RunStarted(7, 0, 3, 2, 1, 1000)
    assert event_words(started, {1: "node1"}) == "job 7: task 3 of block 0 started on node1 (run 2)"
    ended = events.RunFinished(7, 0, 3, 2, 9, 2, 139, 6, 0, 1)
    assert event_words(ended, {}) == "job 7: task 3 of block 0 ended on render 9: error (exit 139), now error"
    held = events.TasksHeld(7, 1, [(0, 4), (9, 9)])
    assert event_words(held, {}) == "job 7: 6 tasks of block 1 wait for others"
    assert event_words(events.FarmRecovered(), {}) == "the server was started again"
