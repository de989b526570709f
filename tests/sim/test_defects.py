"""A checker that cannot fail proves nothing: every planted mistake is found in one of the thousand worlds."""

from __future__ import annotations

import gc
import itertools
import logging
from collections.abc import Iterator

import pytest

from tests.sim.defects import DEFECTS, Defect, planted
from tests.sim.history import Broken
from tests.sim.test_world import SEEDS
from tests.sim.world import play


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What the server would log of failing databases is not what is looked for."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
    gc.collect()


def test_there_are_twenty_at_least() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name.replace(" ", "-"))
def test_a_planted_defect_is_found(defect: Defect) -> None:
    with planted(defect):
        for seed in itertools.chain([defect.seed], range(SEEDS)):
            try:
                play(seed)
            except Broken:
                return
    raise AssertionError(f"{defect.name}: no world of {SEEDS} broke")
