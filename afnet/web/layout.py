"""The frame of every page: head, places to go, who is signed in, and the one script and style that it may load."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from afcore.states import Role
from afnet.web.look import Look
from afnet.web.markup import EMPTY, Markup, el, join
from afnet.words import UNKNOWN, clock

__all__ = ["Frame", "address", "button", "card", "empty", "form", "lines", "page", "when"]

_PLACES = (("now", "/", "plots", "Now"), ("mine", "/mine", "user", "My jobs"), ("jobs", "/jobs", "jobs", "Jobs"),
           ("farm", "/farm", "render", "Farm"), ("history", "/history", "history", "History"))  # fmt: skip

_HATCH = Markup(
    '<svg class="defs" aria-hidden="true" width="0" height="0"><defs><pattern id="hatch" width="8" height="10" '
    'patternUnits="userSpaceOnUse" patternTransform="skewX(-30)"><rect class="t-wait" width="8" height="10"/>'
    '<rect class="f-wait" width="4" height="10"/></pattern></defs></svg>'
)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Who looks, from where, and what the page may load."""

    look: Look
    farm: str
    """Name of the farm, for the title."""
    name: str
    role: Role
    """The mode in which who looks acts."""
    csrf: str
    """What forms must show; empty where nobody signed in by a cookie."""
    path: str
    """The address of this page with its question."""
    granted: Role = Role.NOBODY
    """The greatest mode there is for who looks."""
    seats: tuple[str, ...] = ()
    """Renders on the computer of who looks: theirs, whoever they are registered under."""
    theme: str = ""
    """dark, light, or empty: as the browser wants."""
    assets: dict[str, str] = field(default_factory=dict)
    """Addresses of what a page loads, by name."""
    warning: str = ""
    """A sentence about the server itself that everybody is to know."""
    said: str = ""
    """What the last deed came to, told on the page after it."""
    at: float = 0.0
    """The instant that the page is about, unix seconds; 0 is now."""
    front: str = "/"
    """The address of what goes on now."""


def address(path: str, **query: Any) -> str:
    """Return an address with those parts of a question that say something."""
    said = "&".join(f"{name.rstrip('_')}={quote(str(value), safe='')}" for name, value in query.items() if value)
    return f"{path}?{said}" if said else path


def page(frame: Frame, title: str, *parts: Any, place: str = "", live: str = "", charts: bool = False) -> str:
    """Return a whole page; ``live`` is the question by which its rows are kept up to date."""
    look, assets = frame.look, frame.assets
    links = [
        el(
            "a",
            look.icon(icon),
            el("span", word),
            href=frame.front if key == "now" else to,
            aria_current="page" if key == place else None,
        )
        for key, to, icon, word in _PLACES
    ]
    sheets = ["look", "app", *(["uplot"] if charts else [])]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("title", f"{title} · {frame.farm}"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("link", rel="icon", href=assets["icon"], type="image/svg+xml"),
        [el("link", rel="stylesheet", href=assets[f"{name}.css"]) for name in sheets],
        [el("script", src=assets[f"{name}.js"], defer=True) for name in (["uplot"] if charts else []) + ["app"]],
    )
    who = el(
        "div",
        el("form", el("label", "Find a job or a render", class_="unseen", for_="find"),
           look.icon("search"),
           el("input", id="find", name="q", type="search", placeholder="job, user, number, render", autocomplete="off"),
           action="/jobs", role="search", class_="find"),
        _mode(frame), el("span", frame.name, class_="who"),
        _theme_switch(frame),
        form(frame, "/logout", el("button", "Sign out", class_="plain")) if frame.csrf else EMPTY,
        class_="side",
    )  # fmt: skip
    body = el(
        "body",
        el("a", "Skip to the content", href="#content", class_="skip"),
        _HATCH,
        el("header",
           el("a", look.icon("afwatch"), el("span", frame.farm), href=frame.front, class_="brand",
              aria_label=frame.farm),
           el("nav", links, aria_label="Places"), who, class_="top"),
        el("p", look.icon("warn"), frame.warning, class_="band t-attn", role="alert") if frame.warning else EMPTY,
        el("p", look.icon("glyph-clock"), "No connection. What you see is as it was.", class_="band t-wait", id="lost",
           hidden=True),
        el("main", _said(frame), *parts, id="content", tabindex="-1"),
        el("nav", links, class_="bottom", aria_label="Places (foot)"),
        el("div", id="toast", role="status", aria_live="polite"),
        data_live=live or None,
    )  # fmt: skip
    root = el("html", head, body, lang="en", data_theme=frame.theme or None, data_csrf=frame.csrf)
    return "<!doctype html>" + root


def _said(frame: Frame) -> Markup:
    if not frame.said:
        return EMPTY
    return el("p", frame.look.icon("glyph-check"), frame.said, class_="said t-good", role="status")


