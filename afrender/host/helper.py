"""The helper process for readings that may hang or crash: ``python -m afrender.host.helper gpu`` or ``… meters``.

It reads lines from its standard input, answers each with JSON lines, and ends when the input ends, so it never outlives
its agent. Answers: ``{"begin": name}`` before something may hang, ``{"gpus": […]}``, ``{"meter": {…}}``, and ``{"done":
true}`` last. With ``{"empty": true}`` it says that there is nothing to measure, and ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TextIO

from afrender.host.nvidia import Nvidia
from afrender.meters.loading import load_meter

__all__ = ["main", "serve"]


def _gpu() -> Callable[[], Iterator[dict[str, Any]]] | None:
    nvidia = Nvidia()
    if nvidia.is_empty:
        return None

    def measure() -> Iterator[dict[str, Any]]:
        yield {"begin": "gpu"}
        devices = nvidia.measure()
        if devices is None:
            # The driver went away: the next helper opens it anew, the last reading stays meanwhile.
            sys.exit(0)
        yield {"gpus": devices}

    return measure


def _meters(folder: str, names: Sequence[str]) -> Callable[[], Iterator[dict[str, Any]]]:
    loaded: list[Any] = []

    def measure() -> Iterator[dict[str, Any]]:
        if not loaded:
            # Here and not at the start: to import one may hang or crash too.
            for name in names:
                yield {"begin": name}
                loaded.append(load_meter(folder, name))
        for meter in loaded:
            yield {"begin": meter.name}
            yield {"meter": meter.read()}

    return measure


def serve(measure: Callable[[], Iterator[dict[str, Any]]], asked: TextIO, answer: TextIO) -> None:
    """Measure once for every line of ``asked``, until it ends."""
    for _ in asked:
        for message in chain(measure(), ({"done": True},)):
            # At once: who asked must know what was begun when the answer does not come.
            answer.write(json.dumps(message) + "\n")
            answer.flush()


def main(words: Sequence[str]) -> int:
    """Serve until the standard input ends. ``words``: ``gpu``, or ``meters``, a folder and names."""
    # What a meter prints must not look like an answer: answers have a descriptor of their own.
    with open(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        measure = _gpu() if words[0] == "gpu" else _meters(words[1], words[2:])
        if measure is None:
            answer.write('{"empty": true}\n')
            return 0
        serve(measure, sys.stdin, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
