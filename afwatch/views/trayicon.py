"""The monitor's icon in the tray: a screen with how many of my jobs failed or are done, and messages of the desktop.

Rules of this file:
- Where the desktop has no tray there is no icon, and the window says what happened in its messages alone.
- Sounds are off unless chosen, and always doubled by words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from afwatch.changes import ChangeSet
from afwatch.notices import Notice, Notices
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour, draw_icon

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["TrayIcon", "tray_pixmap"]

_SIZE = 64
_CHOSEN = "notices"
_EDGE = 3
"""Pixels of the edge around the screen."""


def tray_pixmap(theme: Theme, failed: int, done: int) -> QPixmap:
    """Return the icon: errors before what is done, as a number in a disc."""
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Bars of desktops may be dark where windows are light: an edge of the other tone keeps the screen visible on both.
    for x, y in ((-_EDGE, 0), (_EDGE, 0), (0, -_EDGE), (0, _EDGE)):
        draw_icon(painter, "monitors", theme.look.bg1, x, y, _SIZE)
    draw_icon(painter, "monitors", theme.look.text1, 0, 0, _SIZE)
    count = failed or done
    if count:
        family = theme.look.families["bad" if failed else "good"]
        disc = QRect(26, 26, 38, 38)
        painter.setBrush(colour(family.fill))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(disc)
        font = theme.font("bold")
        font.setPixelSize(24 if count < 10 else 18)
        painter.setFont(font)
        painter.setPen(colour(theme.look.bg1))
        painter.drawText(disc, int(Qt.AlignmentFlag.AlignCenter), str(min(count, 99)))
    painter.end()
    return pixmap


class TrayIcon(QObject):
    """Tells what happens to my jobs."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.notices = Notices()
        self._last = 0
        self._farm = ""
        """Random id of the farm of whose jobs is told."""
        self._shown = (0, 0)
        self.icon: QSystemTrayIcon | None = None
        if QSystemTrayIcon.isSystemTrayAvailable():
            self.icon = QSystemTrayIcon(self)
            self.icon.setToolTip(tr("Afwatch"))
            self.icon.activated.connect(lambda reason: self._come())
            self.icon.messageClicked.connect(self._open_last)
            menu = QMenu(window)
            menu.addAction(tr("Open the monitor"), self._come)
            menu.addAction(tr("Close"), window.close)
            self.icon.setContextMenu(menu)
            self.icon.show()
        window.session.changed.connect(self._on_changed)
        self._show()

    def _on_changed(self, changes: ChangeSet) -> None:
        session = self._window.session
        if changes.connection and session.state.farm and not self._farm:
            self._farm = session.state.farm
            self.notices.come_back(self._window.settings.table(_CHOSEN).get(self._farm))
        if changes.touches("jobs"):
            self.notices.forget(changes.gone.get("jobs", ()))
            jobs = session.state.jobs
            rows = [jobs[id] for id in changes.changed.get("jobs", ()) if id in jobs]
            complete = session.state.is_complete("jobs")
            for notice in self.notices.take(rows, session.user, complete=complete)[:5]:
                self._tell(notice)
            if (len(self.notices.failed), len(self.notices.done)) != self._shown:
                self._show()

    def _tell(self, notice: Notice) -> None:
        self._last = notice.job
        self._window.note(f"{notice.title} {notice.text}")
        settings = self._window.settings
        if self.icon is not None and settings.flag("notices", True):
            kind = QSystemTrayIcon.MessageIcon.Warning if notice.bad else QSystemTrayIcon.MessageIcon.Information
            self.icon.showMessage(notice.title, notice.text, kind, 8000)
        if settings.flag("sounds", False):
            QApplication.beep()

    def keep(self) -> None:
        """Keep of which jobs the person wants to hear, of this farm alone."""
        if self._farm:
            self._window.settings.put_table(_CHOSEN, {self._farm: self.notices.chosen()})
            self._window.settings.save()

    def looked(self) -> None:
        """The person looks at the window: nothing is new any more."""
        if self.notices.failed or self.notices.done:
            self.notices.looked()
            self._show()

    def _show(self) -> None:
        failed, done = self._shown = len(self.notices.failed), len(self.notices.done)
        if self.icon is not None:
            self.icon.setIcon(QIcon(tray_pixmap(self._window.theme, failed, done)))
            self.icon.setToolTip(tr("Afwatch: {0} failed, {1} done", failed, done) if failed or done else tr("Afwatch"))

    def _come(self) -> None:
        self._window.showNormal()
        self._window.raise_()
        self._window.activateWindow()

    def _open_last(self) -> None:
        self._come()
        if self._last in self._window.session.state.jobs:
            self._window.open_job(self._last)
