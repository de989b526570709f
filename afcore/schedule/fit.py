"""Whether one render may take a task of one block of one job, and if not, the first reason why.

Rules of this file:
- The same checks serve the solver (is there a reason) and ``explain`` (which one): ask here, never beside it.
- A new check gets a ``Reason``; ``explain`` has a sentence and a change for each, and a test says when one is missing.
- Checks of names, masks and properties do not depend on what runs, so their answers are remembered (``Matches``)
  and forgotten when a render or a pool changes.
Source of the order: gates B and C of the scheduling facts.
"""

from collections.abc import Collection

from afcore.masks import Mask
from afcore.model.effective import ENDLESS, block_tickets, os_of, power_of, properties_of, service_allowed
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Limits
from afcore.schedule.devices import device_reason
from afcore.schedule.reasons import Reason
from afcore.schedule.tickets import host_ticket_missing, pool_ticket_holder
from afcore.states import RenderState

__all__ = [
    "NO_NEEDS",
    "Asked",
    "Matches",
    "asks_of_renders",
    "block_needs",
    "block_reason",
    "coefficient",
    "holder_needs",
    "holder_reason",
    "job_reason",
    "minimum_capacity",
    "pool_offset",
    "standing_reason",
    "task_avoids",
]


Needs = tuple[str, str, str, str, str, int]
NO_NEEDS: Needs = ("", "", "", "", "", -1)
"""What somebody asks who asks nothing."""
Asked = tuple[frozenset[Needs], frozenset[tuple[Needs, str, int, int]], tuple[tuple[tuple[str, int], ...], ...]]
"""All that decides for ever whether a render may do: what holders ask, what blocks ask, and the maps of pools."""


def minimum_capacity(block: Block) -> int:
    """Return the least capacity units a task of a block takes."""
    spec = block.spec
    least = spec.capacity_coeff_min
    return max(1, spec.capacity) * least if least > 1 else max(1, spec.capacity)


def coefficient(block: Block, free: int) -> int:
    """Return the factor a variable capacity takes with ``free`` units left; 0 when the block's is fixed.

    The factor is the whole number of capacities that are free, at most ``capacity_coeff_max`` where that is above 0.
    On a render without a limit that is ``capacity_coeff_max``, and without one of those the least factor.
    """
    spec = block.spec
    if spec.capacity_coeff_min == -1 and spec.capacity_coeff_max == -1:
        return 0
    factor = free // max(1, spec.capacity)
    if factor < spec.capacity_coeff_min:
        return 0
    if spec.capacity_coeff_max > 0:
        return min(factor, spec.capacity_coeff_max)
    return factor if free <= ENDLESS // 2 else max(1, spec.capacity_coeff_min)


