"""Charts as drawings: bars of names and lines over time become rectangles, lines and words, for SVG and for pixels.

Rules of this file:
- Pure: the same figures give the same drawing; colours come by name from a scheme of the look.
- Every chart has a title, axes with units, and words beside its colours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from afnet.web.markup import Markup, el
from afnet.words import number, short

__all__ = ["Bars", "Drawing", "Line", "Lines", "Mark", "Shape", "Word", "draw", "svg"]

WIDTH, ROW = 900.0, 26.0
_LEFT, _RIGHT, _HEAD, _BARE_HEAD = 56.0, 16.0, 44.0, 22.0
_PLOT_HIGH = 230.0
_NAME_WIDE = 190.0
_LONGEST = 28


@dataclass(frozen=True)
class Line:
    """One series of a chart over time."""

    name: str
    ink: str
    """Name of its colour."""
    values: Sequence[float | None]
    """One for each time; None where nothing is known."""


@dataclass(frozen=True)
class Lines:
    """A chart over time."""

    title: str
    unit: str
    times: Sequence[float]
    """Unix seconds, rising."""
    lines: Sequence[Line]
    top: float = 0.0
    """The greatest value there can be; 0 when nobody knows."""
    steps: bool = False
    """A value counts from its time to the next one."""


@dataclass(frozen=True)
class Bars:
    """A chart of names, the largest first."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]
    more: int = 0
    """Names that are not shown."""


@dataclass(frozen=True)
class Mark:
    """A filled rectangle."""

    x: float
    y: float
    wide: float
    high: float
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Shape:
    """A line, or with ``filled`` an area."""

    points: Sequence[tuple[float, float]]
    colour: str
    wide: float = 1.0
    filled: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Word:
    """A text; ``anchor`` is start, middle or end."""

    x: float
    y: float
    text: str
    colour: str
    size: float = 12.0
    anchor: str = "start"
    bold: bool = False


@dataclass
class Drawing:
    """What is drawn, back to front."""

    wide: float
    high: float
    title: str
    parts: list[Mark | Shape | Word] = field(default_factory=list)


def draw(
    chart: Lines | Bars,
    colours: Mapping[str, str],
    *,
    zone: tzinfo | None = None,
    wide: float = WIDTH,
    titled: bool = True,
) -> Drawing:
    """Return a chart as a drawing in the colours of a scheme; ``zone`` is that of the words on its time axis.

    Without a title it stands in a page that has one.
    """
    drawing = Drawing(wide, 0, chart.title)
    head = _HEAD if titled else _BARE_HEAD
    if isinstance(chart, Lines):
        _draw_lines(drawing, chart, colours, zone, head)
    else:
        _draw_bars(drawing, chart, colours, head)
    ground = Mark(0, 0, drawing.wide, drawing.high, colours["bg2"])
    words = [Word(drawing.wide - 16, head - 18 if titled else 14, chart.unit, colours["text3"], 12, "end")]
    if titled:
        words.append(Word(16, 26, chart.title, colours["text1"], 15, bold=True))
    drawing.parts[:0] = [ground, *words]
    return drawing


def _cut(text: str, longest: int = _LONGEST) -> str:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= longest else "…" + plain[1 - longest :]


def _draw_bars(drawing: Drawing, chart: Bars, colours: Mapping[str, str], head: float) -> None:
    count = max(1, len(chart.bars))
    drawing.high = head + count * ROW + (20 if chart.more else 8)
    if not chart.bars:
        drawing.parts.append(Word(16, head + 18, "Nothing in this span.", colours["text2"]))
        return
    top = max(value for _, value in chart.bars) or 1.0
    names = min(_NAME_WIDE, drawing.wide * 0.32)
    left, longest = 8 + names + 12, int(names / 6.8)
    room = drawing.wide - left - 84
    for place, (name, value) in enumerate(chart.bars):
        y = head + place * ROW
        drawing.parts.append(Word(8 + names, y + 17, _cut(name, longest) or "(none)", colours["text1"], 12, "end"))
        drawing.parts.append(Mark(left, y + 5, room, ROW - 10, colours["trough"]))
        drawing.parts.append(Mark(left, y + 5, max(1.0, room * value / top), ROW - 10, colours["f-live"]))
        shown = number(value) if value >= 100 or value == int(value) else f"{value:.1f}"
        drawing.parts.append(Word(drawing.wide - 16, y + 17, shown, colours["text1"], 12, "end"))
    if chart.more:
        y = head + count * ROW + 12
        drawing.parts.append(Word(8 + names, y, f"and {number(chart.more)} more", colours["text3"], 12, "end"))


