"""What may be edited of things and what values they have now: the answer behind every panel of parameters.

Rules of this file:
- It reads the tables of ``rules.parameters`` and the farm; who may edit is another question (``rules.access``).
"""

from collections.abc import Callable
from typing import Any

from afcore.errors import BadSpec, Problem
from afcore.model.farm import Farm
from afcore.rules.jobs import job_value
from afcore.rules.parameters import BLOCK, BRANCH, JOB, POOL, RENDER, USER, Parameter
from afcore.rules.renders import render_value
from afcore.rules.tree import named

__all__ = ["KINDS", "MOST_VALUES", "editable"]

MOST_VALUES = 8
"""Different values of one parameter that are told; more are only counted."""

KINDS: dict[str, dict[str, Parameter]] = {
    "job": JOB,
    "block": BLOCK,
    "render": RENDER,
    "user": USER,
    "pool": POOL,
    "branch": BRANCH,
}
"""The parameters of each kind of thing."""

_Reader = Callable[[str], Any]


def editable(farm: Farm, kind: str, things: list[str]) -> list[dict[str, Any]]:
    """Return one entry per parameter of a kind, in the table's order, with the present values of ``things``.

    ``things`` are ids of jobs, ``JOB.BLOCK`` of blocks, names of renders and users, paths of pools and branches.
    An entry has ``name``, ``kind``, ``low``, ``high``, ``words`` (of ``rules.parameters.Parameter``), ``values``
    (pairs of value and how many things have it, the most frequent first, at most MOST_VALUES) and ``different`` (how
    many values there are).  Raises NotFound for a thing there is not, BadSpec for an id that is none.
    """
    readers = _READERS[kind](farm, things)
    entries = []
    for name, parameter in KINDS[kind].items():
        counts: dict[str, list[Any]] = {}
        for read in readers:
            value = read(name)
            counts.setdefault(repr(value), [value, 0])[1] += 1
        ranked = sorted(counts.values(), key=lambda pair: -pair[1])
        entries.append({
            "name": name, "kind": parameter.kind, "low": parameter.low, "high": parameter.high,
            "words": list(parameter.words), "values": ranked[:MOST_VALUES], "different": len(ranked),
        })  # fmt: skip
    return entries


def _jobs(farm: Farm, things: list[str]) -> list[_Reader]:
    found = [farm.job(_number(text, "job")) for text in things]
    return [lambda name, job=job: job_value(job, name) for job in found]  # type: ignore[misc]


def _blocks(farm: Farm, things: list[str]) -> list[_Reader]:
    found = []
    for text in things:
        job, _, block = text.partition(".")
        found.append(farm.block(_number(job, "block"), _number(block, "block")).spec)
    return [lambda name, spec=spec: getattr(spec, name) for spec in found]  # type: ignore[misc]


def _renders(farm: Farm, things: list[str]) -> list[_Reader]:
    found = [farm.renders[id] for id in named("render", things, farm.renders_by_name)]
    return [lambda name, render=render: render_value(render, name) for render in found]  # type: ignore[misc]


def _tree(kind: str, plural: str, index: str) -> Callable[[Farm, list[str]], list[_Reader]]:
    def readers(farm: Farm, things: list[str]) -> list[_Reader]:
        found = [getattr(farm, plural)[id] for id in named(kind, things, getattr(farm, index))]
        return [lambda name, thing=thing: getattr(thing, name) for thing in found]  # type: ignore[misc]

    return readers


def _number(text: str, kind: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    form = "JOB.BLOCK, as 12.0" if kind == "block" else "the number of a job"
    raise BadSpec([Problem("things", f'"{text}" names no {kind}', f"write {form}")])


_READERS: dict[str, Callable[[Farm, list[str]], list[_Reader]]] = {
    "job": _jobs,
    "block": _blocks,
    "render": _renders,
    "user": _tree("user", "users", "users_by_name"),
    "pool": _tree("pool", "pools", "pools_by_path"),
    "branch": _tree("branch", "branches", "branches_by_path"),
}
