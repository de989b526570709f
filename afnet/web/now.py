"""What goes on now: rows of jobs, users and renders, the four figures, and the pages made of them.

Rules of this file:
- Each row is an element with an id and a mark of its content: the same row made again has the same mark, so only what
  changed is sent to a page that is open (``afnet.server.weblive``).
- What a row says depends on nothing but its arguments.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from afcore.rows import JobRow, RenderRow, UserRow
from afcore.states import TaskState
from afnet import words
from afnet.web.layout import Frame, address, card, empty, page
from afnet.web.look import Look
from afnet.web.markup import EMPTY, Markup, el
from afnet.web.renderacts import chosen_acts, chosen_form, reason_of

__all__ = [
    "Figures",
    "JobList",
    "farm_page",
    "figures",
    "job_order",
    "job_row",
    "job_table",
    "jobs_page",
    "now_page",
    "render_cell",
    "render_counts",
    "render_row",
    "state_chips",
    "user_row",
    "user_table",
]

_LONGEST = 120


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The four figures of the farm, with the last hour of each by the minute (None where nothing is known)."""

    used: int
    slots: int
    queue: int
    done: float
    """Tasks done in the last whole minute."""
    failed: float
    """Tasks failed in the last ten minutes."""
    hours: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, kw_only=True)
class JobList:
    """Jobs on a page."""

    rows: Sequence[JobRow]
    total: int
    """Jobs that fit the question, also those that are not on this page."""
    everything: int
    """Jobs of the farm."""
    states: Mapping[str, int]
    """How many jobs are in each state, whatever the question."""
    state: str = ""
    user: str = ""
    text: str = ""
    first: int = 0
    size: int = 100


def _marked(tag: str, key: str, parts: Sequence[Any], **attributes: Any) -> Markup:
    """Return an element with its id and the mark of its content."""
    content = el(tag, *parts, **attributes)
    return el(tag, *parts, id=key, data_h=f"{zlib.crc32(content.encode()):08x}", **attributes)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def job_order(look: Look, state: str, priority: int, created: float) -> str:
    """Return what jobs are sorted by, as a text that sorts: by need, then priority, then the newest."""
    return f"{look.need[state]:02d}{255 - priority:03d}{9999999999 - int(created):010d}"


def job_row(look: Look, row: JobRow, now: float, *, past: bool = False) -> Markup:
    """Return one job as a row of the table; of the ``past``, as it was at ``now``, it leads there."""
    state = words.job_state(row, now)
    done = row.counts[TaskState.DONE] + row.counts[TaskState.SKIPPED]
    errors = row.counts[TaskState.ERROR]
    label = f"{row.percent} percent, {done} of {sum(row.counts)} tasks" + (f", {errors} failed" if errors else "")
    why = None
    if state == "READY" and not past:
        why = [", ", el("a", "why?", href=f"/job/{row.id}/why", class_="link")]
    to = address(f"/past/job/{row.id}", at=int(now)) if past else f"/job/{row.id}"
    cells = (
        el("td", look.state("job", state), class_="c-state"),
        el("td", el("a", _cut(row.name), href=to, title=row.name),
           el("small", f"{row.id} · {words.plural(sum(row.counts), 'task')}"), class_="c-name"),
        el("td", el("a", row.user, href=address("/jobs", user=row.user)), class_="c-user"),
        el("td", look.strip(row.counts, label=label), class_="c-strip"),
        el("td", f"{row.percent} %", class_="c-percent num"),
        el("td", words.count(row.counts[TaskState.RUNNING]), class_="c-run num"),
        el("td", words.job_reason(row, state, now), why, class_="c-why" + (" i-bad" if state == "ERROR" else "")),
    )  # fmt: skip
    order = job_order(look, state, row.priority, row.time_creation)
    return _marked("tr", f"job-{row.id}", cells, data_o=order)


