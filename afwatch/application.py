"""The one QApplication, with the language of the texts: made before any view is imported.

Rules of this file:
- Titles of actions, columns and places are read when their modules are imported, so the language comes first; another
  language is another start of the program.
- The language ``pseudo`` is no language: it marks every text that passes through ``tr`` and makes it a third longer,
  so that what is not translated, or has no room, can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from afwatch.texts import CONTEXT, use_translator

__all__ = ["make_application", "pseudo"]

_FOLDER = Path(__file__).with_name("translations")


def pseudo(text: str) -> str:
    """Return a text marked and a third longer, its places as they were."""
    return f"⟦{text}{'~' * (len(text) // 3)}⟧"


def make_application(arguments: Sequence[str] = (), *, language: str = "") -> QApplication:
    """Return the one application of this process.

    ``language``: a locale as ``de`` or ``pt_BR``; else ``AF_WATCH_LANGUAGE``, else that of the system.  English is what
    is written in the source, and what is shown where a translation lacks a text.
    """
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    application = QApplication(["afwatch", *arguments])
    application.setApplicationName("afwatch")
    application.setApplicationDisplayName("Afwatch")
    application.setDesktopFileName("afwatch")
    application.setStyle("Fusion")
    _speak(application, language or os.environ.get("AF_WATCH_LANGUAGE", ""))
    return application


def _speak(application: QApplication, language: str) -> None:
    if language == "pseudo":
        use_translator(pseudo)
        return
    locale = QLocale(language) if language else QLocale.system()
    ours, qts = QTranslator(application), QTranslator(application)
    if qts.load(locale, "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qts)
    if ours.load(locale, CONTEXT, "_", str(_FOLDER)):
        application.installTranslator(ours)
        use_translator(lambda text: QCoreApplication.translate(CONTEXT, text))
