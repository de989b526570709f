"""Programs of this machine that show what tasks wrote: a folder, or a file by the studio's preview commands.

Rules of this file:
- Names of files are the farm's and become this machine's by its path map; no shell reads them.
- What cannot be shown is said in a sentence: nothing is started on a guess.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QProcess, QUrl
from PySide6.QtGui import QDesktopServices

from afcore.config import Config
from afcore.pathmap import PathMap
from afwatch.texts import tr

__all__ = ["Outside"]


def _launch(words: list[str], folder: str) -> bool:
    """Start a program that goes on by itself; False when there is none of that name."""
    started: Any = QProcess.startDetached(words[0], words[1:], folder)  # with the number of the process, or without
    return bool(started[0] if isinstance(started, tuple) else started)


class Outside:
    """What this machine can show."""

    def __init__(
        self, previews: Sequence[str] = (), folder_command: str = "", paths: PathMap | None = None, *,
        launch: Callable[[list[str], str], bool] = _launch,
    ) -> None:  # fmt: skip
        """``previews``: ``Name|program @ARG@`` each; ``folder_command``: with ``@PATH@``, or empty."""
        self.previews: list[tuple[str, str]] = []
        """Title and command of each preview command."""
        for each in previews:
            title, _, command = each.rpartition("|")
            if command.strip():
                self.previews.append((title.strip() or command.split()[0], command.strip()))
        self._folder_command = folder_command
        self._paths = paths or PathMap()
        self._launch = launch

    @classmethod
    def of(cls, config: Config) -> Outside:
        """Return what the settings of this machine say."""
        return cls(config["previewcmds"], config["open_folder_cmd"], config.path_map())

    def open_folder(self, file: str) -> str:
        """Open the folder of a farm's file; return why not, empty when it was opened."""
        folder = Path(self._paths.to_client(file)).parent
        if not folder.is_dir():
            return tr("This machine has no folder {0}. The setting pathsmap says where the farm's are.", folder)
        if self._folder_command:
            return self._run(self._folder_command, "@PATH@", str(folder), folder)
        if QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            return ""
        return tr("No program of this machine opens folders; the setting open_folder_cmd names one.")

    def preview(self, command: str, file: str) -> str:
        """Show a farm's file by a preview command; return why not, empty when it was started."""
        path = Path(self._paths.to_client(file))
        if not path.is_file():
            return tr("There is no file {0} on this machine: it was not written yet, or pathsmap does not say where.",
                      path)  # fmt: skip
        return self._run(command, "@ARG@", str(path), path.parent)

    def _run(self, command: str, place: str, value: str, folder: Path) -> str:
        words = shlex.split(command)
        found = [word.replace(place, value) for word in words]
        if found == words:
            found.append(value)
        return "" if self._launch(found, str(folder)) else tr("This machine has no program {0}.", found[0])
