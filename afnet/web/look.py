"""The look of the pages out of the project's tokens: colours as variables of CSS, states as glyph, word and family.

Rules of this file:
- It holds no colour: ``icons/tokens.json`` does.
- A state is shown by colour and shape and word, always by at least two of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from afcore.states import RunStatus, TaskState
from afnet.web.markup import EMPTY, Markup, el

__all__ = ["Look", "classes", "variables"]

_PLOT_INKS = (
    "cpu_user", "net_recv", "cpu_system", "mem_used", "swap", "net_send", "disk_read", "disk_write", "custom",
    "disk_busy",
)  # fmt: skip
"""Colours of the series of a chart whose names have no colour of their own, in this order."""

_STRIP = (
    (TaskState.DONE, "good"), (TaskState.SKIPPED, "held"), (TaskState.RUNNING, "live"),
    (TaskState.WAIT_RECONNECT, "live"), (TaskState.ERROR, "bad"), (TaskState.SUSPENDED, "held"),
    (TaskState.WAIT_DEP, "wait"),
)  # fmt: skip
"""The order of states in a strip made of counts, with their families; what is ready is the trough."""


def _colours(scheme: Mapping[str, Any]) -> dict[str, str]:
    found = {**scheme["ground"], **scheme["line"], **scheme["text"]}
    for name in ("accent", "accentInk", "selection", "focus", "trough", "plotGround", "scrim"):
        found[name] = scheme[name]
    for name, value in scheme["mode"].items():
        found[f"mode-{name}"] = value
    for family, inks in scheme["family"].items():
        for kind, value in inks.items():
            found[f"{kind[0]}-{family}"] = value
    for series, value in scheme["plot"].items():
        found[f"p-{series}"] = value
    return found


def variables(tokens: Mapping[str, Any]) -> str:
    """Return the colours of both schemes as CSS: ``--bg1``; ``--i-bad``, ``--f-bad``, ``--t-bad`` (ink, fill, tint)."""
    light, dark = (
        "".join(f"--{name}:{value};" for name, value in _colours(tokens[scheme]).items())
        for scheme in ("light", "dark")
    )
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )


class Look:
    """Colours of charts, glyphs and words of states."""

    def __init__(self, tokens: Mapping[str, Any], sprite: str) -> None:
        """``sprite`` is the address of the file that holds every icon as a symbol of its name."""
        self._tokens = tokens
        self._sprite = sprite
        self._states: dict[str, Any] = tokens["state"]
        order: list[str] = tokens["jobOrderOfNeed"]
        self.need: dict[str, int] = {state: place for place, state in enumerate(order)}
        """The place of each state of a job: what needs somebody first."""

    def icon(self, name: str, label: str = "") -> Markup:
        """Return an icon; with ``label`` it is read out, without it is decoration."""
        use = el("use", href=f"{self._sprite}#{name}")
        if label:
            return el("svg", el("title", label), use, class_="icon", role="img", viewBox="0 0 16 16")
        return el("svg", use, class_="icon", aria_hidden="true", viewBox="0 0 16 16")

    def family(self, kind: str, state: str) -> str:
        """Return the family of a state: ready, live, good, bad, attn, wait, held."""
        found: str = self._states[kind][state]["family"]
        return found

    def word(self, kind: str, state: str, level: str = "brief") -> str:
        """Return the word of a state: brief, full or abbr."""
        found: str = self._states[kind][state]["word"][level]
        return found

    def glyph(self, kind: str, state: str) -> Markup:
        """Return the shape of a state."""
        return self.icon(f"glyph-{self._states[kind][state]['glyph']}")

    def state(self, kind: str, state: str, *, pill: bool = False, level: str = "brief") -> Markup:
        """Return a state as shape and word in its colour."""
        family = self.family(kind, state)
        return el(
            "span", self.glyph(kind, state), el("span", self.word(kind, state, level)),
            class_=f"state i-{family}" + (" pill" if pill else ""),
        )  # fmt: skip

    def ended(self, status: str) -> Markup:
        """Return how a run ended, as shape and word in the colour of what its task became."""
        known = RunStatus.__members__.get(status.upper())
        if known is None:
            return el("span", status)
        state = "DONE" if known.is_success else "ERROR" if known.is_error else "SUSPENDED"
        if known is RunStatus.SKIPPED:
            state = "SKIPPED"
        word = el("span", status.replace("_", " "))
        return el("span", self.glyph("task", state), word, class_=f"state i-{self.family('task', state)}")

    def strip(self, counts: Iterable[int], *, label: str) -> Markup:
        """Return the progress of a job made of counts: as wide as its place, with a rail under errors."""
        numbers = list(counts)
        total = sum(numbers)
        if not total:
            return el("svg", class_="strip", role="img", aria_label=label, viewBox="0 0 1000 14")
        parts, at = [], 0.0
        for state, family in _STRIP:
            if not numbers[state]:
                continue
            wide = max(6.0, 1000 * numbers[state] / total)
            half = state in (TaskState.SUSPENDED, TaskState.SKIPPED)
            fill = "hatch" if state == TaskState.WAIT_DEP else f"f-{family}"
            parts.append(
                el(
                    "rect",
                    x=f"{at:.1f}",
                    y=3 if half else 0,
                    width=f"{wide:.1f}",
                    height=4 if half else 10,
                    class_=fill,
                )
            )
            if state == TaskState.ERROR:
                parts.append(el("rect", x=f"{at:.1f}", y=11, width=f"{wide:.1f}", height=3, class_="f-bad"))
            at += wide
        return el(
            "svg", el("rect", x=0, y=0, width=1000, height=10, class_="trough"), parts, class_="strip", role="img",
            aria_label=label, viewBox=f"0 0 {max(1000.0, at):.1f} 14", preserveAspectRatio="none",
        )  # fmt: skip

    def ink_of(self, place: int) -> str:
        """Return the name of the colour of the how-maniest series of a chart."""
        return _PLOT_INKS[place % len(_PLOT_INKS)]

    def colours(self, scheme: str) -> dict[str, str]:
        """Return every colour of a scheme by the name of its variable."""
        return _colours(self._tokens["dark" if scheme == "dark" else "light"])

    def tasks(self, counts: Iterable[int]) -> Markup:
        """Return how many tasks are in each state that any is in, with glyphs."""
        numbers = list(counts)
        shown = [
            el("span", self.glyph("task", state.name), el("b", f"{numbers[state]:,}".replace(",", "\u2009")),
               " ", self.word("task", state.name).lower(), class_=f"state i-{self.family('task', state.name)}")
            for state in (TaskState.ERROR, TaskState.RUNNING, TaskState.DONE, TaskState.READY, TaskState.WAIT_DEP,
                          TaskState.SKIPPED, TaskState.SUSPENDED, TaskState.WAIT_RECONNECT)
            if numbers[state]
        ]  # fmt: skip
        return el("p", shown, class_="counts") if shown else EMPTY


def classes(tokens: Mapping[str, Any]) -> str:
    """Return the classes by which elements take a family's ink, fill, tint, line or area, as CSS."""
    rules = []
    for family in tokens["light"]["family"]:
        rules.append(
            f".i-{family}{{color:var(--i-{family})}}.f-{family}{{fill:var(--f-{family})}}"
            f".t-{family}{{background:var(--t-{family})}}svg .t-{family}{{fill:var(--t-{family})}}"
            f".l-{family}{{fill:none;stroke:var(--f-{family});stroke-width:1.5;vector-effect:non-scaling-stroke}}"
            f".a-{family}{{fill:var(--f-{family});opacity:.22}}\n"
        )
    return "".join(rules)
