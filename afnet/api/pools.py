"""Pools for submitters: which renders are in which pool, and the mask that keeps a job to some hosts.

Standard library only. A job that should run in a pool says so by ``Job.setPools({"/path": 100})``; the mask is for
submitters written for farms without pools, where a pool was the exclusion of every host outside of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from afnet.api.configfiles import load_config
from afnet.api.send import post, server_list

__all__ = ["exclude_mask", "pool_hosts"]


def pool_hosts(server: str | None = None) -> dict[str, list[str]]:
    """Return the names of the renders in each pool by its path, online and offline ones.

    ``server`` is ``HOST:PORT``, else the configured one. The same is read without this module, over plain HTTP, at
    ``/api/pools``. Raises WireError when no server can be asked.
    """
    config = load_config()
    answer = post("/api/op/pool.members", {}, server_list(config, server))
    rows: list[Mapping[str, Any]] = answer["rows"]
    return {str(row["path"]): [str(name) for name in row["renders"]] for row in rows}


def exclude_mask(hosts: Iterable[str], every: Iterable[str]) -> str:
    """Return the mask of the hosts a job must not run on so that it runs on ``hosts`` alone; empty for none.

    ``every`` names all hosts of the farm: one that comes later is not excluded. Give it to ``setHostsMaskExclude``.
    """
    wanted = set(hosts)
    return "|".join(re.escape(name) for name in every if name not in wanted)
