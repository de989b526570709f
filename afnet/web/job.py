"""A job on a page: trouble first, what can be done about it, its blocks, a page of its tasks; a task; why it waits.

Rules of this file:
- What cannot be done says why; what throws work away asks first.
- A page holds at most a hundred tasks, however many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afcore.rows import BlockRow, JobRow, TaskRow
from afcore.states import Role, TaskState
from afnet import words
from afnet.registry import OPERATIONS
from afnet.web.layout import Frame, address, button, card, empty, form, lines, page, when
from afnet.web.markup import EMPTY, Markup, el

__all__ = [
    "TaskFound", "TaskPage", "happened", "job_page", "job_parts", "output_card", "task_page", "task_parts", "why_page",
]  # fmt: skip

_STATES = ("error", "running", "ready", "wait_dep", "done", "skipped", "suspended")
_SHOWN_FAILED = 5


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """Some tasks of a block."""

    block: int
    state: str
    rows: Sequence[TaskRow]
    following: int | None
    """The task after which the next page begins; None at the end."""
    after: int = -1


def reason_of(frame: Frame, user: str) -> str:
    """Return why who looks may not change what belongs to ``user``; empty if it may."""
    if frame.at:
        return "as it was then"
    return "" if frame.role >= Role.VISOR or frame.name == user else f"belongs to {user}"


def job_page(frame: Frame, row: JobRow, tasks: TaskPage, failed: Sequence[tuple[int, TaskRow]], pictures: Sequence[str],
             log: Sequence[Mapping[str, Any]], now: float, *, ask: str, live: str) -> str:  # fmt: skip
    """Return a job's page; ``failed`` are a few failed tasks with their blocks, ``log`` are lines of its log, oldest
    first, ``ask`` is what is to be confirmed."""
    parts = job_parts(frame, row, tasks, failed, now)
    return page(
        frame, row.name,
        _question(frame, row, ask),
        parts["job"],
        _pictures(pictures),
        parts["tasks"],
        card("What happened", happened(log[::-1], now, label="What happened")) if log else EMPTY,
        place="mine" if row.user == frame.name else "jobs", live=live,
    )  # fmt: skip


def job_parts(
    frame: Frame, row: JobRow, tasks: TaskPage, failed: Sequence[tuple[int, TaskRow]], now: float
) -> dict[str, Markup]:
    """Return what of a job's page changes with the job."""
    look = frame.look
    state = words.job_state(row, now)
    reason = reason_of(frame, row.user)
    total = sum(row.counts)
    label = f"{row.percent} percent of {words.plural(total, 'task')}"
    head = el(
        "div", el("h1", row.name), look.state("job", state, pill=True),
        el("p", f"Job {row.id} of ", el("a", row.user, href=address("/jobs", user=row.user), class_="link"),
           f", {words.plural(total, 'task')}, {row.percent} %", class_="note"), class_="title",
    )  # fmt: skip
    job = el(
        "div", head, look.strip(row.counts, label=label), look.tasks(row.counts),
        _trouble(frame, row, failed, reason), _acts(frame, row, state, reason), _facts(frame, row, state, reason, now),
        _blocks(frame, row, tasks),
        id="job", data_part="job", class_="stack",
    )  # fmt: skip
    return {"job": job, "tasks": _tasks(frame, row, tasks, now)}


def _here(frame: Frame, row: JobRow, **query: Any) -> str:
    """Return the address of a job as the page is about it."""
    return address(f"/past/job/{row.id}", at=int(frame.at), **query) if frame.at else address(f"/job/{row.id}", **query)


def _trouble(frame: Frame, row: JobRow, failed: Sequence[tuple[int, TaskRow]], reason: str) -> Markup:
    errors = row.counts[TaskState.ERROR]
    if not errors:
        return EMPTY
    said = words.plural(errors, "task")
    lines = [
        el("li", el("a", task.name, href=_task_address(row.id, block, task.task), class_="link"),
           f" on {task.render or 'no render'}, {words.plural(task.errors, 'error')}")
        for block, task in failed[:_SHOWN_FAILED]
    ]  # fmt: skip
    acts = [
        button(frame, "job.restart", f"Retry {errors}", "retry", {"ids": [row.id], "only": "error"}, reason=reason,
               kind="first", undo=True),
        button(frame, "job.skip", f"Skip {errors}", "skip", {"job": row.id, "only": "error"}, reason=reason, undo=True),
    ]  # fmt: skip
    if failed:
        to = _task_address(row.id, failed[0][0], failed[0][1].task)
        acts.append(el("a", frame.look.icon("output"), el("span", "Output"), href=to, class_="act"))
    return card(
        f"{said} failed", el("ul", lines, class_="inner"), el("div", acts, class_="acts"), class_="trouble",
        beside=frame.look.icon("glyph-octagon-cross"),
    )  # fmt: skip


