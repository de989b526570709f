"""Figures of the server and its farm for Prometheus, made when somebody asks.

Rules of this file:
- Names and labels are what dashboards are built on: they are added, never renamed.
- A label never takes a name that a job or task gives: a farm has few pools, services and tickets, but many jobs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from afcore.model.effective import ENDLESS, capacity_of, max_tasks_of
from afcore.model.farm import Farm
from afcore.states import RenderState, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB
from afnet.server.tally import WAITS, Tally

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from afcore.store.statistics.lag import Lag

__all__ = ["CONTENT_TYPE", "Figures", "exposition", "families"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What the text of ``exposition`` is."""

_STATES = (
    (RenderState.SICK, "sick"),
    (RenderState.PAUSED, "paused"),
    (RenderState.NIMBY, "NIMBY"),
    (RenderState.NIMBY_USER, "nimby"),
)
"""The one state that a connected render is counted in, the worst first."""


class Figures(NamedTuple):
    """What is read to make the metrics; times in seconds."""

    farm: Farm
    tally: Tally
    up: float
    loop_lag: float
    """How late the event loop served the question."""
    batches_open: int
    """Batches that were given to the database and are not durable yet."""
    commit_age: float
    """How long the oldest of them waits."""
    database_up: bool
    connections: int
    subscriptions: int
    commands: int
    files_bytes: int
    statistics: "Lag"
    """How far the statistics database is behind."""


def families(figures: Figures) -> Iterator["Metric"]:
    """Yield every metric family."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    farm, tally = figures.farm, figures.tally
    plain: tuple[tuple[str, str, float], ...] = (
        ("up_seconds", "Time since the server started.", figures.up),
        ("jobs", "Jobs of people on the farm.", len(farm.jobs) - (SYSTEM_JOB in farm.jobs)),
        ("loop_lag_seconds", "How late the event loop served this question.", figures.loop_lag),
        ("database_up", "1 while the farm's database answers.", float(figures.database_up)),
        ("database_batches_open", "Batches that are not durable yet.", figures.batches_open),
        ("database_lag_seconds", "How long the oldest batch waits to be durable.", figures.commit_age),
        ("connections", "Connections of agents, monitors and programs.", figures.connections),
        ("subscriptions", "Lists that monitors follow.", figures.subscriptions),
        ("statistics_up", "1 while the statistics database can be written.", float(not figures.statistics.trouble)),
        ("statistics_lag_rows", "Finished runs and deleted blocks that are not in it yet.", figures.statistics.rows),
        ("statistics_lag_seconds", "How long it has not had everything.", figures.statistics.seconds),
        ("files_bytes", "Space that kept logs and files take.", figures.files_bytes),
    )
    for name, text, value in plain:
        yield GaugeMetricFamily(f"afwatch_{name}", text, value)
    yield CounterMetricFamily("afwatch_commands", "Commands applied since the start.", figures.commands)
    yield CounterMetricFamily("afwatch_task_starts", "Tasks started since the server started.", tally.started)
    ends = CounterMetricFamily("afwatch_task_ends", "Runs that ended, by how.", labels=["status"])
    for status in RunStatus:
        ends.add_metric([status.name.lower()], tally.ended[status])
    yield ends
    yield _labelled(GaugeMetricFamily, "tasks", "Tasks of jobs of people by state.", "state", _tasks(farm))
    yield _labelled(GaugeMetricFamily, "renders", "Renders by state.", "state", _renders(farm))
    running = Counter(farm.jobs[key.job].blocks[key.block].spec.service for key in farm.runs)
    yield _labelled(GaugeMetricFamily, "running", "Running tasks by service.", "service", sorted(running.items()))
    yield from _slots(farm, GaugeMetricFamily)
    yield from _tickets(farm, GaugeMetricFamily)
    total, buckets = 0, []
    for bound, count in zip([*map(str, WAITS), "+Inf"], tally.waits, strict=True):
        total += count
        buckets.append((bound, total))
    yield HistogramMetricFamily(
        "afwatch_job_wait_seconds", "Time from a job's submission to its first start.", buckets, tally.waited
    )


def exposition(figures: Figures) -> bytes:
    """Return the text that Prometheus reads (format 0.0.4)."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Now:
        def collect(self) -> Iterable["Metric"]:
            return families(figures)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Now())
    return generate_latest(registry)


def _labelled(family: Any, name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> "Metric":
    made = family(f"afwatch_{name}", text, labels=[label])
    for word, value in values:
        made.add_metric([word], value)
    metric: Metric = made
    return metric


def _tasks(farm: Farm) -> list[tuple[str, float]]:
    counts = Counter[int]()
    for id, job in farm.jobs.items():
        for block in job.blocks if id != SYSTEM_JOB else ():
            counts.update(dict(enumerate(block.tasks.counts)))
    return [(state.name.lower(), counts[state]) for state in TaskState]


def _renders(farm: Farm) -> list[tuple[str, float]]:
    counts = dict.fromkeys(("offline", "sick", "paused", "NIMBY", "nimby", "busy", "free"), 0)
    for render in farm.renders.values():
        if not render.state & RenderState.ONLINE:
            word = "offline"
        else:
            special = next((word for bit, word in _STATES if render.state & bit), "")
            word = special or ("busy" if render.runs else "free")
        counts[word] += 1
    return list(counts.items())


def _slots(farm: Farm, family: Any) -> Iterator["Metric"]:
    online = [render for render in farm.renders.values() if render.state & RenderState.ONLINE]
    sizes = [size for each in online if (size := capacity_of(farm, each)) < ENDLESS]
    for name, text, value in (
        ("capacity", "Capacity units of the renders that are online and have a limit.", sum(sizes)),
        ("capacity_used", "Capacity units that running tasks take.", sum(each.used_capacity for each in online)),
        ("slots", "Tasks that the renders online may run at once.", sum(max_tasks_of(farm, each) for each in online)),
        ("slots_used", "Tasks that run.", sum(len(each.runs) for each in online)),
    ):
        yield family(f"afwatch_{name}", text, value)


def _tickets(farm: Farm, family: Any) -> Iterator["Metric"]:
    count = family("afwatch_tickets", "Pool tickets there are.", labels=["pool", "ticket"])
    used = family("afwatch_tickets_used", "Pool tickets that running tasks hold.", labels=["pool", "ticket"])
    for pool in farm.pools.values():
        for name, (most, _) in sorted(pool.tickets.items()):
            count.add_metric([pool.path, name], most)
            used.add_metric([pool.path, name], pool.tickets_used.get(name, 0))
    yield count
    yield used
