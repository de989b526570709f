"""The past on pages: what is asked for as an address says it, charts and tables of the answers, and their removal.

Rules of this file:
- A question is read from an address and written into one; the same words as those of ``afcmd statistics``.
- Every chart has an address of its own as SVG, PNG and JSON, and a table under it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from afcore.states import Role
from afnet import words
from afnet.web.chart import Bars, Line, Lines
from afnet.web.layout import Frame, address, button, card, empty, page
from afnet.web.look import Look
from afnet.web.markup import EMPTY, Markup, el

__all__ = [
    "Asked",
    "Behind",
    "MEASURES",
    "bars_of",
    "chart_figure",
    "chart_json",
    "delete_page",
    "history_page",
    "lines_of",
    "read_asked",
    "time_steps",
]

MEASURES = {
    "runs": ("Tasks run", "tasks", 1.0),
    "errors": ("Failed runs", "tasks", 1.0),
    "run_seconds": ("Run time", "hours", 3600.0),
    "error_seconds": ("Time of failed runs", "hours", 3600.0),
    "waited_seconds": ("Waiting time", "hours", 3600.0),
    "cpu_seconds": ("Processor time", "hours", 3600.0),
    "capacity_seconds": ("Capacity used", "slot hours", 3_600_000.0),
    "jobs": ("Jobs deleted", "jobs", 1.0),
    "job_tasks": ("Tasks of deleted jobs", "tasks", 1.0),
    "job_run_seconds": ("Run time of deleted jobs", "hours", 3600.0),
}
"""What charts show, by the measure: title, unit, and what a value is divided by for it."""

_BY = {"total": "Overview", "user": "Users", "service": "Services", "host": "Hosts", "folder": "Folders",
       "pool": "Pools", "job": "Jobs"}  # fmt: skip
_ONE = {"user": "user", "service": "service", "host": "host", "folder": "folder", "pool": "pool", "job": "job"}
_SPANS = (("24h", "24 h"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("1y", "a year"))
_COLUMNS = (
    ("runs", "Tasks run"), ("errors", "Failed"), ("error_rate", "Share"), ("run_seconds", "Run time"),
    ("average_seconds", "Average"), ("waited_seconds", "Waited"), ("capacity_seconds", "Slot hours"),
    ("cpu_seconds", "Processor"), ("jobs", "Jobs deleted"),
)  # fmt: skip
_BESIDE = ("runs", "errors", "run_seconds", "average_seconds")
_ORDERS = frozenset(MEASURES)
LINES_MOST = 5
_DELETING = "Records are kept until somebody deletes them: of a folder, of an age, or both. It asks first."


class Behind(Protocol):
    """How far the statistics are behind the farm."""

    @property
    def rows(self) -> int:
        """Records that are not there yet."""

    @property
    def seconds(self) -> float:
        """For how long."""

    @property
    def trouble(self) -> str:
        """Why nothing can be written; empty where nothing is the matter."""

    @property
    def hint(self) -> str:
        """What to do about it."""


BARS_MOST = 12


@dataclass(frozen=True)
class Asked:
    """What a page of the past is about, in the words of its address."""

    by: str = "total"
    order: str = "runs"
    since: str = "30d"
    until: str = "now"
    under: str = ""
    where: tuple[tuple[str, str], ...] = ()

    def to(self, path: str = "/history", **more: Any) -> str:
        """Return the address of it."""
        said = {
            "by": self.by if self.by != "total" else "", "order": self.order if self.order != "runs" else "",
            "since": self.since if self.since != "30d" else "", "until": self.until if self.until != "now" else "",
            "under": self.under,
        }  # fmt: skip
        return address(path, **{**said, **dict(self.where), **more})

    def question(self, **more: Any) -> dict[str, Any]:
        """Return the arguments of ``statistics.show``."""
        under = self.under if more.get("by", self.by) == "folder" else ""
        where = dict(self.where)
        if self.under and more.get("by", self.by) != "folder":
            where.setdefault("folder", self.under)
        found = {"by": self.by, "since": self.since, "until": self.until, "under": under, "order": self.order, **where}
        return {**found, **more}


def read_asked(query: Mapping[str, str]) -> Asked:
    """Return what an address asks for; what it does not know is left at its default."""
    by = query.get("by", "")
    order = query.get("order", "")
    since, until = (query.get(name, "").strip()[:40] for name in ("since", "until"))
    return Asked(
        by=by if by in _BY else "total",
        order=order if order in _ORDERS else "runs",
        since=since or "30d",
        until=until or "now",
        under=query.get("under", "")[:500],
        where=tuple((name, query[name][:500]) for name in _ONE if query.get(name)),
    )


def step_for(by: str, span: float) -> str:
    """Return the step of a chart over a span of seconds; of hosts, folders and jobs no hours are kept."""
    if span <= 4 * 86400 and by in ("total", "user", "service", "pool"):
        return "hour"
    return "day" if span <= 120 * 86400 else "week" if span <= 800 * 86400 else "month"


def time_steps(since: float, until: float, per: str, zone: ZoneInfo) -> list[float]:
    """Return the starts of every step that a span touches, the first one not before the span."""
    at = datetime.fromtimestamp(since, zone).replace(minute=0, second=0, microsecond=0)
    if per == "hour":
        return [float(each) for each in range(int(at.timestamp()), int(until), 3600)]
    at = at.replace(hour=0)
    if per == "week":
        at -= timedelta(days=at.weekday())
    if per == "month":
        at = at.replace(day=1)
    found: list[float] = []
    while at.timestamp() < until and len(found) < 5000:
        found.append(max(since, at.timestamp()))
        if per == "month":
            at = (at + timedelta(days=32)).replace(day=1)
        else:
            at += timedelta(days=7 if per == "week" else 1)
    return found


def lines_of(asked: Asked, found: Mapping[str, Any], per: str, look: Look) -> Lines:
    """Return the chart over time of an answer with steps."""
    title, unit, divisor = MEASURES[asked.order]
    times = time_steps(found["since"], found["until"], per, ZoneInfo(found["zone"]))
    places = {int(at): place for place, at in enumerate(times)}
    values: dict[str, list[float]] = {}
    for row in found["rows"]:
        series = values.setdefault(row["name"], [0.0] * len(times))
        place = places.get(int(row["start"]))
        if place is not None:
            series[place] += row[asked.order] / divisor
    biggest = sorted(values, key=lambda name: -sum(values[name]))[:LINES_MOST]
    lines = [Line(name or title, f"p-{look.ink_of(place)}", values[name]) for place, name in enumerate(biggest)]
    return Lines(f"{title} by {per}", f"{unit} a{'n' if per == 'hour' else ''} {per}", times, lines, steps=True)


def bars_of(asked: Asked, found: Mapping[str, Any]) -> Bars:
    """Return the chart of names of an answer without steps."""
    title, unit, divisor = MEASURES[asked.order]
    rows = [(row["name"], row[asked.order] / divisor) for row in found["rows"] if row[asked.order]]
    of = {"user": "user", "service": "service type"}.get(asked.by, asked.by)
    return Bars(f"{title} by {of}", unit, rows[:BARS_MOST], max(0, len(rows) - BARS_MOST))


def chart_json(chart: Lines | Bars) -> dict[str, Any]:
    """Return a chart as data for the script of the pages."""
    if isinstance(chart, Bars):
        return {"kind": "bars", "title": chart.title, "unit": chart.unit, "bars": [list(bar) for bar in chart.bars]}
    times = list(chart.times)
    series = [{"name": line.name, "ink": line.ink, "values": list(line.values)} for line in chart.lines]
    if chart.steps and len(times) > 1:
        # The last step is as long as the one before: it needs an end to be seen.
        times.append(2 * times[-1] - times[-2])
        for each in series:
            each["values"] = [*each["values"], each["values"][-1]]
    return {
        "kind": "time", "title": chart.title, "unit": chart.unit, "times": times, "steps": chart.steps,
        "top": chart.top or None, "series": series,
    }  # fmt: skip


def chart_figure(frame: Frame, place: str, label: str, *, live: bool, wide: int = 1216) -> Markup:
    """Return a chart: the picture made by the server, with ``live`` drawn again by the script.

    ``place`` is its address with ``FORM`` where svg, png or json stands; ``wide`` its width on a desk, in pixels.
    """

    def of(kind: str, theme: str, **more: Any) -> str:
        said = "".join(f"&{name}={value}" for name, value in more.items())
        return f"{place.replace('FORM', kind)}{'&' if '?' in place else '?'}theme={theme}{said}"

    sources = []
    for theme in ("dark", "light") if not frame.theme else (frame.theme,):
        scheme = "" if frame.theme else f" and (prefers-color-scheme: {theme})"
        for limit, room in ((" and (max-width: 700px)", 380), (" and (max-width: 1100px)", min(wide, 700)), ("", wide)):
            media = f"screen{limit}{scheme}"
            sources.append(el("source", srcset=of("svg", theme, wide=room, bare=1), media=media))
    light = frame.theme or "light"
    image = el("img", src=of("svg", light, wide=wide, bare=1), alt=label, loading="lazy")
    links = el("p", "As a picture: ", el("a", "SVG", href=of("svg", light)), el("a", "PNG", href=of("png", light)),
               class_="links")  # fmt: skip
    data = place.replace("FORM", "json") if live else None
    return el("figure", el("picture", sources, image), links, class_="chart", data_chart=data)


# The page


def _cell(name: str, row: Mapping[str, Any]) -> str:
    value = row[name]
    if name == "error_rate":
        return words.share(value)
    if name == "capacity_seconds":
        return f"{value / 3_600_000:,.1f}".replace(",", "\u2009") if value else words.DOT
    if name.endswith("_seconds"):
        return words.duration(value) if value >= 0.05 else words.DOT
    return words.count(value)


def _name_cell(asked: Asked, name: str) -> Markup:
    shown = name or "(none)"
    if asked.by == "folder":
        return el("a", shown, href=replace(asked, under=name).to(), title=f"Folders below {shown}")
    if asked.by in ("user", "service", "pool") and name:
        kept = tuple(pair for pair in asked.where if pair[0] != asked.by)
        to = replace(asked, by="host" if asked.by == "pool" else "service" if asked.by == "user" else "user",
                     where=(*kept, (asked.by, name))).to()  # fmt: skip
        return el("a", shown, href=to, title=f"Only {shown}")
    if asked.by == "host" and name:
        return el("a", shown, href=address(f"/render/{words.quoted(name)}"))
    return el("span", shown)


def _table(asked: Asked, rows: Sequence[Mapping[str, Any]], more: bool) -> Markup:
    columns: tuple[tuple[str, str], ...] = _COLUMNS
    if asked.order not in dict(columns):
        columns = (*columns, (asked.order, MEASURES[asked.order][0]))
    # On a phone the first line is the name and what is asked for, the second what is most asked beside it.
    beside = [column for column in _BESIDE if column != asked.order][:2]
    places = {column: "l-side" if column == asked.order else "l-more" if column in beside else "l-not"
              for column, _ in columns}  # fmt: skip
    head = [el("th", _BY[asked.by].removesuffix("s"), scope="col")]
    for column, title in columns:
        link: Any = title
        if column in _ORDERS:
            link = el("a", title, href=replace(asked, order=column).to())
        sort = "descending" if column == asked.order else None
        head.append(el("th", link, scope="col", class_="num", aria_sort=sort))
    body = [
        el("tr", el("td", _name_cell(asked, row["name"]), class_="l-name"),
           [el("td", _cell(column, row), data_label=title,
               class_=f"num {places[column]}" + (" i-bad" if column == "errors" and row["errors"] else ""))
            for column, title in columns])
        for row in rows
    ]  # fmt: skip
    foot = el("p", "There are more names; ask for a shorter span or one folder.", class_="foot") if more else EMPTY
    table = el("table", el("thead", el("tr", head)), el("tbody", body), class_="past")
    return el("div", el("div", table, class_="plainrows", tabindex="0", role="region", aria_label="Figures"), foot)


def _controls(frame: Frame, asked: Asked) -> Markup:
    tabs = [
        el("a", title, href=replace(asked, by=by, under=asked.under if by == "folder" else "").to(),
           aria_current="page" if by == asked.by else None)
        for by, title in _BY.items()
    ]  # fmt: skip
    spans = [
        el("a", title, href=replace(asked, since=since, until="now").to(), class_="chip",
           aria_current="true" if (asked.since, asked.until) == (since, "now") else None)
        for since, title in _SPANS
    ]  # fmt: skip
    hidden = [el("input", type="hidden", name=name, value=value) for name, value in
              (("by", asked.by), ("under", asked.under), *asked.where) if value]  # fmt: skip
    options = [el("option", title, value=key, selected=key == asked.order) for key, (title, _, _) in MEASURES.items()]
    fields = el(
        "form", hidden,
        el("label", "Show", el("select", options, name="order")),
        el("label", "From", el("input", name="since", value=asked.since, size=16)),
        el("label", "Until", el("input", name="until", value=asked.until, size=16)),
        el("button", "Show", class_="act first"),
        action="/history", class_="fields",
    )  # fmt: skip
    only = [
        el("a", f"{_ONE[name]}: {value}", el("b", " ×"), class_="chip",
           aria_label=f"No longer only {_ONE[name]} {value}",
           href=replace(asked, where=tuple(pair for pair in asked.where if pair[0] != name)).to())
        for name, value in asked.where
    ]  # fmt: skip
    note = "Times: 2026-01-31, 2026-01-31 03:12, 7d for seven days ago, today, now."
    return el(
        "section", el("nav", tabs, class_="tabs", aria_label="By what"), el("div", only, spans, class_="chips"), fields,
        el("p", note, class_="note"), class_="card controls",
    )  # fmt: skip


def _crumbs(asked: Asked) -> Markup:
    """Return the way down to a folder."""
    if asked.by != "folder" or not asked.under:
        return EMPTY
    parts: list[Any] = [el("a", "All folders", href=replace(asked, under="").to())]
    path = ""
    for step in asked.under.strip("/").split("/"):
        path += f"/{step}"
        parts += [" › ", el("a", step, href=replace(asked, under=path).to())]
    return el("p", parts, class_="crumbs")


def _totals(found: Mapping[str, Any]) -> Markup:
    rows = found["rows"]
    row = rows[0] if rows else dict.fromkeys((*(name for name, _ in _COLUMNS), "average_wait_seconds"), 0)
    cells = (
        ("Tasks run", words.number(row["runs"]), f"average {words.duration(row['average_seconds'])}"),
        ("Failed", words.number(row["errors"]), f"{words.share(row['error_rate'])} of all"),
        ("Run time", words.duration(row["run_seconds"]), f"processors {words.duration(row['cpu_seconds'])}"),
        ("Waiting time", words.duration(row["average_wait_seconds"]), "on average"),
    )
    return el(
        "div",
        [
            el("section", el("h2", title), el("p", el("b", value), " ", el("span", unit), class_="figure"),
               class_="card fig")
            for title, value, unit in cells
        ],
        class_="figures",
    )  # fmt: skip


def history_page(
    frame: Frame, asked: Asked, total: Mapping[str, Any], found: Mapping[str, Any], lag: Behind
) -> str:  # fmt: skip
    """Return the page of the past: ``total`` is the answer without names, ``found`` the one by name, ``lag`` says how
    far the statistics are behind the farm."""
    span = f"{_day(total['since'], total)} to {_day(total['until'], total)}, {total['zone']}"
    parts: list[Any] = [el("h1", "History"), _behind(frame, lag), _controls(frame, asked)]
    nothing = not total["rows"]
    parts.append(_totals(total))
    if nothing:
        parts.append(
            card("Nothing yet", empty(
                frame, "history", "No task ended in this span. Every run that ends becomes a row here.",
                el("a", "The last year", href=Asked(by=asked.by, since="1y").to(), class_="act"),
            ))
        )  # fmt: skip
    elif asked.by == "total":
        services = replace(asked, by="service", order="runs").to("/history/names.FORM")
        users = replace(asked, by="user", order="jobs").to("/history/names.FORM")
        charts = (
            card("Tasks over time", chart_figure(frame, asked.to("/history/time.FORM"), "Tasks over time", live=True),
                 beside=el("small", span)),
            el("div",
               card("Service type by tasks number",
                    chart_figure(frame, services, "Service type by tasks number", live=False, wide=600)),
               card("User by jobs quantity",
                    chart_figure(frame, users, "User by jobs quantity", live=False, wide=600),
                    el("p", "Jobs count here when they are deleted.", class_="note")),
               class_="two"),
        )  # fmt: skip
        parts += charts
    else:
        title = MEASURES[asked.order][0]
        over, names = asked.to("/history/time.FORM"), asked.to("/history/names.FORM")
        parts += [
            card(
                f"{title} over time",
                chart_figure(frame, over, f"{title} over time", live=True),
                beside=el("small", span),
            ),
            card(
                f"{title} by {_ONE[asked.by]}", chart_figure(frame, names, f"{title} by {_ONE[asked.by]}", live=False)
            ),
            card(el("span", _BY[asked.by]), _crumbs(asked), _table(asked, found["rows"], found["more"])),
        ]
    parts.append(_deletion(frame, asked))
    return page(frame, "History", *parts, place="history", charts=True)


def _behind(frame: Frame, lag: Behind) -> Markup:
    """Return how far the statistics are behind the farm, aloud where something is the matter: what, GOD is told."""
    rows = words.plural(lag.rows, "record")
    since = f", for {words.duration(lag.seconds)}" if lag.seconds >= 1 else ""
    if lag.trouble:
        why = f": {lag.trouble}. {lag.hint}." if frame.role >= Role.GOD else ". Their database does not take them now."
        said = f"These figures are {rows} behind{since}{why}"
        return el("p", frame.look.icon("warn"), said, class_="said t-attn", role="status")
    if lag.rows:
        return el("p", f"{rows} {'is' if lag.rows == 1 else 'are'} on the way into these figures{since}.",
                  class_="note")  # fmt: skip
    return el("p", "Everything that ended is in these figures.", class_="note")


def _day(at: float, found: Mapping[str, Any]) -> str:
    there = datetime.fromtimestamp(at, ZoneInfo(found["zone"]))
    return f"{there.day} {there.strftime('%b %Y %H:%M')}"


def _deletion(frame: Frame, asked: Asked) -> Markup:
    reason = "" if frame.role >= Role.GOD else "needs GOD"
    folder = asked.under or dict(asked.where).get("folder", "")
    fields = el(
        "form",
        el("label", "Folder, with all below it", el("input", name="folder", value=folder, placeholder="/shows/old")),
        el("label", "Ended before", el("input", name="before", placeholder="2y, or 2026-01-31", size=18)),
        el("button", "Delete records…", class_="act bad", disabled=bool(reason)),
        el("small", frame.look.icon("lock"), reason) if reason else EMPTY,
        action="/history/delete", class_="fields",
    )  # fmt: skip
    return card("Delete records", el("p", _DELETING, class_="note"), fields)


def delete_page(frame: Frame, folder: str, before: str, total: Mapping[str, Any]) -> str:
    """Return the question whether records are to be deleted for ever."""
    row = total["rows"][0] if total["rows"] else {"runs": 0, "jobs": 0}
    what = (f"of {folder} and all below it " if folder else "") + (f"that ended before {before}" if before else "")
    sentence = (
        f"{words.plural(row['runs'], 'run')} and {words.plural(row['jobs'], 'job')} {what} are deleted for ever, "
        "with their sums. It cannot be undone, and the audit keeps who did it."
    )
    arguments = {"folder": folder, "before": before, "yes": True}
    word = f"Delete {words.plural(row['runs'], 'run')}"
    acts = el(
        "div", el("a", "Cancel", href="/history", class_="act first", autofocus=True),
        button(frame, "statistics.delete", word, "delete", arguments, kind="bad", back="/history"), class_="acts",
    )  # fmt: skip
    return page(
        frame, "Delete records", el("h1", "Delete records"),
        card("Is it meant?", el("p", sentence), acts, class_="ask"), place="history",
    )  # fmt: skip