def _acts(frame: Frame, row: JobRow, state: str, reason: str) -> Markup:
    ids = {"ids": [row.id]}
    if row.offline:
        first = button(frame, "job.start", "Start", "play", ids, reason=reason, kind="first", undo=True)
    else:
        over = "is done" if state == "DONE" else ""
        first = button(frame, "job.pause", "Pause", "pause", ids, reason=reason or over, undo=True)

    def asked(what: str, word: str, icon: str, kind: str = "") -> Markup:
        if reason:
            return button(frame, "", word, icon, {}, reason=reason, kind=kind)
        to = _here(frame, row, ask=what)
        return el("a", frame.look.icon(icon), el("span", word), href=to, class_=f"act {kind}")

    links = [
        first,
        asked("restart", "Restart…", "restart"),
        asked("stop", "Stop…", "stop") if row.counts[TaskState.RUNNING] else EMPTY,
        el("a", frame.look.icon("why"), el("span", "Why?"), href=f"/job/{row.id}/why", class_="act")
        if state not in ("DONE", "RUNNING") and not frame.at else EMPTY,
        asked("delete", "Delete…", "delete", "bad"),
    ]  # fmt: skip
    return el("div", links, class_="acts")


_ASKED = {
    "restart": ("Restart the job?", "job.restart", "restart"),
    "stop": ("Stop the job?", "job.stop", "stop"),
    "delete": ("Delete the job?", "job.delete", "delete"),
}


def _question(frame: Frame, row: JobRow, ask: str) -> Markup:
    """Return what asks whether something that throws work away is meant."""
    if ask not in _ASKED or reason_of(frame, row.user):
        return EMPTY
    title, operation, icon = _ASKED[ask]
    done, running = row.counts[TaskState.DONE], row.counts[TaskState.RUNNING]
    spent = words.duration(sum(block.run_time_sum_ms for block in row.blocks) / 1000)
    all_of = words.plural(sum(row.counts), "task")
    sentence, word = {
        "restart": (f"{words.plural(done, 'finished task')} with {spent} of computing run again, "
                    f"{words.plural(running, 'running one')} begin anew.", f"Restart {all_of}"),
        "stop": (f"{words.plural(running, 'running task')} end now and lose what they did. The job is paused.",
                 f"Stop {words.plural(running, 'task')}"),
        "delete": (f"{row.name}: {all_of} with their output and pictures are gone for ever.",
                   "Delete the job"),
    }[ask]  # fmt: skip
    back = "/mine" if ask == "delete" else _here(frame, row)
    confirm = button(frame, operation, word, icon, {"ids": [row.id]}, kind="bad", back=back, whole=True)
    cancel = el("a", "Cancel", href=_here(frame, row), class_="act first", autofocus=True)
    acts = el("div", cancel, confirm, class_="acts")
    return card(title, el("p", sentence), acts, class_="ask", role="alertdialog", aria_label=title)


def _facts(frame: Frame, row: JobRow, state: str, reason: str, now: float) -> Markup:
    priority: Any = str(row.priority)
    if not reason:
        field = el("input", name="p.priority", type="number", min=0, max=255, value=row.priority, aria_label="Priority")
        priority = form(
            frame, "/do/job.set", el("input", type="hidden", name="arguments", value=f'{{"ids": [{row.id}]}}'),
            el("input", type="hidden", name="next", value=_here(frame, row)), field,
            el("button", "Change", class_="act small"),
            data_whole="1", class_="inline",
        )  # fmt: skip
    pairs: list[tuple[str, Any]] = [
        ("Done" if state == "DONE" else "Remaining", words.job_reason(row, state, now)),
        ("Priority", priority),
        ("Submitted", [when(row.time_creation, now), f" from {row.host_name}" if row.host_name else ""]),
        ("Started", when(row.time_started, now)),
        ("Finished", when(row.time_done, now)) if row.time_done else ("", ""),
        ("Branch", row.branch),
        ("Note", row.annotation),
        ("Description", row.description),
        ("Report", row.report),
    ]
    shown = [[el("dt", name), el("dd", value)] for name, value in pairs if name and value]
    return card("About", el("dl", shown, class_="facts"))


