"""Places in the order of a user's jobs, followed as rows come."""

from __future__ import annotations

import random

from afcore.rows import JobRow
from afwatch.tally import JobTally
from tests.unit.afwatch.rows import job_row


def test_places_follow_what_comes_changes_and_goes() -> None:
    chance, tally = random.Random(5), JobTally()
    rows: dict[int, JobRow] = {}
    for step in range(300):
        id = chance.randrange(2, 40)
        new = None if chance.random() < 0.2 else job_row(
            id, user=chance.choice(("jo", "anna")), state=chance.choice(("ready", "done")),
            priority=chance.choice((10, 20)), order=chance.randrange(30),
        )  # fmt: skip
        tally.replace(rows.get(id), new)
        rows.pop(id, None)
        if new is not None:
            rows[id] = new
        if step % 3 == 0:
            for user in ("jo", "anna"):
                mine = sorted((row for row in rows.values() if row.user == user and row.state != "done"),
                              key=lambda row: (-row.priority, row.order, row.id))  # fmt: skip
                assert [tally.place_of(row, rows.values()) for row in mine] == list(range(1, len(mine) + 1))
    over = job_row(50, state="done")
    assert tally.place_of(over, rows.values()) == 0, "what is over waits for nothing"
