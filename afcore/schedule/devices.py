"""Which GPUs of a render a task gets: slots that nobody shares who does not say so.

Rules of this file:
- A device is one of what the render's agent told of itself; its number is the one its driver uses.
- A task that asks for ``need_gpus`` gets that many; no other task gets one of them, unless both say ``gpus_shared``.
- ``need_gpu_mem_mb`` is then memory on each of them: what a device has, less what the others that share it asked for.
- Who has what is counted from the runs, never kept beside them.
"""

from collections import defaultdict
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.render import Render
from afcore.schedule.reasons import Reason

__all__ = ["choose_devices", "device_reason", "devices_held", "gpus_of"]


def gpus_of(render: Render) -> dict[int, int]:
    """Return the GPUs of a render: number to memory in MB, 0 where the agent does not know it."""
    found: dict[int, int] = {}
    for place, device in enumerate(render.devices):
        if device.get("kind", "gpu") == "gpu":
            found[_number(device.get("index"), place)] = _number(device.get("memory_mb"), 0)
    return found


def _number(given: Any, otherwise: int) -> int:
    return given if isinstance(given, int) and given >= 0 else otherwise


def devices_held(farm: Farm, render: Render) -> dict[int, list[Block]]:
    """Return the blocks whose tasks hold each device of a render now, once for every task."""
    held: defaultdict[int, list[Block]] = defaultdict(list)
    for key, run in render.runs.items():
        block = farm.jobs[key.job].blocks[key.block]
        if run.render == render.id:
            devices = run.devices
        else:
            devices = next((each.devices for each in run.captured if each.render == render.id), ())
        for device in devices:
            held[device].append(block)
    return held


def choose_devices(farm: Farm, block: Block, render: Render) -> tuple[int, ...] | None:
    """Return the GPUs that a task of a block gets on a render, none when it asks for none; None when too few are left.

    Those with the fewest others come first, then the smaller numbers.
    """
    spec = block.spec
    if spec.need_gpus <= 0:
        return ()
    held = devices_held(farm, render)
    fit = []
    for device, memory in gpus_of(render).items():
        others = held.get(device, [])
        if others and not (spec.gpus_shared and all(other.spec.gpus_shared for other in others)):
            continue
        taken = sum(max(0, other.spec.need_gpu_mem_mb) for other in others)
        if memory and spec.need_gpu_mem_mb > memory - taken:
            continue
        fit.append((len(others), device))
    chosen = sorted(device for _, device in sorted(fit)[: spec.need_gpus])
    return tuple(chosen) if len(chosen) == spec.need_gpus else None


def device_reason(farm: Farm, block: Block, render: Render) -> Reason:
    """Return why a render has not the GPUs that a task of a block asks for: it never has, or others hold them."""
    spec = block.spec
    if spec.need_gpus <= 0:
        return Reason.NONE
    large = [memory for memory in gpus_of(render).values() if not memory or spec.need_gpu_mem_mb <= memory]
    if len(large) < spec.need_gpus:
        return Reason.GPUS
    return Reason.NONE if choose_devices(farm, block, render) is not None else Reason.GPUS_TAKEN