def job_table(look: Look, rows: Sequence[JobRow], now: float, *, past: bool = False) -> Markup:
    """Return the table of jobs, of the ``past`` as ``job_row`` says."""
    titles = (("State", ""), ("Job", ""), ("User", ""), ("Progress", ""), ("%", "num"), ("Run", "num"),
              ("Remaining, or why not", ""))  # fmt: skip
    head = el("tr", [el("th", title, scope="col", class_=kind or None) for title, kind in titles])
    body = el("tbody", [job_row(look, row, now, past=past) for row in rows], data_rows="jobs")
    return el("table", el("thead", head), body, class_="jobs rows")


def state_chips(look: Look, states: Mapping[str, int], *, chosen: str, path: str, **query: str) -> Markup:
    """Return a chip for each state that jobs are in, with their number; the chosen one leads back to all."""
    chips = []
    for state in look.need:
        if not states.get(state) and state != chosen:
            continue
        to = address(path, **{**query, "state": "" if state == chosen else state.lower()})
        chips.append(
            el("a", look.glyph("job", state), look.word("job", state), el("b", words.number(states.get(state, 0))),
               href=to, class_=f"chip i-{look.family('job', state)}", aria_current="true" if state == chosen else None)
        )  # fmt: skip
    return el("div", chips, class_="chips", id="chips", data_part="chips")


def _jobs_card(frame: Frame, found: JobList, now: float, *, path: str, title: str, whole: bool) -> Markup:
    look = frame.look
    query = {"user": found.user if path == "/jobs" else "", "q": found.text}
    chips = state_chips(look, found.states, chosen=found.state, path=path, **query)
    if found.rows:
        inner = job_table(look, found.rows, now)
    elif not found.everything:
        inner = empty(
            frame, "jobs", "The farm has no jobs yet. Submit one from your program, or with:",
            el("code", "afcmd job submit job.json"),
        )  # fmt: skip
    elif path == "/mine" and not (found.text or found.state):
        inner = empty(
            frame, "user", "You have no jobs in the farm now.", el("a", "All jobs", href="/jobs", class_="act")
        )
    else:
        said = " ".join(filter(None, (found.text, found.user, found.state and look.word("job", found.state).lower())))
        inner = empty(
            frame, "search", f"No job matches “{said}”. {words.plural(found.everything, 'job')} without the filter.",
            el("a", "Clear filter", href=path, class_="act"),
        )  # fmt: skip
    foot = _pages(found, path, query) if whole else _more(found)
    sort = el("button", "Sort now", class_="act small", id="sort", hidden=True, type="button")
    then = EMPTY if whole else el("a", "As it was…", href="/past", class_="link")
    return card(title, chips, inner, foot, beside=el("span", sort, " ", then), id="jobs")


def _more(found: JobList) -> Markup:
    more = found.total - len(found.rows)
    if more <= 0:
        return EMPTY
    return el("p", el("a", f"{words.number(more)} more", href="/jobs"), class_="foot")


def _pages(found: JobList, path: str, query: Mapping[str, str]) -> Markup:
    last = found.first + len(found.rows)
    if found.total <= found.size and not found.first:
        return EMPTY
    links: list[Any] = [f"{words.number(found.first + 1)} – {words.number(last)} of {words.number(found.total)} "]
    state = found.state.lower()
    if found.first:
        links.append(
            el("a", "Before", href=address(path, state=state, first=max(0, found.first - found.size), **query))
        )
    if last < found.total:
        links.append(el("a", "Next", href=address(path, state=state, first=last, **query), rel="next"))
    return el("p", links, class_="foot pages")