def nice_top(value: float) -> tuple[float, float]:
    """Return a round number at or above a value, and the step between the lines below it."""
    if value < 1e-6:
        return 1.0, 0.5
    size = 1.0
    while size * 10 <= value:
        size *= 10
    while size > value:
        size /= 10
    step = next(each for each in (0.2, 0.5, 1.0, 2.0, 5.0) if value / (each * size) <= 5) * size
    lines = -(-value // step)
    return lines * step, step


def _draw_lines(drawing: Drawing, chart: Lines, colours: Mapping[str, str], zone: tzinfo | None, head: float) -> None:
    drawing.high = head + _PLOT_HIGH + 32 + (24.0 if chart.lines else 0.0)
    bottom, right = head + _PLOT_HIGH, drawing.wide - _RIGHT
    drawing.parts.append(Mark(_LEFT, head, right - _LEFT, _PLOT_HIGH, colours["plotGround"]))
    known = [value for line in chart.lines for value in line.values if value is not None]
    top, step = nice_top(chart.top or max(known, default=0.0))
    value = 0.0
    while value <= top * 1.001:
        y = bottom - _PLOT_HIGH * value / top
        drawing.parts.append(Shape([(_LEFT, y), (right, y)], colours["line1"]))
        drawing.parts.append(Word(_LEFT - 8, y + 4, short(value), colours["text3"], 12, "end"))
        value += step
    if not known or len(chart.times) < 1:
        drawing.parts.append(
            Word((_LEFT + right) / 2, head + 110, "Nothing in this span.", colours["text2"], 13, "middle")
        )
        return
    first, last = chart.times[0], chart.times[-1]
    if chart.steps and len(chart.times) > 1:
        last += chart.times[-1] - chart.times[-2]
    span = max(1.0, last - first)

    def place(at: float) -> float:
        return _LEFT + (right - _LEFT) * (at - first) / span

    for at, word in time_marks(first, last, zone, max(3, int(drawing.wide / 100))):
        drawing.parts.append(Shape([(place(at), head), (place(at), bottom)], colours["line1"]))
        drawing.parts.append(Word(place(at), bottom + 18, word, colours["text3"], 12, "middle"))
    for line in chart.lines:
        ink = colours[line.ink]
        for piece in _pieces(chart, line, last):
            shown = [(place(at), bottom - _PLOT_HIGH * min(value, top) / top) for at, value in piece]
            if len(chart.lines) < 4:
                area = [(shown[0][0], bottom), *shown, (shown[-1][0], bottom)]
                drawing.parts.append(Shape(area, ink, filled=True, opacity=0.2))
            drawing.parts.append(
                Shape(shown if len(shown) > 1 else [shown[0], (shown[0][0] + 2, shown[0][1])], ink, 1.5)
            )
    x = _LEFT
    for line in chart.lines:
        drawing.parts.append(Mark(x, bottom + 33, 10, 10, colours[line.ink]))
        drawing.parts.append(Word(x + 16, bottom + 42, _cut(line.name), colours["text2"]))
        x += 34 + 7.2 * len(_cut(line.name))


def _pieces(chart: Lines, line: Line, last: float) -> list[list[tuple[float, float]]]:
    """Return what is known of a line in unbroken pieces."""
    found: list[list[tuple[float, float]]] = [[]]
    ends = [*chart.times[1:], last]
    for at, end, value in zip(chart.times, ends, line.values, strict=False):
        if value is None:
            found.append([])
            continue
        found[-1].append((at, value))
        if chart.steps:
            found[-1].append((end, value))
    return [piece for piece in found if piece]


def time_marks(first: float, last: float, zone: tzinfo | None, most: int = 9) -> list[tuple[float, str]]:
    """Return at most about so many round times of a span with their words."""
    span = last - first
    for step, form in ((900, "%H:%M"), (3600, "%H:%M"), (3 * 3600, "%H:%M"), (6 * 3600, "%d %b %H:%M")):
        if span / step <= most:
            begin = first - first % step + step
            marks = [begin + place * step for place in range(most + 3)]
            return [(at, datetime.fromtimestamp(at, zone).strftime(form)) for at in marks if first < at < last]
    days = max(1, round(span / 86400 / most * 1.2))
    day = datetime.fromtimestamp(first, zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found = []
    while day.timestamp() < last:
        found.append((day.timestamp(), f"{day.day} {day.strftime('%b %Y' if days > 45 else '%b')}"))
        day += timedelta(days=days)
    return found


def svg(drawing: Drawing) -> str:
    """Return a drawing as a file of SVG that stands alone."""
    parts: list[Markup] = []
    for part in drawing.parts:
        if isinstance(part, Mark):
            faint = part.opacity if part.opacity < 1 else None
            parts.append(
                el("rect", x=_n(part.x), y=_n(part.y), width=_n(part.wide), height=_n(part.high), fill=part.colour,
                   fill_opacity=faint)
            )  # fmt: skip
        elif isinstance(part, Shape):
            points = " ".join(f"{_n(x)},{_n(y)}" for x, y in part.points)
            if part.filled:
                parts.append(el("polygon", points=points, fill=part.colour, fill_opacity=part.opacity))
            else:
                parts.append(el("polyline", points=points, fill="none", stroke=part.colour, stroke_width=part.wide))
        else:
            parts.append(
                el("text", part.text, x=_n(part.x), y=_n(part.y), fill=part.colour, font_size=_n(part.size),
                   text_anchor=part.anchor, font_weight=600 if part.bold else None)
            )  # fmt: skip
    return el(
        "svg", el("title", drawing.title), parts, xmlns="http://www.w3.org/2000/svg", role="img",
        viewBox=f"0 0 {_n(drawing.wide)} {_n(drawing.high)}", width=_n(drawing.wide), height=_n(drawing.high),
        font_family="system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif",
    )  # fmt: skip


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
