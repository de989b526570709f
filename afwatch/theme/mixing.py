"""Colours made of others: mixed over a ground, and foreign ones brought to a contrast that can be read.

Rules of this file:
- It holds no colour of its own but the two ends of lightness.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor

__all__ = ["blend", "readable"]


@lru_cache(maxsize=512)
def blend(ink: str, ground: str, share: float) -> str:
    """Return a colour as ``ink`` looks with an opacity of ``share`` over ``ground``."""
    over, under = QColor(ink), QColor(ground)
    mixed = [
        round(one * share + other * (1 - share))
        for one, other in zip((over.red(), over.green(), over.blue()), (under.red(), under.green(), under.blue()))
    ]
    return QColor(*mixed).name()


def _luminance(colour: QColor) -> float:
    shares = (colour.redF(), colour.greenF(), colour.blueF())
    parts: list[float] = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in shares]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache(maxsize=512)
def readable(ink: str, ground: str, least: float) -> str:
    """Return a foreign colour, lightened or darkened until its contrast with ``ground`` is at least ``least``."""
    under = QColor(ground)
    towards = "#FFFFFF" if _luminance(under) < 0.5 else "#000000"
    for step in range(11):
        tried = blend(towards, ink, step / 10)
        if _contrast(QColor(tried), under) >= least:
            return tried
    return towards
