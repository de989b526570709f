"""Copies of model objects by their fields: several times faster than ``copy.copy``, for those who copy many."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar, cast

__all__ = ["holding_copy", "shallow_copy"]

_T = TypeVar("_T")
_Plan = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_PLANS: dict[type, _Plan] = {}
_HOLDING: frozenset[Any] = frozenset({list, dict, set})


def _plan(kind: type) -> _Plan:
    names = tuple(field.name for field in fields(cast(Any, kind)))
    plan = _PLANS[kind] = names, attrgetter(*names)
    return plan


def shallow_copy(thing: _T) -> _T:
    """Return a copy of a dataclass object that shares whatever the object holds."""
    kind = type(thing)
    made = kind.__new__(kind)
    try:
        made.__dict__.update(thing.__dict__)
    except AttributeError:
        names, values = _PLANS.get(kind) or _plan(kind)
        for name, value in zip(names, values(thing), strict=True):
            setattr(made, name, value)
    return made


def holding_copy(thing: _T) -> _T:
    """Return a copy of a dataclass object whose own lists, sets and dictionaries are copies too."""
    kind = type(thing)
    made = kind.__new__(kind)
    names, values = _PLANS.get(kind) or _plan(kind)
    for name, value in zip(names, values(thing), strict=True):
        setattr(made, name, value.copy() if value.__class__ in _HOLDING else value)
    return made
