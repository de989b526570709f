"""The runs of a mapping for reading, without waking one."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Protocol

from afcore.ids import RunKey
from afcore.model.run import Run

__all__ = ["RunItems", "RunValues"]


class _Looks(Protocol):
    """A mapping that can be read without waking a run."""

    def all(self) -> Iterator[Run]:
        """Yield every run."""
        ...

    def pairs(self) -> Iterator[tuple[RunKey, Run]]:
        """Yield every key and run."""
        ...


class RunValues(ValuesView[Run]):
    """The runs of a mapping, for reading."""

    def __init__(self, runs: Mapping[RunKey, Run], looks: _Looks) -> None:
        super().__init__(runs)
        self._looks = looks

    def __iter__(self) -> Iterator[Run]:
        return self._looks.all()


class RunItems(ItemsView[RunKey, Run]):
    """Keys and runs of a mapping, for reading."""

    def __init__(self, runs: Mapping[RunKey, Run], looks: _Looks) -> None:
        super().__init__(runs)
        self._looks = looks

    def __iter__(self) -> Iterator[tuple[RunKey, Run]]:
        return self._looks.pairs()
