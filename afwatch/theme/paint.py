"""Colours, fonts and icons for painting: tokens turned into Qt's own things, each made once.

Rules of this file:
- Icons come from ``aficons`` (the folder ``icons`` of a checkout) as SVG and are drawn in the colour that is asked for,
  at the pixel ratio of the screen.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontMetrics,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
    QStaticText,
    QTransform,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from afwatch.theme.icons import icons
from afwatch.theme.marks import mark_path
from afwatch.theme.style import style_sheet
from afwatch.theme.tokens import Look, StateLook, load_look, measures, state_look

__all__ = ["MeasuredFont", "Theme", "colour", "draw_icon", "icon_pixmap"]


@lru_cache(maxsize=512)
def colour(text: str) -> QColor:
    """Return the colour of a token."""
    return QColor(text)


@lru_cache(maxsize=256)
def _renderer(name: str, ink: str) -> QSvgRenderer:
    svg = icons().path(name).read_text("utf-8").replace("currentColor", ink)
    return QSvgRenderer(QByteArray(svg.encode()))


@lru_cache(maxsize=1024)
def icon_pixmap(name: str, ink: str, size: int, ratio: float) -> QPixmap:
    """Return an icon in a colour, ``size`` pixels at 100 %, sharp at the pixel ratio; KeyError if there is none."""
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _renderer(name, ink).render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def draw_icon(painter: QPainter, name: str, ink: str, x: int, y: int, size: int) -> None:
    """Draw an icon with its top left corner at ``x``, ``y``."""
    painter.drawPixmap(x, y, icon_pixmap(name, ink, size, painter.device().devicePixelRatioF()))


class Theme(QObject):
    """The look that is on, with its fonts; tells when it changes."""

    changed = Signal()

    def __init__(self, name: str = "", size_percent: int = 100) -> None:
        """``name``: dark, light, or empty to follow the system."""
        super().__init__()
        self._name = name
        self._size = size_percent
        self._system_font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        self._base = max(9.0, self._system_font.pointSizeF())
        self.look: Look = load_look(self._wanted())
        if not name:
            QApplication.styleHints().colorSchemeChanged.connect(self._follow)

    def _wanted(self) -> str:
        if self._name:
            return self._name
        return "light" if QApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else "dark"

    def _follow(self) -> None:
        if not self._name:
            self.apply()

    def choose(self, name: str) -> None:
        """Hold a scheme, or follow the system (empty)."""
        self._name = name
        self.apply()

    def choose_size(self, percent: int) -> None:
        """Set the size of all texts, 80 to 200 %."""
        self._size = max(80, min(200, percent))
        _font.cache_clear()
        self.apply()

    @property
    def name(self) -> str:
        """What was chosen: dark, light or empty."""
        return self._name

    @property
    def size_percent(self) -> int:
        """Size of texts."""
        return self._size

    def font(self, role: str = "body") -> MeasuredFont:
        """Return the font of a role: small, body, strong, title3, title2, figure or mono."""
        return _font(role, self._base * self._size / 100)

    def row_height(self, least: int, lines: int = 1) -> int:
        """Return the height of rows: the token's, or what the text needs."""
        needed = QFontMetrics(self.font()).lineSpacing() * (1.5 if lines == 1 else lines * 1.15)
        return max(least, -(-round(needed) // 4) * 4)

    def state(self, kind: str, state: str) -> tuple[StateLook, str]:
        """Return how a state is told, and its ink."""
        shown = state_look(kind, state)
        return shown, self.look.families[shown.family].ink

    def icon(self, name: str, ink: str = "") -> QIcon:
        """Return an icon for a button, with its disabled form."""
        icon = QIcon()
        ratio = max(screen.devicePixelRatio() for screen in QApplication.screens())
        icon.addPixmap(icon_pixmap(name, ink or self.look.text1, measures.icon, ratio))
        icon.addPixmap(icon_pixmap(name, self.look.off, measures.icon, ratio), QIcon.Mode.Disabled)
        return icon

    def apply(self) -> None:
        """Put the look on the application and tell everybody who paints."""
        self.look = load_look(self._wanted())
        QApplication.setPalette(self._palette())
        QApplication.setFont(self.font())
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.setStyleSheet(style_sheet(self.look, mark=mark_path("glyph-check", self.look.accent_ink)))
        self.changed.emit()

    def _palette(self) -> QPalette:
        look, palette = self.look, QPalette()
        role = QPalette.ColorRole
        for which, text in (
            (role.Window, look.bg2), (role.WindowText, look.text1), (role.Base, look.bg1), (role.Text, look.text1),
            (role.AlternateBase, look.bg1), (role.Button, look.bg3), (role.ButtonText, look.text1),
            (role.BrightText, look.text1),
            (role.Highlight, look.selection), (role.HighlightedText, look.text1), (role.ToolTipBase, look.bg4),
            (role.ToolTipText, look.text1), (role.PlaceholderText, look.text3), (role.Link, look.accent),
            (role.Mid, look.line2), (role.Dark, look.line2), (role.Light, look.bg4), (role.Midlight, look.bg3),
            (role.Shadow, look.bg0), (role.Accent, look.accent),
        ):  # fmt: skip
            palette.setColor(which, QColor(text))
        for which in (role.Text, role.WindowText, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(look.off))
        return palette


_MOST_WIDTHS, _MOST_LAID = 4000, 1000

_Line = tuple[QStaticText, int, int]
"""A line of text as it is painted soonest, its width and its height in pixels."""

_SCALE = {
    "small": (0.9, QFont.Weight.Normal),
    "body": (1.0, QFont.Weight.Normal),
    "strong": (1.0, QFont.Weight.Medium),
    "bold": (1.0, QFont.Weight.DemiBold),
    "title3": (1.1, QFont.Weight.DemiBold),
    "title2": (1.3, QFont.Weight.DemiBold),
    "figure": (1.8, QFont.Weight.DemiBold),
    "mono": (0.9, QFont.Weight.Normal),
}


class MeasuredFont(QFont):
    """A font that remembers how texts lie and how wide they are: cells are painted again and again with the same."""

    def __init__(self, font: QFont) -> None:
        super().__init__(font)
        self._widths: dict[str, int] = {}
        self._laid: dict[str, _Line] = {}
        self._elided: dict[tuple[str, int], _Line] = {}
        self._metrics: QFontMetrics | None = None

    @property
    def metrics(self) -> QFontMetrics:
        """Its metrics; asked for when the font is complete."""
        if self._metrics is None:
            self._metrics = QFontMetrics(self)
        return self._metrics

    def width_of(self, text: str) -> int:
        """Return the width of a text in pixels."""
        width = self._widths.get(text)
        if width is None:
            if len(self._widths) > _MOST_WIDTHS:
                self._widths.clear()
            width = self._widths[text] = self.metrics.horizontalAdvance(text)
        return width

    def line(self, text: str, room: int) -> _Line:
        """Return a line of text, elided where it is wider than the room."""
        found = self._laid.get(text)
        if found is None:
            if len(self._laid) > _MOST_LAID:
                self._laid.clear()
            found = self._laid[text] = self._lay(text)
        if found[1] <= room:
            return found
        elided = self._elided.get((text, room))
        if elided is None:
            if len(self._elided) > _MOST_LAID:
                self._elided.clear()
            short = self.metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            elided = self._elided[text, room] = self._lay(short)
        return elided

    def _lay(self, text: str) -> _Line:
        made = QStaticText(text)
        made.setTextFormat(Qt.TextFormat.PlainText)
        made.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        made.prepare(QTransform(), self)
        return made, self.metrics.horizontalAdvance(text), round(made.size().height())


@lru_cache(maxsize=64)
def _font(role: str, base: float) -> MeasuredFont:
    scale, weight = _SCALE[role]
    kind = QFontDatabase.SystemFont.FixedFont if role == "mono" else QFontDatabase.SystemFont.GeneralFont
    font = MeasuredFont(QFontDatabase.systemFont(kind))
    font.setPointSizeF(max(9.0, base * scale))
    font.setWeight(weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
