"""Tasks as the classic dialect writes them: progress of all, and information, output, log and errors of one.

Rules of this file:
- Reads the farm, changes nothing; progress is made from copies of the columns, a page at a time.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from afcore.ids import RunKey
from afcore.model.effective import error_rule
from afcore.model.farm import Farm
from afcore.model.job import Block, HostErrors, Job
from afcore.model.render import Run
from afcore.states import LIVE_STATES, TaskState
from afnet.classic.framing import dump_json
from afnet.classic.states import state_text, to_bits

__all__ = [
    "Moment",
    "TaskProgress",
    "empty_task",
    "error_hosts_of_job",
    "error_hosts_of_task",
    "execution",
    "message",
    "progress_answer",
    "run_of",
    "short_execution",
    "task_answer",
    "task_progress",
]


Moment = Callable[[float], str]
"""Writes a time (unix seconds) as the logs of the dialect have it: ``Sat 21 Nov 07:14.06``."""


def message(name: str, kind: str, lines: Iterable[str]) -> dict[str, Any]:
    """Return the answer that shows a list of lines about a node."""
    return {"message": {"name": name, "type": kind, "list": list(lines)}}


_MOST_PARTS = 10_000


_COPIED = 1 << 14
"""Tasks whose columns are copied in one step: a third of a megabyte, a fraction of a millisecond."""


class _Columns(NamedTuple):
    """The columns of some consecutive tasks, of one moment."""

    state: bytes
    flags: bytes
    percent: bytes
    errors: bytes
    starts: "array[int]"
    render: "array[int]"
    started: "array[int]"
    finished: "array[int]"


class TaskProgress:
    """How every task of a block stands, as ``TaskPages``: made from a copy of the columns.

    The copy is made in steps of 16,384 tasks with others served between: what a reader sees of one task is of one
    moment, and so are the tasks of one step; those behind may have changed meanwhile, and then a monitor's events tell
    the same once more. What an agent said of a run last (frame, activity) is no state: it is looked up while a page is
    made.
    """

    def __init__(self, farm: Farm, block: Block, first: int = 0, end: int | None = None) -> None:
        self._farm = farm
        self._table = block.tasks
        self._job, self._block = block.job, block.index
        self._epoch = farm.epoch
        self._first = first
        self._size = len(range(block.tasks.size)[first:end])
        self._copies: dict[int, _Columns] = {}
        self._parts: dict[tuple[int, ...], tuple[str, str]] = {}

    def __len__(self) -> int:
        return self._size

    def copy_steps(self) -> Iterator[None]:
        """Copy what is not copied yet, a part with each step."""
        for part in range((self._size + _COPIED - 1) // _COPIED):
            self._copy(part)
            yield

    def _copy(self, part: int) -> _Columns:
        found = self._copies.get(part)
        if found is None:
            tasks, first = self._table, self._first
            span = slice(first + part * _COPIED, first + min((part + 1) * _COPIED, self._size))
            found = self._copies[part] = _Columns(
                bytes(tasks.state[span]),
                bytes(tasks.flags[span]),
                bytes(tasks.percent[span]),
                bytes(tasks.errors[span]),
                tasks.starts[span],
                tasks.render[span],
                tasks.started[span],
                tasks.finished[span],
            )
        return found

    def encoded(self, first: int, end: int) -> bytes:
        """Return the JSON of tasks ``first`` up to, without, ``end``, counted from the first of these.

        Tasks that differ in their times only share what stands before and behind these: a million costs a second.
        """
        found: list[str] = []
        end = min(end, self._size)
        while first < end:
            part, place = divmod(first, _COPIED)
            until = min(end, (part + 1) * _COPIED)
            found += self._texts(self._copy(part), slice(place, place + until - first), first)
            first = until
        return ",".join(found).encode()

    def _texts(self, columns: _Columns, span: slice, first: int) -> list[str]:
        found: list[str] = []
        epoch, parts = self._epoch, self._parts
        rows = zip(*(column[span] for column in columns[:6]))
        for task, (row, started, finished) in enumerate(
            zip(rows, columns.started[span], columns.finished[span]), first
        ):
            if row[0] in LIVE_STATES:
                found.append(dump_json(self.one(task)).decode())
                continue
            before, behind = parts.get(row) or self._make_parts(row, task)
            if started:
                found.append(f'{before},"tst":{epoch + started},"tdn":{epoch + max(started, finished)}{behind}')
            else:
                found.append(before + behind)
        return found

    def _make_parts(self, row: tuple[int, ...], task: int) -> tuple[str, str]:
        if len(self._parts) > _MOST_PARTS:
            self._parts.clear()
        shown = self.one(task)
        host = {"hst": shown.pop("hst")} if "hst" in shown else {}
        for key in ("tst", "tdn"):
            shown.pop(key, None)
        behind = dump_json(host).decode()
        parts = (dump_json(shown).decode()[:-1], f",{behind[1:]}" if host else "}")
        self._parts[row] = parts
        return parts

    def one(self, task: int) -> dict[str, Any]:
        """Return one task, counted from the first of these."""
        part, place = divmod(task, _COPIED)
        columns = self._copy(part)
        state, starts = columns.state[place], columns.starts[place]
        bits = to_bits(state, columns.flags[place])
        data: dict[str, Any] = {"state": state_text(bits), "st": bits}
        percent = 100 if state == TaskState.DONE else columns.percent[place]
        if percent:
            data["per"] = percent
        run = None
        if state in LIVE_STATES:
            run = self._farm.runs.look(RunKey(self._job, self._block, self._first + task, starts))
        if run is not None and run.frame > 0:
            data["frm"] = run.frame
        if run is not None and run.percent_frame > 0:
            data["pfr"] = run.percent_frame
        if starts:
            data["str"] = starts
        if columns.errors[place]:
            data["err"] = columns.errors[place]
        if columns.started[place]:
            data["tst"] = self._epoch + columns.started[place]
            data["tdn"] = self._epoch + max(columns.started[place], columns.finished[place])
        if columns.render[place]:
            render = self._farm.renders.get(columns.render[place])
            data["hst"] = render.name if render is not None else ""
        if run is not None and run.activity:
            data["act"] = run.activity
        return data


def run_of(farm: Farm, block: Block, task: int) -> Run | None:
    """Return the run of a task that goes on, if any."""
    return farm.runs.look(RunKey(block.job, block.index, task, block.tasks.starts[task]))


def progress_answer(farm: Farm, job: Job) -> dict[str, Any]:
    """Return ``{"job_progress": {...}}``: a list of tasks for each block."""
    return {"job_progress": {"id": job.id, "progress": [TaskProgress(farm, block) for block in job.blocks]}}


def task_progress(farm: Farm, block: Block, task: int) -> dict[str, Any]:
    """Return the progress of one task."""
    return TaskProgress(farm, block, task, task + 1).one(0)


def task_answer(farm: Farm, block: Block, task: int, *, kind: str, number: int = 0, data: str = "") -> dict[str, Any]:
    """Return ``{"task": {...}}``; ``kind`` is ``TLog``, ``TOutput``, ``TErrorHosts`` or ``TExec``."""
    spec = block.spec
    run = run_of(farm, block, task)
    shown: dict[str, Any] = {
        "type": kind,
        "render_id": run.render if run is not None and kind == "TOutput" and not number else 0,
        "job_name": farm.jobs[block.job].name,
        "block_name": spec.name,
        "task_name": spec.task_name(task),
        "service": spec.service,
        "parser": spec.parser,
        "pos": {"job": block.job, "block": block.index, "task": task, "number": number},
        "progress": task_progress(farm, block, task),
    }
    return {"task": {**shown, "data": data}}


def empty_task(job: int, block: int, task: int, number: int, data: str) -> dict[str, Any]:
    """Return the answer about a task that is not there."""
    texts = dict.fromkeys(("job_name", "block_name", "task_name", "service", "parser"), "")
    pos = {"job": job, "block": block, "task": task, "number": number}
    progress = {"state": "", "st": 0}
    return {"task": {"type": "TOutput", "render_id": 0, **texts, "pos": pos, "progress": progress, "data": data}}


def execution(block: Block, task: int, now: float) -> dict[str, Any]:
    """Return what would be run for a task, as far as the dialect tells it."""
    spec, frames = block.spec, block.frames.task(task)
    texts = spec.tasks
    command = spec.command if isinstance(spec.command, str) else " ".join(spec.command)
    data: dict[str, Any] = {
        "name": spec.task_name(task),
        "service": spec.service,
        "capacity": spec.capacity,
        "time_start": int(now),
        "block_name": spec.name,
        "job_id": block.job,
        "block_num": block.index,
        "task_num": task,
    }
    if spec.tickets:
        data["tickets"] = dict(spec.tickets)
    data["command_block"] = command
    data["command_task"] = texts.commands[task] if texts is not None and task < len(texts) else ""
    data["frame_start"], data["frame_finish"] = frames.start, frames.end
    data["frames_inc"], data["frames_num"] = spec.frames_inc, frames.frames_num
    own = texts.files.get(task, []) if texts is not None else []
    for key, value in (
        ("parser", spec.parser),
        ("working_directory", spec.working_directory),
        ("environment", spec.task_environment(task)),
        ("files_block", list(spec.files)),
        ("files_task", list(own)),
        ("parsed_files", spec.task_files(task)),
    ):
        if value:
            data[key] = value
    return data


def short_execution(farm: Farm, run: Run) -> dict[str, Any]:
    """Return what a render runs, in the form of the list of renders."""
    key = run.key
    job = farm.jobs[key.job]
    spec = job.blocks[key.block].spec
    data: dict[str, Any] = {
        "name": spec.task_name(key.task),
        "service": spec.service,
        "capacity": run.capacity,
        "time_start": int(run.started),
        "user_name": farm.users[job.user].name,
        "block_name": spec.name,
        "job_name": job.name,
        "job_id": key.job,
        "block_num": key.block,
        "task_num": key.task,
    }
    if run.tickets:
        data["tickets"] = dict(run.tickets)
    if run.coefficient:
        data["capacity_coeff"] = run.coefficient
    return data


def _host_lines(farm: Farm, hosts: dict[int, HostErrors], limit: int, moment: Moment) -> list[str]:
    lines = []
    for id, errors in sorted(hosts.items()):
        render = farm.renders.get(id)
        avoided = " - ! AVOIDING !" if 0 < limit <= errors.count else ""
        lines.append(f"{render.name if render else id}: {errors.count} at {moment(errors.last)}{avoided}")
    return lines


def error_hosts_of_task(farm: Farm, block: Block, task: int, moment: Moment) -> list[str]:
    """Return the lines about the hosts on which a task failed; none when none did."""
    hosts = block.task_error_hosts.get(task)
    if not hosts:
        return []
    limit = error_rule(farm, block, "errors_task_same_host")
    return [f"Task[{task}] error hosts: ", *_host_lines(farm, hosts, limit, moment)]


def error_hosts_of_job(farm: Farm, job: Job, moment: Moment) -> list[str]:
    """Return the lines about all hosts that failed a job."""
    lines: list[str] = []
    for block in job.blocks:
        lines.append(f"Block['{block.spec.name}'] error hosts:")
        lines += _host_lines(farm, block.error_hosts, error_rule(farm, block, "errors_avoid_host"), moment)
        for task in sorted(block.task_error_hosts):
            lines += error_hosts_of_task(farm, block, task, moment)
    return lines