def _spark(values: Sequence[float | None], ink: str) -> Markup:
    """Return the last hour as a small line over its area; gaps stay gaps."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return el("p", "First line in two minutes.", class_="note")
    top = max(known) or 1.0
    wide, high = 240.0, 36.0
    step = wide / max(1, len(values) - 1)
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((place * step, high - 1 - (high - 4) * value / top))
    parts = []
    for piece in pieces:
        if not piece:
            continue
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)
        parts.append(
            el("polygon", points=f"{piece[0][0]:.1f},{high} {line} {piece[-1][0]:.1f},{high}", class_=f"a-{ink}")
        )
        parts.append(el("polyline", points=line, class_=f"l-{ink}"))
    return el(
        "svg", parts, class_="spark", viewBox=f"0 0 {wide} {high}", preserveAspectRatio="none", aria_hidden="true"
    )


def figures(found: Figures) -> Markup:
    """Return the four figures."""
    cells = (
        ("Slots used", words.number(found.used), f"of {words.number(found.slots)}", "slots_used", "live"),
        ("Queue", words.number(found.queue), "tasks ready", "queue", "held"),
        ("Done", words.number(found.done), "tasks a minute", "done", "good"),
        ("Failures", words.number(found.failed), "in 10 min", "failed", "bad"),
    )
    return el(
        "div",
        [
            el("section", el("h2", title), el("p", el("b", value), " ", el("span", unit), class_="figure"),
               _spark(found.hours.get(key, ()), ink), class_="card fig")
            for title, value, unit, key, ink in cells
        ],
        class_="figures", id="figures", data_part="figures",
    )  # fmt: skip


# Renders


def _doing(row: RenderRow, state: str) -> str:
    if row.runs:
        first = row.runs[0]
        more = len(row.runs) - 1
        return f"{first.job_name} › {first.name} for {first.user}" + (f", {more} more" if more else "")
    return row.trouble or row.annotation or ""


def render_cell(look: Look, row: RenderRow) -> Markup:
    """Return one render as a cell with its glyph."""
    state = words.render_state(row)
    label = f"{row.name}: {look.word('render', state, 'full')}"
    link = el("a", look.glyph("render", state), el("span", label, class_="unseen"), href=_of_render(row.name),
              title=label, class_=f"i-{look.family('render', state)} t-{look.family('render', state)}")  # fmt: skip
    return _marked("li", f"cell-{row.id}", (link,), data_o=row.name, data_state=state)


def render_counts(look: Look, states: Mapping[str, int]) -> Markup:
    """Return how many renders are in each state."""
    order = (
        "SICK",
        "BUSY",
        "FREE",
        "NIMBY_OWN",
        "NIMBY_ALL",
        "PAUSED",
        "WAKING",
        "FALLING_ASLEEP",
        "ASLEEP",
        "OFFLINE",
    )
    shown = [
        el("span", look.glyph("render", state), el("b", words.number(states[state])), " ",
           look.word("render", state).lower() if state != "NIMBY_ALL" else "NIMBY",
           class_=f"state i-{look.family('render', state)}")
        for state in order if states.get(state)
    ]  # fmt: skip
    return el("p", shown, class_="counts", id="renders", data_part="renders")


def _of_render(name: str) -> str:
    return f"/render/{quote(name, safe='')}"


def render_row(look: Look, row: RenderRow, now: float, reason: str) -> Markup:
    """Return one render as a row of the table; ``reason`` is why who looks may not change it."""
    state = words.render_state(row)
    cpu = row.resources.get("cpu_user")
    whole, free = row.resources.get("mem_total_mb"), row.resources.get("mem_free_mb")
    used = whole - free if isinstance(whole, int | float) and isinstance(free, int | float) else None
    there = "offline" not in row.words
    cells = (
        el("td", el("label", el("input", type="checkbox", name="names", value=row.name, disabled=bool(reason),
                                aria_label=f"Choose {row.name}"), class_="tick", title=reason or None),
           look.state("render", state), class_="c-state"),
        el("td", el("a", _cut(row.name), href=_of_render(row.name)), el("small", row.pool), class_="c-name"),
        el("td", f"{row.running} of {row.max_tasks}" if row.max_tasks >= 0 else words.count(row.running), class_="num"),
        el("td", f"{cpu:.0f} %" if there and isinstance(cpu, int | float) else words.UNKNOWN, class_="num"),
        el("td", words.memory(used) if there and used is not None else words.UNKNOWN, class_="num"),
        el("td", _doing(row, state), class_="c-why"),
    )
    return _marked("tr", f"render-{row.id}", cells, data_o=row.name)


def _render_table(frame: Frame, rows: Sequence[RenderRow], now: float) -> Markup:
    titles = (("State", ""), ("Render", ""), ("Tasks", "num"), ("CPU", "num"), ("Memory", "num"), ("What it does", ""))
    head = el("tr", [el("th", title, scope="col", class_=kind or None) for title, kind in titles])
    body = el("tbody", [render_row(frame.look, row, now, reason_of(frame, row)) for row in rows], data_rows="renders")
    return el("table", el("thead", head), body, class_="renders rows")


def _no_renders(frame: Frame) -> Markup:
    return empty(
        frame, "render", "No render has joined this farm. On a machine that should work for it, run:",
        el("code", "afrender --headless"),
    )  # fmt: skip


# Users


def user_row(look: Look, row: UserRow) -> Markup:
    """Return one user as a row of the table."""
    limit = words.number(row.max_running_tasks) if row.max_running_tasks >= 0 else "no limit"
    cells = (
        el("td", el("a", _cut(row.name), href=address("/jobs", user=row.name)), class_="c-name"),
        el("td", words.count(row.jobs), class_="num"),
        el("td", words.count(row.running), class_="num"),
        el("td", words.count(row.capacity), class_="num"),
        el("td", limit, class_="num"),
        el("td", row.priority, class_="num"),
    )
    return _marked("tr", f"user-{row.id}", cells, data_o=row.name.lower())


def user_table(look: Look, rows: Sequence[UserRow]) -> Markup:
    """Return the table of users."""
    titles = (("User", ""), ("Jobs", "num"), ("Running", "num"), ("Capacity", "num"), ("At most", "num"),
              ("Priority", "num"))  # fmt: skip
    head = el("tr", [el("th", title, scope="col", class_=kind or None) for title, kind in titles])
    return el("table", el("thead", head), el("tbody", [user_row(look, row) for row in rows], data_rows="users"),
              class_="users rows")  # fmt: skip


# Pages


def now_page(
    frame: Frame, numbers: Figures, found: JobList, renders: Sequence[RenderRow], users: Sequence[UserRow], now: float,
    live: str,
) -> str:  # fmt: skip
    """Return the front page."""
    look = frame.look
    states: dict[str, int] = {}
    for row in renders:
        state = words.render_state(row)
        states[state] = states.get(state, 0) + 1
    nobody = empty(frame, "users", "A user appears with the first job.")
    grid = el("ul", [render_cell(look, row) for row in renders], class_="grid", data_rows="cells")
    return page(
        frame, "Now",
        el("h1", "Now", class_="unseen"),
        figures(numbers),
        _jobs_card(frame, found, now, path="/jobs", title="Jobs", whole=False),
        card("Renders", grid if renders else _no_renders(frame), beside=render_counts(look, states)),
        card("Users", user_table(look, users) if users else nobody),
        place="now", live=live,
    )  # fmt: skip


def jobs_page(frame: Frame, found: JobList, now: float, *, path: str, live: str) -> str:
    """Return the list of jobs, of everybody or (``/mine``) of who looks."""
    title = "My jobs" if path == "/mine" else f"Jobs of {found.user}" if found.user else "Jobs"
    inner = _jobs_card(frame, found, now, path=path, title=el("span", words.plural(found.total, "job")), whole=True)
    return page(
        frame, title, el("h1", title), inner, place="mine" if path == "/mine" else "jobs", live=live
    )  # fmt: skip


def farm_page(frame: Frame, rows: Sequence[RenderRow], total: int, now: float, live: str, following: str) -> str:
    """Return the table of renders."""
    states: dict[str, int] = {}
    for row in rows:
        state = words.render_state(row)
        states[state] = states.get(state, 0) + 1
    table = _no_renders(frame)
    if rows:
        table = chosen_form(frame, chosen_acts(frame, rows), _render_table(frame, rows, now))
    foot = el("p", el("a", "Next", href=following, rel="next"), class_="foot pages") if following else EMPTY
    counts = render_counts(frame.look, states) if rows else None
    return page(
        frame, "Farm", el("h1", "Farm"), card(words.plural(total, "render"), table, foot, beside=counts),
        place="farm", live=live,
    )  # fmt: skip
