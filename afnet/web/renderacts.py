"""What can be done to renders on pages: buttons of one, a choice for many, and the question before work is lost.

Rules of this file:
- Deeds are data: which operation, when it applies, whether it asks; what cannot be done says why.
- The farm decides in the end: a reason here only saves the way there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from afcore.rows import RenderRow
from afcore.states import Role
from afnet import words
from afnet.registry import OPERATIONS
from afnet.web.layout import Frame, address, button, card, empty, form, page
from afnet.web.markup import EMPTY, Markup, el

__all__ = ["DEEDS", "Deed", "chosen_acts", "chosen_form", "question", "question_page", "reason_of", "render_acts"]


@dataclass(frozen=True)
class Deed:
    """Something that can be done to renders."""

    word: str
    icon: str
    operation: str
    applies: Callable[[RenderRow], bool]
    """Whether it makes sense for a render as it is."""
    otherwise: str
    """Why not, where it does not."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    asks: str = ""
    """What is lost by it, where it asks first."""
    many: bool = False
    """Whether it is offered for several renders at once."""


def _has(*told: str) -> Callable[[RenderRow], bool]:
    return lambda row: any(word in row.words for word in told)


def _lacks(word: str) -> Callable[[RenderRow], bool]:
    return lambda row: word not in row.words


def _runs(row: RenderRow) -> bool:
    return row.running > 0


def _set(**parameters: bool) -> dict[str, Any]:
    return {"parameters": parameters}


DEEDS: dict[str, Deed] = {
    "nimby": Deed("nimby", "glyph-person-outline", "render.set", _lacks("nimby"), "is nimby already",
                  _set(nimby=True), many=True),
    "NIMBY": Deed("NIMBY", "glyph-person-solid", "render.set", _lacks("NIMBY"), "is NIMBY already",
                  _set(NIMBY=True), many=True),
    "free": Deed("Free", "done", "render.set", _has("nimby", "NIMBY"), "is free already",
                 _set(nimby=False, NIMBY=False), many=True),
    "pause": Deed("Pause", "pause", "render.set", _lacks("paused"), "is paused already", _set(paused=True), many=True),
    "start": Deed("Start", "play", "render.set", _has("paused"), "is not paused", _set(paused=False), many=True),
    "heal": Deed("Heal", "retry", "render.heal", _has("sick"), "is not sick", many=True),
    "eject": Deed("Eject all…", "eject", "render.eject-tasks", _runs, "runs nothing",
                  asks="What runs is ended, and is ready again for other renders.", many=True),
    "eject-others": Deed("Eject what is not mine…", "eject", "render.eject-tasks", _runs, "runs nothing",
                         {"not_mine": True}, asks="What runs for others is ended, and is ready again for other "
                         "renders."),
    "sleep": Deed("Send to sleep", "sleep", "render.sleep", _lacks("offline"), "is offline"),
    "wake": Deed("Wake", "play", "render.wake", _has("offline", "sleeping", "falling asleep"), "is awake"),
    "restart": Deed("Restart the agent…", "restart", "render.restart", _lacks("offline"), "is offline",
                    asks="Its tasks are given back and start anew elsewhere."),
    "exit": Deed("Exit the agent…", "close", "render.exit", _lacks("offline"), "is offline",
                 asks="Its tasks are given back; somebody must start the agent again."),
    "reboot": Deed("Reboot the machine…", "restart", "render.reboot", _lacks("offline"), "is offline",
                   asks="The machine goes down with everything on it, and comes back."),
    "shutdown": Deed("Shut the machine down…", "stop", "render.shutdown", _lacks("offline"), "is offline",
                     asks="The machine goes down with everything on it, and stays down."),
    "delete": Deed("Forget…", "delete", "render.delete", _has("offline"), "is not offline",
                   asks="Its settings are lost; it may register again."),
}  # fmt: skip
"""Deeds by their word in an address, in the order in which they are shown."""

_FIRST = ("nimby", "NIMBY", "free", "pause", "start", "eject")
"""Those that are always in sight; the others are behind *More*."""


def reason_of(frame: Frame, row: RenderRow) -> str:
    """Return why who looks may not change a render; empty if it may."""
    own = frame.role >= Role.GOD or frame.name == row.user or row.name in frame.seats
    return "" if own else f"belongs to {row.user}" if row.user else "needs GOD"


