"""The sidebar with the places to go to, and the status bar with mode, person, selection, last word and connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListView,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from afcore.states import Role
from afwatch import words
from afwatch.delegates.cells import draw_text
from afwatch.places import Place, places
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour, draw_icon
from afwatch.theme.tokens import measures
from afwatch.views.parts import Glyph, label

__all__ = ["Sidebar", "StatusBar"]

_COUNT_MS, _FEW = 1000, 2000
_WEIGHT = 10
"""Jobs that take as long to count as one render."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(slots=True)
class _Shown:
    """A place in the sidebar with how many there are, and how many of them need somebody."""

    place: Place
    count: int = 0
    trouble: int = 0

    @property
    def key(self) -> str:
        return self.place.key

    @property
    def title(self) -> str:
        return self.place.title

    @property
    def icon(self) -> str:
        return self.place.icon


class _Places(QAbstractListModel):
    def __init__(self, places: list[_Shown]) -> None:
        super().__init__()
        self.places = places

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = self.places[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return place.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            counted = f", {place.count}" if place.count >= 0 else ""
            return place.title + counted + (tr(", {0} in trouble", place.trouble) if place.trouble else "")
        return place if role == Qt.ItemDataRole.UserRole else None


class _PlaceDelegate(QStyledItemDelegate):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(measures.sidebar, self._theme.row_height(28) + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        look, place = self._theme.look, index.data(Qt.ItemDataRole.UserRole)
        rect = option.rect.adjusted(8, 1, -8, -1)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(colour(look.bg3 if selected else look.bg2))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(rect, 5, 5)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if selected:
            painter.fillRect(option.rect.left(), rect.top() + 4, 3, rect.height() - 8, colour(look.accent))
        ink = look.text1 if selected else look.text2
        draw_icon(painter, place.icon, ink, rect.left() + 8, rect.center().y() - 7, 16)
        inner = rect.adjusted(34, 0, -8, 0)
        font = self._theme.font("strong" if selected else "body")
        body, strong = self._theme.font(), self._theme.font("strong")
        room = inner.width() - font.width_of(place.title)
        # The name first: figures are said in short, or the lesser one not at all, before it is cut.
        count, trouble, width = "", "", room + 1
        for say, counted in ((words.number, True), (words.short_number, True), (words.short_number, False)):
            if width + 8 > room:
                count = say(place.count) if counted and place.count >= 0 else ""
                trouble = say(place.trouble) if place.trouble else ""
                width = body.width_of(count) + (strong.width_of(trouble) + 28 if trouble else 0)
        wide = draw_text(painter, inner, count, body, look.text3, right=True)
        if trouble:
            bad = look.families["bad"].ink
            right = inner.adjusted(0, 0, -wide - 10 if wide else 0, 0)
            wide = draw_text(painter, right, trouble, strong, bad, right=True)
            draw_icon(painter, "glyph-octagon-cross", bad, right.right() - wide - 16, rect.center().y() - 5, 12)
        draw_text(painter, inner.adjusted(0, 0, -width - 8, 0), place.title, font, ink)
        painter.restore()


class _Slots(QFrame):
    """The farm's slots: used of all."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._figures = (0, 0, 0, 0, 0)
        self.setFixedHeight(76)
        self.setAccessibleName(tr("Slots in use"))

    def show_figures(self, used: int, slots: int, busy: int, free: int, off: int) -> None:
        """Show how busy the farm is."""
        if self._figures != (used, slots, busy, free, off):
            self._figures = (used, slots, busy, free, off)
            self.setAccessibleDescription(tr("{0} of {1} slots in use, {2} busy, {3} free, {4} off", used, slots, busy,
                                             free, off))
            self.update()

    def paintEvent(self, event: Any) -> None:
        """Paint the meter."""
        look, (used, slots, busy, free, off) = self._theme.look, self._figures
        painter = QPainter(self)
        left, right = 12, self.width() - 12
        painter.fillRect(0, 0, self.width(), 1, colour(look.line1))
        upper = QRect(left, 8, right - left, 20)
        draw_text(painter, upper, tr("Slots in use"), self._theme.font("small"), look.text2)
        draw_text(painter, upper, f"{used} / {slots}", self._theme.font("strong"), look.text1, right=True)
        painter.fillRect(left, 33, right - left, 6, colour(look.trough))
        if slots:
            width = round((right - left) * min(1, used / slots))
            painter.fillRect(left, 33, width, 6, colour(look.families["live"].fill))
        small = self._theme.font("small")
        parts = (("BUSY", busy, tr("busy")), ("FREE", free, tr("free")), ("OFFLINE", off, tr("off")))
        texts = [f"{value} {word}" for _, value, word in parts]
        if sum(22 + small.width_of(text) for text in texts) - 8 > right - left:
            texts = [words.short_number(value) for _, value, _ in parts]
        x = left
        for (state, _, _), text in zip(parts, texts):
            shown, ink = self._theme.state("render", state)
            draw_icon(painter, shown.glyph, ink, x, 51, 10)
            x += 22 + draw_text(painter, QRect(x + 14, 46, max(0, right - x - 14), 20), text, small, look.text2)
        painter.end()


class Sidebar(QFrame):
    """Places to go to, and the farm's slots at the foot."""

    went = Signal(str)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setFixedWidth(measures.sidebar)
        self._session, self._theme = session, theme
        self.model = _Places([])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 4)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(14, 12, 12, 10)
        head.setSpacing(10)
        head.addWidget(Glyph(theme, "afwatch", theme.look.accent, 26))
        names = QVBoxLayout()
        names.setSpacing(0)
        self._farm = label(tr("Afwatch"))
        self._where = label(tr("render farm"), tone="quiet")
        names.addWidget(self._farm)
        names.addWidget(self._where)
        head.addLayout(names, 1)
        column.addLayout(head)
        self.view = QListView()
        self.view.setObjectName("navigation")
        self.view.setAccessibleName(tr("Places"))
        self.view.setModel(self.model)
        self._delegate = _PlaceDelegate(theme)
        self.view.setItemDelegate(self._delegate)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.selectionModel().currentChanged.connect(
            lambda index, before: self.went.emit(self.model.places[index.row()].key) if index.isValid() else None
        )
        column.addWidget(self.view, 1)
        self._slots = _Slots(theme)
        column.addWidget(self._slots)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_MS)
        self._timer.timeout.connect(self.refresh)
        session.changed.connect(self._on_changed)
        session.mode_changed.connect(self.refresh)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self.refresh()

    def _on_theme(self) -> None:
        self._farm.setFont(self._theme.font("bold"))
        self._where.setFont(self._theme.font("small"))

    def go(self, key: str) -> None:
        """Go to a place."""
        for row, place in enumerate(self.model.places):
            if place.key == key:
                self.view.setCurrentIndex(self.model.index(row))

    def mark(self, key: str) -> None:
        """Show where we are, without going there."""
        for row, place in enumerate(self.model.places):
            if place.key == key and self.view.currentIndex().row() != row:
                chosen = self.view.selectionModel()
                before = chosen.blockSignals(True)
                self.view.setCurrentIndex(self.model.index(row))
                chosen.blockSignals(before)
                self.view.viewport().update()

    def _on_changed(self, changes: Any) -> None:
        """Count anew: at once while there is little to count, else once a second."""
        state = self._session.state
        if changes.connection or len(state.jobs) + _WEIGHT * len(state.renders) < _FEW:
            self.refresh()
        elif not self._timer.isActive():
            self._timer.start()

    def _set_places(self, wanted: list[Place]) -> None:
        index = self.view.currentIndex()
        key = self.model.places[index.row()].key if index.isValid() else ""
        chosen = self.view.selectionModel()
        before = chosen.blockSignals(True)
        self.model.beginResetModel()
        self.model.places = [_Shown(place) for place in wanted]
        self.model.endResetModel()
        for row, shown in enumerate(self.model.places):
            if shown.key == key:
                self.view.setCurrentIndex(self.model.index(row))
        chosen.blockSignals(before)

    def refresh(self) -> None:
        """Count anew."""
        state, mode = self._session.state, self._session.mode
        wanted = [place for place in places() if place.role <= mode]
        if [shown.place for shown in self.model.places] != wanted:
            self._set_places(wanted)
        before = [(shown.count, shown.trouble) for shown in self.model.places]
        for shown in self.model.places:
            shown.count, shown.trouble = shown.place.figures(self._session)
        if before != [(shown.count, shown.trouble) for shown in self.model.places]:
            self.model.dataChanged.emit(self.model.index(0), self.model.index(len(self.model.places) - 1))
        renders = [(row, words.render_state(row)) for row in state.renders.values()]
        online = [row for row, shown in renders if shown not in words.OUT]
        self._slots.show_figures(
            sum(row.running for row in online), sum(max(row.max_tasks, 0) for row in online),
            sum(shown == "BUSY" for _, shown in renders), sum(shown == "FREE" for _, shown in renders),
            len(renders) - len(online),
        )  # fmt: skip
        self._where.setText(state.server or tr("no connection yet"))


