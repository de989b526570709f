"""What runs on one render: keys of 16 bytes each; the runs themselves are in the farm's ``Runs``."""

import struct
from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any

from afcore.ids import RunKey
from afcore.model.run import Run
from afcore.model.runs import Runs
from afcore.model.runviews import RunItems, RunValues

__all__ = ["HostRuns"]

_KEY = struct.Struct("<IIII")


class HostRuns(MutableMapping[RunKey, Run]):
    """The runs on one render: keys of 16 bytes each; the runs themselves are in the farm's ``Runs``."""

    __slots__ = ("_keys", "_runs")

    def __init__(self, runs: Runs | None = None) -> None:
        self._keys = bytearray()
        self._runs = Runs() if runs is None else runs

    def __len__(self) -> int:
        return len(self._keys) // _KEY.size

    def __contains__(self, key: object) -> bool:
        return self._find(key) >= 0

    def __iter__(self) -> Iterator[RunKey]:
        return map(RunKey._make, _KEY.iter_unpack(bytes(self._keys)))

    def __getitem__(self, key: RunKey) -> Run:
        if self._find(key) < 0:
            raise KeyError(key)
        return self._runs[key]

    def __setitem__(self, key: RunKey, run: Run) -> None:
        if key not in self._runs:
            self._runs[key] = run
        if self._find(key) < 0:
            self.add(key)

    def __delitem__(self, key: RunKey) -> None:
        if not self.discard(key):
            raise KeyError(key)

    def copied(self, runs: Runs) -> "HostRuns":
        """Return the same list beside a copy of the farm's runs."""
        made = HostRuns(runs)
        made._keys = bytearray(self._keys)
        return made

    def clear(self) -> None:
        """List no run any more."""
        self._keys.clear()

    def add(self, key: RunKey) -> None:
        """List a run that is not listed yet."""
        self._keys += _KEY.pack(*key)

    def discard(self, key: RunKey) -> bool:
        """List a run no more; return whether it was."""
        at = self._find(key)
        if at >= 0:
            del self._keys[at : at + _KEY.size]
        return at >= 0

    def values(self) -> ValuesView[Run]:
        """Return the runs for reading."""
        return RunValues(self, self)

    def items(self) -> ItemsView[RunKey, Run]:
        """Return keys and runs for reading."""
        return RunItems(self, self)

    def all(self) -> Iterator[Run]:
        """Yield every run for reading."""
        return (run for _, run in self.pairs())

    def pairs(self) -> Iterator[tuple[RunKey, Run]]:
        """Yield keys and runs for reading; a run that there is not is a KeyError."""
        for key in self:
            run = self._runs.look(key)
            if run is None:
                raise KeyError(key)
            yield key, run

    def _find(self, key: Any) -> int:
        name = _KEY.pack(*key)
        keys = self._keys
        at = keys.find(name)
        while at >= 0 and at % _KEY.size:
            at = keys.find(name, at - at % _KEY.size + _KEY.size)
        return at
