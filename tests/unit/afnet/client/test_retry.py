"""Waits between tries: they double, are bounded, differ by chance and begin anew."""

import random

from afnet.client.retry import Backoff


class Always(random.Random):
    """Draws the same number for ever."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def random(self) -> float:
        return self.number


def test_waits_double_up_to_the_most_and_begin_anew() -> None:
    backoff = Backoff(Always(1.0))
    assert [round(backoff.wait(), 3) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert round(backoff.wait(), 3) == 0.1


def test_chance_takes_up_to_half_away() -> None:
    assert Backoff(Always(0.0)).wait() == 0.05
    waits = {Backoff(random.Random(seed)).wait() for seed in range(50)}
    assert len(waits) == 50 and all(0.05 <= wait <= 0.1 for wait in waits)