def _reason(frame: Frame, deed: Deed, row: RenderRow) -> str:
    needed = OPERATIONS[deed.operation].role
    if frame.role < needed:
        return f"needs {needed.name}"
    return reason_of(frame, row) or ("" if deed.applies(row) else deed.otherwise)


def _given(deed: Deed, names: Sequence[str]) -> dict[str, Any]:
    return {"names": list(names), **deed.arguments}


def render_acts(frame: Frame, row: RenderRow, here: str) -> Markup:
    """Return the buttons of one render: what does not apply now is left out, what is not allowed says why."""

    def one(key: str) -> Markup:
        deed = DEEDS[key]
        reason = _reason(frame, deed, row)
        if reason == deed.otherwise:
            return EMPTY
        kind = "bad" if deed.asks else ""
        if not deed.asks or reason:
            undo = OPERATIONS[deed.operation].undoable
            return button(frame, deed.operation, deed.word, deed.icon, _given(deed, [row.name]), reason=reason,
                          kind=kind, back=here, undo=undo)  # fmt: skip
        to = address(here, ask=key)
        return el("a", frame.look.icon(deed.icon), el("span", deed.word), href=to, class_=f"act {kind}")

    more = [one(key) for key in DEEDS if key not in _FIRST]
    return el(
        "div",
        el("div", [one(key) for key in _FIRST], class_="acts"),
        el("details", el("summary", "More", frame.look.icon("chevron-down")), el("div", more, class_="acts"),
           class_="more") if any(more) else EMPTY,
    )  # fmt: skip


def question(frame: Frame, key: str, rows: Sequence[RenderRow], back: str) -> Markup:
    """Return what asks whether something that ends work is meant; nothing where it cannot be done."""
    deed = DEEDS.get(key)
    if deed is None or not deed.asks or any(_reason(frame, deed, row) for row in rows):
        return EMPTY
    running = sum(row.running for row in rows)
    who = rows[0].name if len(rows) == 1 else words.plural(len(rows), "render")
    word = deed.word.removesuffix("…")
    sentence = f"{', '.join(row.name for row in rows)}: {words.plural(running, 'running task')}. {deed.asks}"
    confirm = button(frame, deed.operation, f"{word}: {who}", deed.icon, _given(deed, [row.name for row in rows]),
                     kind="bad", back="/farm" if key == "delete" else back, whole=True)  # fmt: skip
    acts = el("div", el("a", "Cancel", href=back, class_="act first", autofocus=True), confirm, class_="acts")
    title = f"{word}?"
    return card(title, el("p", sentence), acts, class_="ask", role="alertdialog", aria_label=title)


def question_page(frame: Frame, key: str, rows: Sequence[RenderRow]) -> str:
    """Return the page that asks before something is done to several renders."""
    refused = [f"{row.name}: {reason}" for row in rows if (reason := _reason(frame, DEEDS[key], row))]
    asked = question(frame, key, rows, "/farm")
    if refused:
        back = el("a", "Back to the farm", href="/farm", class_="act")
        asked = card("Not allowed", empty(frame, "lock", f"It cannot be done. {'; '.join(refused[:5])}.", back))
    return page(frame, "Is it meant?", el("h1", "Farm"), asked, place="farm")


def chosen_acts(frame: Frame, rows: Sequence[RenderRow]) -> Markup:
    """Return the buttons for the renders that are ticked in the form around; they say why where none may be."""
    reasons = [reason_of(frame, row) for row in rows]
    reason = "" if not all(reasons) else "needs GOD, or a render of your own"
    buttons = [
        el("button", frame.look.icon(deed.icon), el("span", deed.word), name="deed", value=key, disabled=bool(reason),
           class_="act small" + (" bad" if deed.asks else ""))
        for key, deed in DEEDS.items() if deed.many
    ]  # fmt: skip
    everything = el("label", el("input", type="checkbox", id="all"), "All", class_="check", hidden=True)
    locked = el("small", frame.look.icon("lock"), reason, class_="why") if reason else EMPTY
    return el("div", everything, el("span", "With those ticked:", class_="note"), buttons, locked, class_="acts chosen")


def chosen_form(frame: Frame, *parts: Any) -> Markup:
    """Return the form around renders that can be ticked."""
    return form(frame, "/do/renders/chosen", *parts)
