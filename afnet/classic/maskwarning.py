"""Hosts masks without a mode: lists of beginnings of names in this dialect, which may be meant as something else.

Rules of this file:
- Nothing is guessed: the mask means what the reference took it for; who sent it is told when that looks wrong.
"""

import re
from typing import Any

from afcore.jobspec import JobSpec
from afcore.masks import Mask, mask_problem
from afcore.model.farm import Farm

__all__ = ["mask_warning", "take_users_mode"]

_EXPRESSION = re.compile(r"[.*+?^$()\\[\]{}]")
"""Signs that mean something in a regular expression and stand in few names of hosts."""


def take_users_mode(farm: Farm, spec: JobSpec, *, as_given: Any) -> None:
    """Give a submitted job without a mode of its hosts masks that of its user, if the user has one."""
    if isinstance(as_given, dict) and as_given.get("hosts_mask_type") not in ("find", "regex"):
        user = farm.users.get(farm.users_by_name.get(spec.user_name, 0))
        if user is not None and user.hosts_mask_type:
            spec.hosts_mask_type = user.hosts_mask_type


def mask_warning(farm: Farm, spec: JobSpec, *, as_given: Any) -> str:
    """Return what to say about a submitted job's hosts masks; empty when nothing looks wrong.

    ``as_given`` is the job as it was sent: with a ``hosts_mask_type`` in it there is no question.
    """
    if not isinstance(as_given, dict) or as_given.get("hosts_mask_type") in ("find", "regex"):
        return ""
    if spec.hosts_mask_type == "regex":
        return ""
    masks = [("hosts_mask", spec.hosts_mask), ("hosts_mask_exclude", spec.hosts_mask_exclude)]
    for block in spec.blocks:
        masks += [(f"hosts_mask of block {block.name}", block.hosts_mask)]
        masks += [(f"hosts_mask_exclude of block {block.name}", block.hosts_mask_exclude)]
    told = [sentence for name, pattern in masks if (sentence := _doubt(farm, name, pattern))]
    return " ".join(told[:3])


def _doubt(farm: Farm, name: str, pattern: str) -> str:
    if not _EXPRESSION.search(pattern) or mask_problem(pattern):
        return ""
    names = [render.name for render in farm.renders.values()]
    as_list, as_expression = Mask(pattern, mode="find"), Mask(pattern)
    if any(map(as_list.matches, names)):
        return ""
    meant = sum(map(as_expression.matches, names))
    known = f"as a regular expression it would match {meant}" if names else "no render is known yet"
    return (
        f'{name} "{pattern}" is taken as a list of beginnings of names, and no render begins so ({known}): '
        'set hosts_mask_type to "regex" or "find".'
    )
