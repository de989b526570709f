"""Fixtures of the core's plays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afcore.invariants import check
from tests.unit.afcore.plays import FarmPlay


@pytest.fixture
def farm() -> Iterator[FarmPlay]:
    """A farm; at the end its invariants hold, and its journal makes the same farm again."""
    play = FarmPlay()
    yield play
    assert check(play.core.farm) == []
    if not play.entries:
        return
    again = play.replayed()
    assert check(again.farm) == []
    assert again.digest() == play.core.digest()