def _task_address(job: int, block: int, task: int) -> str:
    return f"/job/{job}/block/{block}/task/{task}"


def _blocks(frame: Frame, row: JobRow, tasks: TaskPage) -> Markup:
    def line(block: BlockRow) -> Markup:
        label = f"{block.percent} percent of {words.plural(block.tasks, 'task')}"
        return el(
            "tr",
            el("td", el("a", block.name, href=_here(frame, row, block=block.index) + "#tasks"),
               el("small", block.service), class_="c-name"),
            el("td", frame.look.strip(block.counts, label=label), class_="c-strip"),
            el("td", f"{block.percent} %", class_="num"),
            el("td", words.number(block.tasks), class_="num"),
            el("td", words.duration(block.run_time_sum_ms / 1000 / max(1, block.counts[TaskState.DONE]))
               if block.counts[TaskState.DONE] else words.UNKNOWN, class_="num"),
            aria_current="true" if block.index == tasks.block else None,
        )  # fmt: skip

    titles = (("Block", ""), ("Progress", ""), ("%", "num"), ("Tasks", "num"), ("Average", "num"))
    head = el("tr", [el("th", title, scope="col", class_=kind or None) for title, kind in titles])
    table = el("table", el("thead", head), el("tbody", [line(block) for block in row.blocks]), class_="blocks rows")
    return card("Blocks", table)


def _pictures(pictures: Sequence[str]) -> Markup:
    if not pictures:
        return EMPTY
    shots = [el("a", el("img", src=f"/api/files/{id}", alt="Picture of a finished task", loading="lazy"),
                href=f"/api/files/{id}") for id in pictures]  # fmt: skip
    return card("Pictures", el("div", shots, class_="shots"))


def happened(log: Sequence[Mapping[str, Any]], now: float, *, label: str) -> Markup:
    """Return who did what when, as it comes."""
    titles = (("When", "l-end"), ("Who", ""), ("What", "l-whole"))
    return lines("happened", label, titles, ((when(line["at"], now), line["who"], line["what"]) for line in log))


def _render_link(name: str) -> Markup:
    return el("a", name, href=f"/render/{words.quoted(name)}", class_="link") if name else EMPTY


def task_state(row: TaskRow) -> str:
    """Return the state of a task as the look names it."""
    return row.state.upper()


def _tasks(frame: Frame, row: JobRow, tasks: TaskPage, now: float) -> Markup:
    look = frame.look
    block = row.blocks[tasks.block]
    chips = [
        el("a", look.glyph("task", state.upper()), look.word("task", state.upper()),
           el("b", words.number(block.counts[TaskState[state.upper()]])),
           href=_here(frame, row, block=block.index or None, state="" if state == tasks.state else state) + "#tasks",
           class_=f"chip i-{look.family('task', state.upper())}", aria_current="true" if state == tasks.state else None)
        for state in _STATES if block.counts[TaskState[state.upper()]] or state == tasks.state
    ]  # fmt: skip

    def line(task: TaskRow) -> Markup:
        took = ""
        if task.started:
            running = task.state in ("running", "wait_reconnect")
            took = words.duration((now if running else max(task.finished, task.started)) - task.started)
        return el(
            "tr",
            el("td", look.state("task", task_state(task)), class_="c-state"),
            el("td", el("a", task.name, href=_task_address(row.id, block.index, task.task)), class_="c-name"),
            el("td", f"{task.percent} %", class_="num"),
            el("td", words.count(task.starts), class_="num"),
            el("td", words.count(task.errors), class_="num" + (" i-bad" if task.errors else "")),
            el("td", took or words.UNKNOWN, class_="num"),
            el("td", _render_link(task.render) or words.UNKNOWN),
        )  # fmt: skip

    titles = (
        ("State", ""),
        ("Task", ""),
        ("%", "num"),
        ("Starts", "num"),
        ("Errors", "num"),
        ("Time", "num"),
        ("Render", ""),
    )
    head = el("tr", [el("th", title, scope="col", class_=kind or None) for title, kind in titles])
    inner = el("table", el("thead", head), el("tbody", [line(task) for task in tasks.rows]), class_="tasks rows")
    if not tasks.rows:
        inner = empty(frame, "task", "No task of this block is in this state.")
    links: list[Any] = []
    query = {"block": block.index or None, "state": tasks.state}
    if tasks.after >= 0:
        links.append(el("a", "From the first", href=_here(frame, row, **query) + "#tasks"))
    if tasks.following is not None:
        links.append(el("a", "Next", href=_here(frame, row, **query, after=tasks.following) + "#tasks", rel="next"))
    foot = el("p", f"{words.plural(block.tasks, 'task')} in all. ", links, class_="foot pages")
    return card(f"Tasks of {block.name}", el("div", chips, class_="chips"), inner, foot, id="tasks", data_part="tasks")


