"""The farm as it was: jobs, renders, users and who changed what, at an instant that a slider or a text chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afcore.rows import BlockRow, JobRow, RenderRow, RunRow, TaskRow, UserRow
from afnet import words
from afnet.web.job import TaskPage, happened, job_parts
from afnet.web.layout import Frame, address, card, empty, page, when
from afnet.web.markup import EMPTY, Markup, el
from afnet.web.now import job_order, job_table, render_cell, render_counts, user_table

__all__ = ["SPANS", "Changes", "job_of", "past_job_page", "past_page", "render_of"]

_STEPS = ((-86_400, "a day before"), (-3600, "an hour before"), (-60, "a minute before"), (60, "a minute later"),
          (3600, "an hour later"), (86_400, "a day later"))  # fmt: skip


SPANS = {"1h": (3600, "hour"), "6h": (21_600, "6 hours"), "1d": (86_400, "day"), "7d": (604_800, "week")}
"""Spans before an instant of which changes are shown: seconds, with their words."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Who changed what in a span before an instant: an answer of ``past.changes``."""

    rows: Sequence[Mapping[str, Any]] = ()
    span: str = "1h"
    whole: bool = False
    """With what the farm did by itself."""
    following: int | None = None
    """Where older ones begin; None where these are all."""
    refused: str = ""
    """Why there are none to be shown."""


def job_of(row: Mapping[str, Any]) -> JobRow:
    """Return a job's row from how an answer holds it."""
    return JobRow(**{**row, "blocks": [BlockRow(**block) for block in row["blocks"]]})


def render_of(row: Mapping[str, Any]) -> RenderRow:
    """Return a render's row from how an answer holds it."""
    return RenderRow(**{**row, "runs": [RunRow(**run) for run in row["runs"]]})


def past_page(
    frame: Frame, at: float, text: str, jobs: Mapping[str, Any], renders: Mapping[str, Any], users: Mapping[str, Any],
    changes: Changes, now: float,
) -> str:  # fmt: skip
    """Return the farm as it was at an instant, asked for by ``text``; the answers are those of ``past.show``."""
    look, kept = frame.look, jobs["past"]
    since, until = kept["since"], max(kept["until"], at)
    rows = [job_of(row) for row in jobs["rows"]]
    rows.sort(key=lambda row: job_order(look, words.job_state(row, at), row.priority, row.time_creation))
    hosts = sorted((render_of(row) for row in renders["rows"]), key=lambda row: row.name)
    states: dict[str, int] = {}
    for host in hosts:
        state = words.render_state(host)
        states[state] = states.get(state, 0) + 1
    people = sorted((UserRow(**row) for row in users["rows"]), key=lambda row: row.name.lower())
    slider = el(
        "form",
        el("label", "Slide through what is kept",
           el("input", type="range", name="at", min=int(since), max=int(until) + 1, step=1, value=int(at), id="slide"),
           class_="slide"),
        el("button", "Show", class_="act"), action="/past", class_="fields",
    )  # fmt: skip
    exact = el(
        "form", el("label", "Or a time", el("input", name="at", value=text, placeholder="yesterday 18:00", size=22)),
        el("button", "Show", class_="act first"), action="/past", class_="fields",
    )  # fmt: skip
    steps = [
        el("a", word, href=address("/past", at=int(at + step)), class_="chip")
        for step, word in _STEPS if since <= at + step <= now
    ]  # fmt: skip
    note = el("p", "The past is kept since ", when(since, now), f", at most {kept['keep_days']:g} days.", class_="note")
    return page(
        frame, "As it was",
        el("h1", "The farm as it was"),
        _band(frame, at, now, "Jobs lead to how they were then, other links to what is there now.", frame.front),
        el("section", slider, exact, el("div", steps, class_="chips"), note, class_="card controls"),
        card(words.plural(len(rows), "job") + (" and more" if jobs["next"] is not None else ""),
             job_table(look, rows, at, past=True) if rows else empty(frame, "jobs", "There were no jobs.")),
        card("Renders", el("ul", [render_cell(look, host) for host in hosts], class_="grid")
             if hosts else empty(frame, "render", "There were no renders."),
             beside=render_counts(look, states) if hosts else None),
        card("Users", user_table(look, people)) if people else EMPTY,
        _changes(changes, text, now),
        place="now",
    )  # fmt: skip


def _changes(found: Changes, text: str, now: float) -> Markup:
    """Return who changed what before the instant that ``text`` says, and the ways to more of it."""

    def to(span: str, whole: bool, **more: Any) -> str:
        query = {"at": text, "span": span if span != "1h" else "", "all": "1" if whole else ""}
        return address("/past", **query, **more) + "#changes"

    chips = [
        el("a", f"the {word} before", href=to(span, found.whole), class_="chip",
           aria_current="true" if span == found.span else None)
        for span, (_, word) in SPANS.items()
    ]  # fmt: skip
    other = el("a", "Only people's changes" if found.whole else "What the farm did, too", class_="link",
               href=to(found.span, not found.whole))  # fmt: skip
    inner = el("p", found.refused or "Nobody changed anything.", class_="note")
    if found.rows:
        inner = happened(found.rows, now, label="Changes")
    older = EMPTY
    if found.following is not None:
        link = el("a", "Older", href=to(found.span, found.whole, before=found.following), rel="next")
        older = el("p", link, class_="foot pages")
    title = f"{'What happened' if found.whole else 'Who changed what'} in the {SPANS[found.span][1]} before"
    return card(title, el("div", chips, class_="chips"), inner, older, beside=other, id="changes")


def past_job_page(
    frame: Frame, at: float, job: Mapping[str, Any], block: int, state: str, tasks: Mapping[str, Any], after: int,
    failed: Sequence[tuple[int, Mapping[str, Any]]], now: float,
) -> str:  # fmt: skip
    """Return a job as it was at an instant: ``tasks`` are some of a block's in a state, ``failed`` a few that failed,
    with their blocks."""
    row = job_of(job)
    rows = [TaskRow(**task) for task in tasks["rows"]]
    page_of = TaskPage(block=block, state=state, rows=rows, following=tasks["next"], after=after)
    parts = job_parts(frame, row, page_of, [(index, TaskRow(**task)) for index, task in failed], at)
    return page(
        frame, f"{row.name}, as it was",
        _band(frame, at, now, "Its tasks and other links lead to what is there now.", f"/job/{row.id}"),
        el("p", el("a", "The farm as it was", href=address("/past", at=int(at))), class_="crumbs"),
        parts["job"], parts["tasks"],
        place="now",
    )  # fmt: skip


def _band(frame: Frame, at: float, now: float, then: str, back: str) -> Markup:
    """Return what says that this is not now, and leads back."""
    return el(
        "p", frame.look.icon("glyph-clock"), el("span", "As it was at ", when(at, now), f". {then}"),
        el("a", "Back to now", href=back, class_="act small"), class_="band t-wait", role="status",
    )  # fmt: skip
