"""Which hosts failed a job: for its blocks and its tasks, how often, when last, and whether they are avoided now."""

from typing import Any

from afcore.model.effective import error_rule
from afcore.model.farm import Farm
from afcore.model.job import Block

__all__ = ["error_hosts"]


def error_hosts(farm: Farm, job: int, blocks: list[int]) -> list[dict[str, Any]]:
    """Return rows of ``block``, ``task`` (-1: the block as a whole), ``render``, ``errors``, ``last``, ``avoided``.

    Raises NotFound for a job or block there is not.
    """
    found = farm.job(job)
    for index in blocks:
        farm.block(job, index)
    chosen = [block for block in found.blocks if not blocks or block.index in blocks]
    return [row for block in chosen for row in _rows(farm, block)]


def _rows(farm: Farm, block: Block) -> list[dict[str, Any]]:
    of_block, of_task = (error_rule(farm, block, name) for name in ("errors_avoid_host", "errors_task_same_host"))
    known = [(-1, render, each.count, each.last, of_block) for render, each in sorted(block.error_hosts.items())]
    known += [(task, render, count, last, of_task) for task, render, count, last in block.task_error_hosts.rows()]
    return [
        {
            "block": block.index,
            "block_name": block.spec.name,
            "task": task,
            "render": farm.renders[render].name if render in farm.renders else f"deleted render {render}",
            "errors": count,
            "last": last,
            "avoided": 0 < limit <= count,
        }
        for task, render, count, last, limit in known
    ]
