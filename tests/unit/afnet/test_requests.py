"""Requests: what is asked about the database knows what the screens have shown."""

from __future__ import annotations

from typing import Any

from afcore.errors import AfError, Unavailable
from tests.unit.afnet.pieces import ANN, House


class _History:
    """A database that answers with the batches that it was given."""

    def __init__(self, house: House) -> None:
        self._house = house

    def runs(self, query: Any, *, before: int | None, limit: int) -> Any:
        class Page:
            rows = (self._house.runner.committed_seq,)
            next = None

        return Page

    def close(self) -> None:
        return


class _Store:
    def __init__(self, house: House) -> None:
        self._house = house

    def history(self) -> _History:
        return _History(self._house)


def _ask(house: House) -> list[tuple[Any, AfError | None]]:
    answers: list[tuple[Any, AfError | None]] = []
    house.queries._store = _Store(house)  # type: ignore[assignment]
    house.requests.do("history.runs", {}, ANN, lambda reply, error: answers.append((reply, error)))
    house.loop.turn()
    return answers


def test_history_waits_for_what_is_on_its_way_to_the_database() -> None:
    house = House()
    house.ask("user.add", name="jo")
    house.commit_at_once = False
    house.requests.do("user.add", {"name": "eve"}, ANN, lambda reply, error: None)
    house.loop.turn()
    assert house.runner.closed_seq > house.runner.committed_seq
    answers = _ask(house)
    assert answers == [], "the batch is not durable yet"
    house.commit()
    assert answers == [({"rows": [house.runner.closed_seq], "next": None, "keep_days": 0.0}, None)]


def test_history_waits_for_no_database_that_is_away() -> None:
    house = House()
    house.commit_at_once = False
    house.requests.do("user.add", {"name": "eve"}, ANN, lambda reply, error: None)
    house.loop.turn()
    house.runner.on_away(Unavailable("The database does not answer", hint="Start it."))
    ((reply, error),) = _ask(house)
    assert error is None and "does not answer" in reply["warning"]
