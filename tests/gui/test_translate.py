"""``tools/translate``: every text of the source reaches translators, what they wrote stays, and Qt can read it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from afwatch.texts import CONTEXT
from tests.house.files import ROOT, parsed, sources
from tests.house.texts import translated


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "translate"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_texts_go_to_translators_and_come_back(application: QApplication, tmp_path: Path) -> None:
    assert run("de", str(tmp_path)).returncode == 0
    file = tmp_path / "afwatch_de.ts"
    tree = ElementTree.parse(file)
    told = {message.findtext("source") for message in tree.iter("message")}
    wanted = {text for path in sources("afwatch") for _, text in translated(parsed(path)) if "{}" not in text}
    assert wanted - told == set() and {"Running", "Error"} <= told
    for message in tree.iter("message"):
        if message.findtext("source") == "{0} selected":
            translation = message.find("translation")
            assert translation is not None and translation.get("type") == "unfinished"
            translation.text = "{0} gewählt"
            del translation.attrib["type"]
            message.tail = ""
    context = tree.find("context")
    assert context is not None
    old = ElementTree.SubElement(context, "message")
    ElementTree.SubElement(old, "source").text = "No source says this"
    ElementTree.SubElement(old, "translation").text = "x"
    tree.write(file, "utf-8", xml_declaration=True)
    again = run("de", str(tmp_path))
    assert again.returncode == 0 and "1 of them translated" in again.stdout
    assert "No source says this" not in file.read_text("utf-8")
    translator = QTranslator()
    assert translator.load(str(tmp_path / "afwatch_de.qm"))
    assert translator.translate(CONTEXT, "{0} selected") == "{0} gewählt"
    assert not translator.translate(CONTEXT, "Cancel")


def test_a_language_is_needed() -> None:
    told = run()
    assert told.returncode == 2 and "tools/translate LANGUAGE" in told.stderr
