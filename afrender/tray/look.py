"""Colours, words and shapes of the tray, from the tokens beside the icons (the one source of the project's look)."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF
from PySide6.QtSvg import QSvgRenderer

__all__ = ["ICON_SIZES", "STATES", "Theme", "draw_glyph", "menu_style", "sign", "state_icon", "text_style", "word"]

ICON_SIZES = (16, 22, 24, 32)

STATES = {
    "free": ("good", "Free"),
    "busy": ("live", "Busy"),
    "nimby": ("wait", "nimby"),
    "NIMBY": ("wait", "NIMBY"),
    "paused": ("held", "Paused"),
    "offline": ("held", "No server"),
    "sick": ("bad", "Sick"),
}
"""Family of colours and word of each state."""


def word(state: str) -> str:
    """Return the word of a state."""
    return STATES[state][1]


@cache
def _icons() -> Any:
    # Installed as aficons, ``icons`` in a checkout.
    return importlib.import_module("aficons" if importlib.util.find_spec("aficons") is not None else "icons")


class Theme:
    """The colours on a dark or a light ground."""

    def __init__(self, *, dark: bool) -> None:
        self.dark = dark
        self._data = _icons().tokens()["dark" if dark else "light"]

    def __call__(self, *path: str) -> QColor:
        """Return a colour by its path, such as ``("text", "text2")``."""
        value: Any = self._data
        for name in path:
            value = value[name]
        return QColor(str(value))

    def ink(self, state: str) -> QColor:
        """Return the colour of a state's glyph and word."""
        return self("family", STATES[state][0], "ink")


def draw_glyph(painter: QPainter, state: str, box: QRectF, colour: QColor, ground: QColor | None = None) -> None:
    """Draw the shape of a state in a square; ``ground`` is the colour of what is cut out of it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = box.width()
    painter.translate(box.topLeft())
    painter.scale(side / 16.0, side / 16.0)
    pen = QPen(colour, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if state == "busy":
        painter.drawPolygon(QPolygonF([QPointF(3.5, 2.0), QPointF(14.0, 8.0), QPointF(3.5, 14.0)]))
    elif state in ("nimby", "NIMBY"):
        shoulders = QPainterPath(QPointF(2.5, 14.0))
        shoulders.cubicTo(QPointF(2.5, 8.2), QPointF(13.5, 8.2), QPointF(13.5, 14.0))
        if state == "NIMBY":
            shoulders.closeSubpath()
        else:
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(8.0, 5.0), 2.9, 2.9)
        painter.drawPath(shoulders)
    elif state == "paused":
        painter.drawRect(QRectF(3.0, 2.0, 3.5, 12.0))
        painter.drawRect(QRectF(9.5, 2.0, 3.5, 12.0))
    elif state == "sick":
        painter.drawRect(QRectF(1.5, 1.5, 13.0, 13.0))
        painter.setPen(QPen(ground or QColor(Qt.GlobalColor.white), 2.4))
        painter.drawLine(QPointF(8.0, 4.5), QPointF(8.0, 11.5))
        painter.drawLine(QPointF(4.5, 8.0), QPointF(11.5, 8.0))
    else:
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(8.0, 8.0), 5.5, 5.5)
        if state == "offline":
            painter.drawLine(QPointF(4.2, 11.8), QPointF(11.8, 4.2))
    painter.restore()


def state_icon(state: str, theme: Theme, *, edge: bool = False) -> QIcon:
    """Return the icon of a state in every size; an ``edge`` shows it on a desktop's bar of the other tone, too."""
    icon = QIcon()
    for size in ICON_SIZES:
        picture = QPixmap(size, size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        ground, wide = theme("ground", "bg1"), size / 20
        for x, y in ((-wide, 0.0), (wide, 0.0), (0.0, -wide), (0.0, wide)) if edge else ():
            draw_glyph(painter, state, QRectF(x, y, size, size), ground, ground)
        draw_glyph(painter, state, QRectF(0, 0, size, size), theme.ink(state), ground)
        painter.end()
        icon.addPixmap(picture)
    return icon


def sign(name: str, theme: Theme) -> QIcon:
    """Return one of the project's icons in the colour of texts, pale where it is disabled."""
    icon = QIcon()
    text = _icons().path(name).read_text("utf-8")
    for mode, colour in ((QIcon.Mode.Normal, theme("text", "text2")), (QIcon.Mode.Disabled, theme("text", "off"))):
        renderer = QSvgRenderer(text.replace("currentColor", colour.name()).encode())
        for size in ICON_SIZES:
            picture = QPixmap(size, size)
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            renderer.render(painter, QRectF(0, 0, size, size))
            painter.end()
            icon.addPixmap(picture, mode)
    return icon


def menu_style(theme: Theme) -> str:
    """Return how menus look."""
    return _MENU.format(
        ground=theme("ground", "bg2").name(),
        edge=theme("line", "line2").name(),
        line=theme("line", "line1").name(),
        text=theme("text", "text1").name(),
        off=theme("text", "off").name(),
        selection=theme("selection").name(),
    )


def text_style(theme: Theme) -> str:
    """Return how a window full of text looks."""
    return (
        f"QPlainTextEdit {{ background: {theme('ground', 'bg1').name()}; color: {theme('text', 'text1').name()};"
        f" border: 0; padding: 8px; selection-background-color: {theme('selection').name()};"
        f" selection-color: {theme('text', 'text1').name()}; }}"
    )


_MENU = """
QMenu {{ background: {ground}; color: {text}; border: 1px solid {edge}; padding: 4px; }}
QMenu::item {{ padding: 6px 14px 6px 10px; border-radius: 4px; background: transparent; }}
QMenu::item:selected {{ background: {selection}; }}
QMenu::item:disabled {{ color: {off}; }}
QMenu::icon {{ padding-left: 10px; }}
QMenu::icon:checked {{ background: transparent; border: 0; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 6px; }}
"""
