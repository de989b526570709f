"""Pictures of the tray in every state, light and dark: its icons, panels and menus.

Usage: ``python -m tests.tray.pictures [FOLDER]``; the folder is ``docs/pictures`` by default. Needs a display (Xvfb is
enough), as popups have no place elsewhere.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from afrender.tray.look import ICON_SIZES, STATES, Theme, state_icon, word
from afrender.tray.program import Tray
from tests.tray.drive import NOW, READING, RULE, STATE, TASK

__all__ = ["CASES", "main", "picture_of"]

SECOND = {
    **TASK, "job": "sh020_fx_waterfall_v013", "block": "simulation", "task": "0007", "percent": 12, "user": "anna",
    "began": NOW - 95,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "busy": {"tasks": [TASK, SECOND]},
    "free": {},
    "nimby": {"nimby": "nimby", "tasks": [SECOND], "rule": RULE},
    "NIMBY": {"nimby": "NIMBY"},
    "paused": {},
    "sick": {},
    "offline": {"nimby": None, "tasks": [SECOND]},
}
READINGS = 150
GAP = 24


def _reading(number: int) -> dict[str, Any]:
    """Return a reading of a machine whose loads go up and down."""
    wave = [math.sin(number / length) for length in (9, 3, 20, 5, 11, 15)]
    return {
        **READING, "cpu_num": 24, "cpu_user": int(55 + 30 * wave[0]), "cpu_system": int(7 + 3 * wave[1]),
        "mem_total_mb": 131072, "mem_free_mb": int(52000 + 9000 * wave[2]),
        "net_recv_kbsec": int(60000 + 50000 * wave[3]), "net_send_kbsec": int(9000 + 8000 * wave[1]),
        "gpu_gpu_util": int(60 + 30 * wave[4]), "gpu_gpu_temp": 61, "gpu_mem_total_mb": 24564,
        "gpu_mem_used_mb": int(12000 + 3000 * wave[5]), "gpu_string": "NVIDIA GeForce RTX 4090",
    }  # fmt: skip


def picture_of(folder: Path, theme: Theme, cases: Mapping[str, Mapping[str, Any]] = CASES) -> list[QPixmap]:
    """Return the icons in one picture, then panel and menu of each case."""
    tray = Tray(folder, environment=os.environ, theme=theme, ask=lambda question: True, quit=lambda: None)
    pictures = [_icons(theme)]
    try:
        for name, more in cases.items():
            state = {**STATE, "name": "ws-anna", "most": 2, "pool": "/north", "state": name, "tasks": [], **more}
            for number in range(READINGS):
                tray.show_state({**state, "reading": _reading(number), "measured": float(number)})
            tray.open_panel()
            assert QTest.qWaitForWindowExposed(tray.panel)
            pictures.append(tray.panel.grab())
            tray.panel.hide()
            tray.menu.popup(QPoint(100, 100))
            assert QTest.qWaitForWindowExposed(tray.menu)
            pictures.append(tray.menu.grab())
            tray.menu.hide()
    finally:
        tray.close()
    return pictures


def _icons(theme: Theme) -> QPixmap:
    width = 130
    picture = QPixmap(width * len(STATES), 76)
    picture.fill(theme("ground", "bg1"))
    painter = QPainter(picture)
    painter.setPen(theme("text", "text1"))
    for place, state in enumerate(STATES):
        left = place * width + 12
        for size in ICON_SIZES[:2] + ICON_SIZES[3:]:
            painter.drawPixmap(left, 26 - size // 2, state_icon(state, theme).pixmap(size, size))
            left += size + 12
        painter.drawText(QRect(place * width, 48, width, 20), Qt.AlignmentFlag.AlignHCenter, word(state))
    painter.end()
    return picture


def _sheet(pictures: list[QPixmap], theme: Theme) -> QPixmap:
    """Return pictures beside each other below the first one."""
    icons, *rest = pictures
    width = max(icons.width(), sum(one.width() + GAP for one in rest) - GAP) + 2 * GAP
    sheet = QPixmap(width, icons.height() + max(one.height() for one in rest) + 3 * GAP)
    sheet.fill(theme("ground", "bg0"))
    painter = QPainter(sheet)
    painter.drawPixmap(GAP, GAP, icons)
    left = GAP
    for one in rest:
        painter.drawPixmap(left, icons.height() + 2 * GAP, one)
        left += one.width() + GAP
    painter.end()
    return sheet


def main(arguments: list[str]) -> int:
    """Make the pictures."""
    folder = Path(arguments[0] if arguments else "docs/pictures").absolute()
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    app.setStyle("Fusion")
    with tempfile.TemporaryDirectory(prefix="afrender-pictures-") as temporary:
        for tone in ("dark", "light"):
            theme = Theme(dark=tone == "dark")
            icons, *rest = picture_of(Path(temporary), theme)
            shown = dict(zip(CASES, zip(rest[::2], rest[1::2], strict=True), strict=True))
            _sheet([icons, *shown["busy"], shown["nimby"][0]], theme).save(str(folder / f"tray-{tone}.png"))
            panels = [panel for panel, _ in shown.values()]
            _sheet([icons, *panels], theme).save(str(folder / f"tray-states-{tone}.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
