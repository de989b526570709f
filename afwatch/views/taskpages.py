"""Pages of a task's window beside its output: its runs with hosts and errors, its command, and its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afwatch import words
from afwatch.parameterwords import value_text, word_of
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour
from afwatch.views.parts import label

__all__ = ["CommandPage", "FilesPage", "RunsPage"]

_COLUMNS = (tr("Run"), tr("How it ended"), tr("Host"), tr("Ended"), tr("Took"), tr("Exit"), tr("User"))
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
_THUMBNAIL = 160

Key = tuple[int, int, int]


class RunsPage(QWidget):
    """Every finished run of the task, newest first; Enter shows the output of one."""

    def __init__(self, session: Session, theme: Theme, show_run: Callable[[int], object]) -> None:
        super().__init__()
        self._session, self._theme, self._show_run = session, theme, show_run
        self._rows: list[dict[str, Any]] = []
        self._kept = ""
        theme.changed.connect(self._on_theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.summary = label(tone="help")
        self.summary.setWordWrap(True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setAccessibleName(tr("Runs of the task"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.itemActivated.connect(self._on_activated)
        for place, width in enumerate((60, 180, 180, 150, 110, 70)):
            self.table.setColumnWidth(place, width)
        self.avoided = label(tone="help")
        self.avoided.setWordWrap(True)
        self.avoided.hide()
        column.addWidget(self.summary)
        column.addWidget(self.avoided)
        column.addWidget(self.table, 1)

    def load(self, key: Key) -> None:
        """Ask for the runs of a task."""
        job, block, task = key
        pending = self._session.ask("history.runs", job=job, block=block, task=task, limit=200)
        pending.success(self._came).failure(self._failed)
        pending = self._session.ask("job.error-hosts", job=job, blocks=[block])
        pending.success(partial(self._tell_avoided, task))

    def _came(self, body: dict[str, Any]) -> None:
        self._rows = body["rows"]
        if "keep_days" in body:  # a server of an older version does not say
            self._kept = words.kept(body["keep_days"])
        self._fill()

    def _tell_avoided(self, task: int, body: dict[str, Any]) -> None:
        """Say which hosts get the task no more, because they failed it, or failed its block too often."""
        told = [
            tr("{0} (failed its block {1})", row["render"], words.plural(row["errors"], "time")) if row["task"] < 0
            else tr("{0} (failed it {1})", row["render"], words.plural(row["errors"], "time"))
            for row in body["rows"] if row["avoided"] and row["task"] in (-1, task)
        ]  # fmt: skip
        self.avoided.setText(tr("Avoided: {0}. Forget failed hosts lets them try again.", ", ".join(told)))
        self.avoided.setVisible(bool(told))

    def _fill(self) -> None:
        rows = self._rows
        now, look = self._session.clock(), self._theme.look
        self.table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            took = (row["done_ms"] - row["started_ms"]) / 1000
            bad = bool(row.get("error"))
            for column, text in enumerate((
                str(row["run"]), row["status"].replace("_", " "), row.get("hostname", ""),
                words.clock_text(row["done_ms"] / 1000, now), words.duration(max(0.0, took)),
                str(row["exit_status"]), row.get("username", ""),
            )):  # fmt: skip
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, row["run"])
                if bad and column == 1:
                    item.setForeground(colour(look.families["bad"].ink))
                self.table.setItem(place, column, item)
        failed = Counter(row.get("hostname", "") for row in rows if row.get("error"))
        if failed:
            told = ", ".join(f"{host} ({count})" for host, count in failed.most_common(8))
            said = tr("{0}, on {1}.", words.plural(sum(failed.values()), 'error'), told)
        elif rows:
            said = tr("{0}, none failed.", words.plural(len(rows), 'finished run'))
        else:
            said = tr("No run is over yet.")
        self.summary.setText(tr("{0} Runs are {1}.", said, self._kept) if self._kept else said)

    def _failed(self, error: AfError) -> None:
        self.summary.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    def _on_theme(self) -> None:
        if self._rows:
            self._fill()

    def _on_activated(self, item: QTableWidgetItem) -> None:
        self._show_run(int(item.data(Qt.ItemDataRole.UserRole)))


class CommandPage(QWidget):
    """What the task runs: command, folder, environment, and what its block asks for."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(theme.font("mono"))
        self.text.setAccessibleName(tr("Command and environment"))
        column.addWidget(self.text)

    def load(self, key: Key, row: dict[str, Any]) -> None:
        """Show a task's command, and ask for its block's settings."""
        command = row["command"]
        lines = [tr("Command"), f"  {command if isinstance(command, str) else ' '.join(command)}", ""]
        if row.get("files"):
            lines += [tr("Files it writes"), *(f"  {name}" for name in row["files"][:50]), ""]
        self.text.setPlainText("\n".join(lines))
        pending = self._session.ask("parameters.show", kind="block", things=[f"{key[0]}.{key[1]}"])
        pending.success(lambda body: self._more(lines, body["rows"]))

    def _more(self, lines: list[str], rows: list[dict[str, Any]]) -> None:
        values = {row["name"]: row["values"][0][0] for row in rows if row["values"]}
        environment = values.pop("environment", {})
        if environment:
            lines += [tr("Environment"), *(f"  {name}={value}" for name, value in sorted(environment.items())), ""]
        lines.append(tr("Its block"))
        lines += [
            f"  {word_of(name):<20} {value_text(value)}"
            for name, value in values.items()
            if value not in ("", [], {}, -1) and name != "command"
        ]
        self.text.setPlainText("\n".join(lines))


class FilesPage(QWidget):
    """Files that are kept of the task: pictures as thumbnails, others by name."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.note = label(tone="help")
        self.view = QListWidget()
        self.view.setViewMode(QListWidget.ViewMode.IconMode)
        self.view.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL * 9 // 16))
        self.view.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.view.setMovement(QListWidget.Movement.Static)
        self.view.setSpacing(12)
        self.view.setAccessibleName(tr("Files of the task"))
        column.addWidget(self.note)
        column.addWidget(self.view, 1)

    def load(self, key: Key) -> None:
        """Ask for the files of a task."""
        job, block, task = key
        pending = self._session.ask("task.files", job=job, block=block, task=task)
        pending.success(lambda body: self._fill(body["rows"])).failure(self._failed)

    def _fill(self, rows: list[dict[str, Any]]) -> None:
        self.view.clear()
        self.note.setText(words.plural(len(rows), "file") if rows else tr("No files are kept of this task."))
        for row in rows:
            item = QListWidgetItem(self._theme.icon("file"), f"{row['name']}\n{_size(row['size'])}")
            self.view.addItem(item)
            if str(row["name"]).lower().endswith(_PICTURES):
                self._picture(row["id"], item)

    def _picture(self, id: str, item: QListWidgetItem) -> None:
        def came(body: dict[str, Any]) -> None:
            pixmap = QPixmap()
            if pixmap.loadFromData(body["data"]):
                item.setIcon(QIcon(pixmap))

        self._session.ask("file.read", id=id).success(came)

    def _failed(self, error: AfError) -> None:
        self.note.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())


def _size(size: int) -> str:
    return f"{size / 1024:.0f} kB" if size >= 1024 else tr("{0} bytes", size)