def form(frame: Frame, action: str, *parts: Any, **attributes: Any) -> Markup:
    """Return a form that may change something."""
    hidden = el("input", type="hidden", name="csrf", value=frame.csrf)
    return el("form", hidden, *parts, method="post", action=action, **attributes)


_MODES = {Role.USER: "changes what is yours", Role.VISOR: "changes everybody's jobs", Role.GOD: "changes everything"}


def _mode(frame: Frame) -> Markup:
    """Return the mode, and where there are smaller ones the choice among them."""
    shown = (frame.look.icon("user"), frame.role.name)
    if not Role.USER < frame.granted <= Role.GOD:
        return el("span", *shown, class_=f"mode mode-{frame.role.name}")
    choices = [
        form(
            frame, "/mode", el("input", type="hidden", name="to", value=role.name),
            el("input", type="hidden", name="next", value=frame.path),
            el("button", el("b", role.name), el("small", word),
               aria_current="true" if role is frame.role else None),
        )
        for role, word in _MODES.items() if role <= frame.granted
    ]  # fmt: skip
    summary = el(
        "summary", *shown, frame.look.icon("chevron-down"), class_=f"mode mode-{frame.role.name}",
        aria_label=f"Mode {frame.role.name}",
    )  # fmt: skip
    return el("details", summary, el("div", choices, class_="choices"), class_="modes")


def _theme_switch(frame: Frame) -> Markup:
    """Return the link that goes on to the next scheme: as the system, light, dark."""
    following = {"": "light", "light": "dark", "dark": "auto"}[frame.theme]
    word = {"": "as system", "light": "light", "dark": "dark"}[frame.theme]
    return el(
        "a", frame.look.icon("sleep" if frame.theme == "dark" else "star"),
        el("span", f"Look: {word}", class_="unseen"),
        href=address("/theme", to=following, next=frame.path), class_="plain theme", title=f"Look: {word}",
    )  # fmt: skip


def button(
    frame: Frame,
    operation: str,
    word: str,
    icon: str,
    fields: dict[str, Any],
    *,
    reason: str = "",
    kind: str = "",
    back: str = "",
    undo: bool = False,
    whole: bool = False,
) -> Markup:
    """Return a button that does an operation: a form, so that it works without a script. With ``reason`` it is off.

    ``fields`` are its arguments, ``back`` is where to go on after it; with ``whole`` a new page comes, script or not.
    """
    inner = join(frame.look.icon(icon), el("span", word))
    if reason:
        return el(
            "span", el("button", inner, type="button", disabled=True, class_=f"act {kind}"),
            el("small", frame.look.icon("lock"), reason), class_="off",
        )  # fmt: skip
    return form(
        frame, f"/do/{operation}",
        el("input", type="hidden", name="arguments", value=json.dumps(fields)),
        el("input", type="hidden", name="next", value=back or frame.path),
        el("button", inner, class_=f"act {kind}", data_undo="1" if undo else None),
        data_whole="1" if whole else None,
    )  # fmt: skip


def empty(frame: Frame, icon: str, sentence: str, *then: Any) -> Markup:
    """Return what stands where there is nothing: a sentence, and what to do next."""
    return el("div", frame.look.icon(icon), el("p", sentence), *then, class_="empty")


def card(title: Any, *parts: Any, beside: Any = None, **attributes: Any) -> Markup:
    """Return a part of a page with its title; ``beside`` stands at its right."""
    head = el("div", el("h2", title), beside, class_="head")
    return el("section", head, *parts, class_="card " + attributes.pop("class_", ""), **attributes)


def lines(kind: str, label: str, titles: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Markup:
    """Return a table of texts; ``titles`` are the headings with the classes of their cells.

    On a phone a row is two lines. Its cells stand in the second, from left to right, but for those whose class says
    otherwise: ``l-main`` begins the first line, ``l-side`` ends it, ``l-whole`` is all of it; ``l-end`` ends the
    second, ``l-rest`` takes what room it leaves, ``l-last`` is a third.
    """
    head = el("tr", [el("th", title, scope="col", class_=its or None) for title, its in titles])
    body = [
        el("tr", [el("td", cell, class_=its or None) for cell, (_, its) in zip(row, titles, strict=True)])
        for row in rows
    ]
    table = el("table", el("thead", head), el("tbody", body), class_=f"{kind} lines")
    return el("div", table, class_="plainrows", tabindex="0", role="region", aria_label=label)


def when(at: float, now: float) -> Markup:
    """Return a time that a script shows in the browser's own zone."""
    if at <= 0:
        return Markup(UNKNOWN)
    return el("time", clock(at, now), data_at=f"{at:.0f}", datetime=datetime.fromtimestamp(at, UTC).isoformat())