class Matches:
    """Remembered answers of what masks, services and pools say about a render.

    The keys are the texts themselves, so that a thousand jobs with one mask share one answer.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._needs: dict[int, dict[Needs, Reason]] = {}
        self._services: dict[int, dict[str, bool]] = {}
        self._nowhere: dict[Needs, bool] = {}
        self._fits: dict[Asked, dict[int, bool]] = {}
        self.version = 0
        """Grows whenever something is forgotten."""

    def forget(self, render: int = 0) -> None:
        """Forget a render that changed, or everything because a pool did."""
        self._nowhere.clear()
        self.version += 1
        if render:
            self._needs.pop(render, None)
            self._services.pop(render, None)
            for known in self._fits.values():
                known.pop(render, None)
            return
        self._needs.clear()
        self._services.clear()
        for known in self._fits.values():
            known.clear()

    def fits_of(self, asked: Asked) -> dict[int, bool]:
        """Return what is remembered of the renders that allow all that is asked, for those who find it out to write."""
        return self._fits.setdefault(asked, {})

    def keep_fits(self, wanted: Collection[Asked]) -> None:
        """Forget what nobody asks any more."""
        self._fits = {asked: known for asked, known in self._fits.items() if asked in wanted}

    def service(self, render: Render, service: str) -> bool:
        """Say whether a service may run on a render."""
        answers = self._services.get(render.id)
        if answers is None:
            answers = self._services[render.id] = {}
        known = answers.get(service)
        if known is None:
            known = answers[service] = service_allowed(self._farm, render, service)
        return known

    def needs(self, render: Render, needs: Needs) -> Reason:
        """Return what the masks and properties of a holder or block say about a render."""
        if needs == NO_NEEDS:
            return Reason.NONE
        answers = self._needs.get(render.id)
        if answers is None:
            answers = self._needs[render.id] = {}
        known = answers.get(needs)
        if known is None:
            known = answers[needs] = self._ask(render, needs)
        return known

    def nowhere(self, needs: Needs) -> bool:
        """Say whether no render there is satisfies masks and properties."""
        if needs == NO_NEEDS:
            return False
        if needs not in self._nowhere:
            self._nowhere[needs] = all(self.needs(render, needs) for render in self._farm.renders.values())
        return self._nowhere[needs]

    def _ask(self, render: Render, needs: Needs) -> Reason:
        mask, exclude, kind, os, properties, power = needs
        mode = kind or "regex"
        if mask and not Mask(mask, mode=mode).matches(render.name):
            return Reason.HOSTS_MASK
        if exclude and not Mask(exclude, mode=mode, exclude=True).matches(render.name):
            return Reason.HOSTS_MASK_EXCLUDE
        if os and not Mask(os, mode="find", contains=True).matches(os_of(self._farm, render)):
            return Reason.OS
        if properties and not Mask(properties, mode="find", contains=True).matches(properties_of(self._farm, render)):
            return Reason.PROPERTIES
        if power > 0 and power > power_of(self._farm, render):
            return Reason.POWER
        return Reason.NONE


def holder_needs(holder: Limits) -> Needs:
    """Return what a holder asks of a render by name, system, properties and power."""
    return (
        holder.hosts_mask,
        holder.hosts_mask_exclude,
        holder.hosts_mask_type,
        holder.need_os,
        holder.need_properties,
        holder.need_power,
    )


def asks_of_renders(holder: Limits) -> bool:
    """Say whether a holder asks anything of a render; of another one ``holder_reason`` never has a reason."""
    return (
        holder.max_running_tasks_per_host >= 0
        or holder.need_memory > 0
        or holder.need_hdd > 0
        or bool(holder.pools)
        or holder_needs(holder) != NO_NEEDS
    )


def block_needs(job: Job, block: Block) -> Needs:
    """Return what a block asks of a render by name, properties and power."""
    spec = block.spec
    mode = job.hosts_mask_type
    return (spec.hosts_mask, spec.hosts_mask_exclude, mode, "", spec.need_properties, spec.need_power)


def pool_offset(pools: dict[str, int], path: str) -> int | None:
    """Return what a pools map adds to the priority of a pool, or None when it forbids the pool.

    A key that begins with ``/`` is a prefix of the pool's path, another one any part of it; all matching keys add up.
    A matching key of -100 or less forbids; when a key of 100 or more is there, pools no key matches are forbidden.
    """
    total, matched, exclusive = 0, False, False
    for key, value in pools.items():
        exclusive = exclusive or value >= 100
        if path.startswith(key) if key.startswith("/") else key in path:
            if value <= -100:
                return None
            total += value
            matched = True
    return None if exclusive and not matched else total


def _resource(render: Render, name: str) -> int:
    value: int = render.resources.get(name, 0)
    return value


def holder_reason(farm: Farm, matches: Matches, holder: Limits, render: Render) -> Reason:
    """Return why a branch, user or job may not use a render, by its own limits and masks."""
    per_host = holder.max_running_tasks_per_host
    if per_host >= 0 and holder.running_per_host.get(render.id, 0) >= per_host:
        return Reason.PER_HOST_LIMIT
    found = matches.needs(render, holder_needs(holder))
    if found:
        return found
    if holder.need_memory > 0 and holder.need_memory > _resource(render, "mem_free_mb"):
        return Reason.MEMORY
    if holder.need_hdd > 0 and holder.need_hdd > _resource(render, "hdd_free_gb"):
        return Reason.DISK
    if holder.pools and pool_offset(holder.pools, farm.pools[render.pool].path) is None:
        return Reason.POOL
    return Reason.NONE


def job_reason(farm: Farm, job: Job, render: Render) -> Reason:
    """Return why the state of a render keeps a job away: nimby, NIMBY, paused, sick."""
    state = render.state
    if state == RenderState.ONLINE:
        return Reason.NONE
    if state & (RenderState.SICK | RenderState.WOL_FALLING):
        return Reason.SICK
    if state & RenderState.PAUSED and not job.ignorepaused:
        return Reason.PAUSED
    if state & RenderState.NIMBY and not job.ignorenimby:
        return Reason.NIMBY
    if state & RenderState.NIMBY_USER and not job.ignorenimby and farm.users[job.user].name != render.user_name:
        return Reason.NIMBY
    return Reason.NONE


def block_reason(farm: Farm, matches: Matches, job: Job, block: Block, render: Render, free: int) -> Reason:
    """Return why a block may not use a render that has ``free`` capacity units left."""
    spec = block.spec
    per_host = spec.max_running_tasks_per_host
    if per_host >= 0 and block.running_per_host.get(render.id, 0) >= per_host:
        return Reason.PER_HOST_LIMIT
    if minimum_capacity(block) > free:
        return Reason.CAPACITY
    if not matches.service(render, spec.service):
        return Reason.SERVICE
    tickets = block_tickets(farm, spec)
    if tickets:
        if host_ticket_missing(farm, render, tickets):
            return Reason.HOST_TICKET
        if pool_ticket_holder(farm, render, tickets) is not None:
            return Reason.POOL_TICKET
    if 0 <= spec.max_running_tasks <= block.running_tasks:
        return Reason.BLOCK_LIMIT
    if block.error_hosts:
        failed = block.error_hosts.get(render.id)
        limit = spec.errors_avoid_host if spec.errors_avoid_host >= 0 else farm.users[job.user].errors_avoid_host
        if failed is not None and 0 < limit <= failed.count:
            return Reason.AVOIDED_BY_BLOCK
    if spec.need_gpus > 0:
        reason = device_reason(farm, block, render)
        if reason:
            return reason
    needed = _needed_resources(block, render)
    if needed:
        return needed
    return matches.needs(render, block_needs(job, block))


def standing_reason(farm: Farm, matches: Matches, job: Job, block: Block, render: Render) -> Reason:
    """Return why a block may not use a render whatever runs there and whatever it measures: a ``STATIC`` reason.

    ``block_reason`` asks the same and more; a check that is missing here costs time, not correctness.
    """
    if not matches.service(render, block.spec.service):
        return Reason.SERVICE
    if block.spec.need_gpus > 0 and device_reason(farm, block, render) is Reason.GPUS:
        return Reason.GPUS
    return matches.needs(render, block_needs(job, block))


def _needed_resources(block: Block, render: Render) -> Reason:
    """Return which measured resource a block needs more of than a render has now."""
    spec = block.spec
    if spec.need_memory > 0 and spec.need_memory > _resource(render, "mem_free_mb"):
        return Reason.MEMORY
    if spec.need_hdd > 0 and spec.need_hdd > _resource(render, "hdd_free_gb"):
        return Reason.DISK
    if spec.need_gpus <= 0 and spec.need_gpu_mem_mb > 0:
        gpu = _resource(render, "gpu_mem_total_mb") - _resource(render, "gpu_mem_used_mb")
        if spec.need_gpu_mem_mb > gpu:
            return Reason.GPU_MEMORY
    if spec.need_cpu_freq_mgz > 0 and spec.need_cpu_freq_mgz > _resource(render, "cpu_mhz"):
        return Reason.CPU_FREQUENCY
    if spec.need_cpu_cores > 0 and spec.need_cpu_cores > _resource(render, "cpu_num"):
        return Reason.CPU_CORES
    if spec.need_cpu_freq_cores > 0:
        mhz, cores = _resource(render, "cpu_mhz"), _resource(render, "cpu_num")
        if spec.need_cpu_freq_cores > mhz * cores:
            return Reason.CPU_FREQUENCY_CORES
    return Reason.NONE


def task_avoids(farm: Farm, job: Job, block: Block, task: int, render: Render) -> bool:
    """Say whether a task failed on a render as often as it may."""
    failed = block.task_error_hosts.count(task, render.id)
    if not failed:
        return False
    limit = block.spec.errors_task_same_host
    return 0 < (limit if limit >= 0 else farm.users[job.user].errors_task_same_host) <= failed