# A task


@dataclass(frozen=True, kw_only=True)
class TaskFound:
    """What is known of a task."""

    row: Mapping[str, Any]
    """As ``task.show`` answers it."""
    log: Mapping[str, Any] | str
    """The end of its output, or the sentence that says why there is none."""
    files: Sequence[Mapping[str, Any]] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    kept: float = 0.0
    """Days that runs are kept; 0 is for ever."""


def task_page(frame: Frame, job: JobRow, block: int, found: TaskFound, now: float, *, live: str) -> str:
    """Return a task's page."""
    parts = task_parts(frame, job, block, found, now)
    return page(
        frame, f"{found.row['name']} of {job.name}",
        el("p", el("a", job.name, href=f"/job/{job.id}"), " › ",
           el("a", job.blocks[block].name, href=address(f"/job/{job.id}", block=block or None) + "#tasks"),
           class_="crumbs"),
        parts["task"], parts["output"], parts["runs"],
        place="jobs", live=live,
    )  # fmt: skip


def task_parts(frame: Frame, job: JobRow, block: int, found: TaskFound, now: float) -> dict[str, Markup]:
    """Return what of a task's page changes with the task."""
    row = found.row
    reason = reason_of(frame, job.user)
    state = row["state"].upper()
    given = {"job": job.id, "block": block, "tasks": str(row["task"])}
    again, over = "Retry" if state == "ERROR" else "Restart", "is over" if state in ("DONE", "SKIPPED") else ""
    acts = el(
        "div",
        button(frame, "task.restart", again, "retry", given, reason=reason, undo=True),
        button(frame, "task.skip", "Skip", "skip", given, reason=reason or over),
        el("a", frame.look.icon("why"), el("span", "Why?"), class_="act",
           href=address(f"/job/{job.id}/why", block=str(block), task=str(row["task"])))
        if state in ("READY", "WAIT_DEP") else EMPTY,
        class_="acts",
    )  # fmt: skip
    pairs: list[tuple[str, Any]] = [
        ("Command", el("code", row["command"])),
        ("Files", [[el("code", name), " "] for name in row["files"]]),
        ("Render", _render_link(row["render"])),
        ("Starts", f"{row['starts']}, {words.plural(row['errors'], 'error')}"),
        ("Started", when(row["started"], now)),
        ("Finished", when(row["finished"], now)),
        ("Notes", ", ".join(flag.replace("_", " ") for flag in row["flags"])),
    ]  # fmt: skip
    facts = el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs if value], class_="facts")
    files = found.files
    shots = [one for one in files if one["name"].lower().endswith((".jpg", ".jpeg", ".png", ".gif"))]
    others = [el("a", one["name"], href=f"/api/files/{one['id']}", class_="link") for one in files if one not in shots]
    whole = f"/api/jobs/{job.id}/blocks/{block}/tasks/{row['task']}/log"
    log = found.log
    if isinstance(log, str):
        output = card("Output", empty(frame, "output", log), data_part="output")
    else:
        output = output_card(log["run"], log["text"] or "It wrote nothing.", bool(log["offset"]), whole)
    head = el(
        "div",
        el("div", el("h1", row["name"]), frame.look.state("task", state, pill=True, level="full"), class_="title"),
        acts,
        card("About", facts),
        _pictures([one["id"] for one in shots]),
        card("Files", el("p", [[link, " "] for link in others])) if others else EMPTY,
        data_part="task", class_="stack",
    )  # fmt: skip
    ended = _runs(frame, found.runs, now, found.kept) if found.runs else EMPTY
    return {"task": head, "output": output, "runs": el("div", ended, data_part="runs")}


def output_card(run: int, text: str, cut: bool, whole: str = "") -> Markup:
    """Return the output of a run, or its end where it is ``cut``; ``whole`` is where all of it is, once it ended."""
    told = f"the last {len(text):,} signs" if cut else ""
    link = el("a", "Whole output", href=whole, class_="link") if whole else el("span", "as it comes", class_="note")
    return card(
        f"Output of run {run}", el("pre", text, tabindex="0", data_tail=None if whole else "1"),
        beside=el("span", told, " ", link), data_part="output",
    )  # fmt: skip


