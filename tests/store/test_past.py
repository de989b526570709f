"""The past of a farm as its database keeps it: every instant is the farm that was, whatever was trimmed meanwhile."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from afcore.commands import AcceptRestart
from afcore.errors import NotFound, Rejected
from afcore.image import digest
from afcore.model.defaults import Defaults
from afcore.outcome import Outcome
from afcore.store.base import Batch, Retention, Snapshot, Store
from afcore.store.opening import open_past
from afnet.server.pastview import PastViews
from tests.sim.walk import Walk
from tests.store.conftest import Place


class Recorder(Walk):
    """A walk that is kept as a server keeps its farm: batches of some entries, snapshots of what changed, restarts."""

    def __init__(self, seed: int, place: Place) -> None:
        self.place = place
        self.store: Store = place.open()
        self.store.load()
        self.instants: list[float] = []
        self.digests: list[str] = []
        """What the farm was from each of these instants on."""
        self.open: list[bytes] = []
        self.chance = random.Random(f"batches {seed}")
        self.snapshots = 0
        super().__init__(seed)

    def do(self, command: Any) -> Outcome | None:
        known = len(self.journal)
        outcome = super().do(command)
        if len(self.journal) > known:
            self.open += self.journal[known:]
            self.instants.append(self.at)
            self.digests.append(self.core.digest())
            if self.chance.random() < 0.4:
                self.close_batch()
        return outcome

    def close_batch(self) -> None:
        if self.open:
            self.store.commit(
                [Batch(seq=self.store.last_seq + 1, at=self.at, epoch=self.store.epoch, body=self.open)]
            )
            self.open = []

    def snapshot(self) -> None:
        self.close_batch()
        image = self.core.snapshot()
        self.store.write_snapshot(
            Snapshot(seq=self.store.last_seq, at=self.at, farm=image.farm, jobs=image.jobs,
                     columns=image.columns, deleted=image.deleted)
        )  # fmt: skip
        self.snapshots += 1

    def crash(self) -> None:
        self.close_batch()
        self.store.close()
        self.store = self.place.open()
        for batch in self.store.load().batches:
            assert batch.body
        for agent in self.agents.values():
            agent.session = 0
        self.do(AcceptRestart())

    def digest_at(self, at: float) -> str:
        return self.digests[bisect_right(self.instants, at) - 1]


@pytest.fixture
def recorded(database_place: Place) -> Recorder:
    walk = Recorder(5, database_place)
    while walk.snapshots < 4 or len(walk.instants) < 150:
        walk.step()
    walk.close_batch()
    return walk


@contextmanager
def views_of(store: Store) -> Iterator[PastViews]:
    past = open_past(store.address)
    try:
        yield PastViews(past, Defaults())
    finally:
        past.close()


def test_every_instant_is_the_farm_that_was(recorded: Recorder) -> None:
    chance = random.Random(1)
    with views_of(recorded.store) as views:
        kept = views.kept()
        assert kept["whole"] and kept["since"] <= recorded.instants[1]
        first, last = kept["since"], recorded.instants[-1]
        instants = [chance.uniform(first, last) for _ in range(25)]
        instants += [*chance.sample(recorded.instants[9:], 15), last + 99]
        for at in instants:
            assert digest(views.farm(at)) == recorded.digest_at(at), at
        # Afterwards everything old goes, as far as its newest half: what is left answers as before.
        middle = recorded.instants[len(recorded.instants) // 2]
        recorded.store.trim(Retention(days=(last - middle) / 86_400), now=last)
        kept = views.kept()
        assert not kept["whole"] and first < kept["since"] <= middle
        later = [at for at in instants if at >= kept["since"]]
        assert 5 < len(later) < len(instants)
        for at in later:
            assert digest(views.farm(at)) == recorded.digest_at(at), at
        with pytest.raises(Rejected, match="past is kept since .* no longer kept") as refused:
            views.show(kept["since"] - 1.0, "job.list", {"limit": 10})
        assert "journal_keep_days" in refused.value.hint


def test_a_farm_that_has_no_past_says_so(database_place: Place) -> None:
    store = database_place.open()
    store.load()
    with views_of(store) as views:
        with pytest.raises(Rejected, match="no past yet"):
            views.show(5.0, "job.list", {})
        with pytest.raises(NotFound, match="no view of the past"):
            views.show(5.0, "server.status", {})


def test_a_restart_is_told(database_place: Place) -> None:
    walk = Recorder(3, database_place)
    walk.submit()
    walk.close_batch()
    before = walk.at
    walk.at += 1000.0
    walk.crash()
    walk.close_batch()
    with views_of(walk.store) as views:
        told = views.show(before + 500.0, "user.list", {"limit": 10, "after": 0})["past"]
        assert told["changed"] == pytest.approx(before) and told["restarted"] >= before + 1000.0
        assert views.show(walk.at + 1.0, "user.list", {"limit": 10, "after": 0})["past"]["restarted"] == 0.0