class StatusBar(QFrame):
    """The line at the foot of the window."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("status")
        self.setFixedHeight(measures.status_bar)
        self._session, self._theme = session, theme
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 12, 0)
        row.setSpacing(10)
        self.badge = QPushButton()
        self.badge.setObjectName("mode")
        self.badge.setFixedHeight(measures.status_bar - 1)
        self.badge.clicked.connect(self._choose)
        self._who = label(tone="help")
        self._selection = label(tone="help")
        self._message = label()
        self._message.setObjectName("last-message")
        self._glyph = Glyph(theme)
        self._connection = label(name="connection")
        row.addWidget(self.badge)
        row.addWidget(self._who)
        row.addWidget(self._selection)
        row.addSpacing(24)
        row.addWidget(self._message, 1)
        row.addWidget(self._glyph)
        row.addWidget(self._connection)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(8000)
        self._timer.timeout.connect(lambda: self._message.setText(""))
        session.mode_changed.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def say(self, sentence: str, *, stays: bool = False) -> None:
        """Show a sentence for eight seconds; with ``stays`` until ``release``, for who is not there to read it."""
        self._message.setText(sentence)
        self._message.setToolTip(sentence)
        self._timer.stop() if stays else self._timer.start()

    def release(self) -> None:
        """Who was away is back: what stood for them stays for eight seconds more."""
        self._timer.start()

    def select(self, text: str) -> None:
        """Say what is selected."""
        self._selection.setText(text)

    def refresh(self) -> None:
        """Show mode, person and connection as they are."""
        session, look = self._session, self._theme.look
        mode = session.mode
        ink = look.user_ink if mode is Role.USER else look.mode_ink
        icon = {Role.USER: "user", Role.VISOR: "visor", Role.GOD: "god"}.get(mode, "user")
        self.badge.setIcon(self._theme.icon(icon, ink))
        self.badge.setText(mode.name)
        self.badge.setAccessibleName(tr("Mode: {0}", mode.name))
        self.badge.setToolTip(tr("You act as {0}. Click to change the mode.", mode.name))
        self.badge.setStyleSheet(
            f"#mode {{ background: {look.modes.get(mode.name, look.bg3)}; color: {ink}; border: 0; border-radius: 0;"
            f" padding: 0 14px; font-weight: 600; }} #mode:focus {{ border: 2px solid {look.focus}; padding: 0 12px; }}"
        )
        self._who.setText(session.user)
        state = session.state
        if state.connected and state.notices:
            first = state.notices[min(state.notices)]
            self._glyph.show_icon("glyph-dashed-ring", look.families["attn"].ink)
            self._connection.setText(f"{state.server} · {first.sentence}")
            self._connection.setToolTip("\n".join(f"{one.sentence} {one.hint}" for one in state.notices.values()))
        elif state.connected:
            self._glyph.show_icon("glyph-check", look.families["good"].ink)
            said = tr("live") if session.past is None else tr("as it was")
            self._connection.setText(f"{state.server} · {said}")
            self._connection.setToolTip(state.welcome.server if state.welcome is not None else "")
        elif state.lost_at:
            self._glyph.show_icon("glyph-dashed-ring", look.families["attn"].ink)
            since = words.clock_text(state.lost_at, session.clock())
            self._connection.setText(tr("{0} · lost since {1}, trying again", state.server, since))
            self._connection.setToolTip(state.trouble)
        else:
            self._glyph.show_icon("glyph-dashed-ring", look.families["wait"].ink)
            self._connection.setText(tr("looking for the farm"))
            self._connection.setToolTip(state.trouble)

    def _choose(self) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for role, icon, what in (
            (Role.USER, "user", tr("change what is yours")), (Role.VISOR, "visor", tr("change everybody's jobs")),
            (Role.GOD, "god", tr("change everything")),
        ):  # fmt: skip
            entry = menu.addAction(self._theme.icon(icon), f"{role.name}: {what}")
            entry.triggered.connect(lambda checked=False, role=role: self._session.choose_mode(role))
            if role > self._session.granted:
                entry.setEnabled(False)
                entry.setToolTip(tr("The server gives you {0} at most.", self._session.granted.name))
        menu.exec(self.badge.mapToGlobal(self.badge.rect().topLeft()) - menu.rect().bottomLeft())
        menu.deleteLater()