def _runs(frame: Frame, runs: Sequence[Mapping[str, Any]], now: float, kept: float) -> Markup:
    titles = (("Run", "num l-nr"), ("Ended", "l-main"), ("Render", "l-rest"), ("Took", "num l-side"), ("When", "l-end"),
              ("Why", "l-last"))  # fmt: skip
    rows = (
        (run["run"], frame.look.ended(run["status"]),
         el("a", run["hostname"], href=f"/render/{words.quoted(run['hostname'])}"),
         words.duration((run["done_ms"] - run["started_ms"]) / 1000), when(run["done_ms"] / 1000, now),
         run.get("cause", ""))
        for run in runs
    )  # fmt: skip
    return card("Runs that ended", lines("runs", "Runs", titles, rows),
                beside=el("span", words.kept(kept), class_="note"))  # fmt: skip


# Why


def why_page(frame: Frame, job: JobRow, answer: Mapping[str, Any], now: float) -> str:
    """Return why something does not start, and what would start it."""
    reasons = [
        el("li", reason["text"], [" (until ", when(reason["until"], now), ")"] if reason["until"] else None)
        for reason in answer["reasons"]
    ]
    renders = [
        (each["count"], each["text"], ", ".join(each["names"][:6]) + (" …" if each["count"] > 6 else ""))
        for each in answer["renders"]
    ]
    titles = (("Renders", "num l-side"), ("Why not", "l-main"), ("Which", "l-rest"))
    proposals = [_proposal(frame, job, one) for one in answer["proposals"]]
    ahead = [
        el("li", el("a", each["name"], href=f"/job/{each['job']}", class_="link"),
           f" of {each['user']}: {each['text']}")
        for each in answer["ahead"][:10]
    ]  # fmt: skip
    return page(
        frame, f"Why {job.name} waits",
        el("p", el("a", job.name, href=f"/job/{job.id}"), class_="crumbs"),
        el("h1", "Why not running"),
        card("The answer", el("p", answer["sentence"]),
             el("ul", reasons, class_="inner") if len(reasons) > 1 else EMPTY),
        card("What would start it", el("ul", proposals, class_="inner ways")) if proposals else EMPTY,
        card("What would start it", el("p", answer["hint"])) if answer["hint"] and not answer["proposals"] else EMPTY,
        card("Renders", lines("refusing", "Renders", titles, renders)) if renders else EMPTY,
        card("First come", el("ul", ahead, class_="inner")) if ahead else EMPTY,
        el("p", el("a", "Ask again", href=frame.path, class_="act")),
        place="jobs",
    )  # fmt: skip


_WHEN = {"now": "It starts now.", "next": "It is the next.", "wake": "It wakes a render for it."}


def _proposal(frame: Frame, job: JobRow, one: Mapping[str, Any]) -> Markup:
    """Return a proposal: a button where it is one operation, what to do where it is several."""
    operations = [one, *one["also"]]
    told = [f"{OPERATIONS[each['operation']].help.rstrip('.')}: {_arguments(each['arguments'])}" for each in operations]
    text = one["text"]
    note = words.sentences("" if text.startswith("it is the next") else _WHEN.get(one["when"], ""), text)
    if one["also"]:
        return el("li", el("b", f"{len(operations)} changes together"), el("ul", [el("li", each) for each in told]),
                  el("small", note))  # fmt: skip
    name = one["operation"]
    needed = OPERATIONS[name].role
    reason = f"needs {needed.name}" if frame.role < needed else ""
    if not reason and OPERATIONS[name].owner == "own" and name.startswith(("job.", "block.", "task.")):
        reason = reason_of(frame, job.user)
    word = OPERATIONS[name].help.rstrip(".")
    made = button(frame, name, word, "why", dict(one["arguments"]), reason=reason, whole=True)
    return el("li", made, el("small", f"{_arguments(one['arguments'])}. {note}"))


def _arguments(given: Mapping[str, Any]) -> str:
    """Return the arguments of an operation as people say them."""
    flat = {**{name: value for name, value in given.items() if name != "parameters"}, **given.get("parameters", {})}
    return ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in flat.items())


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_range(each) if isinstance(each, list | tuple) else str(each) for each in value)
    return str(value) or "(empty)"


def _range(pair: Sequence[Any]) -> str:
    return str(pair[0]) if pair[0] == pair[-1] else f"{pair[0]}-{pair[-1]}"
