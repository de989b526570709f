"""Hosts masks without a mode: lists of beginnings of names in this dialect, which may be meant as something else.

Rules of this file:
- Nothing is guessed: the mask means what the reference took it for; who sent it is told when that looks wrong.
"""

from typing import Any

from afcore.jobspec import JobSpec
from afcore.maskdoubt import mask_doubt
from afcore.model.farm import Farm

__all__ = ["mask_warning", "take_users_mode"]


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
    renders = [render.name for render in farm.renders.values()]
    told = [sentence for name, pattern in masks if (sentence := mask_doubt(name, pattern, renders))]
    return " ".join(told[:3])
