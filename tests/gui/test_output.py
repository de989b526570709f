"""Output to read: what tells of errors stands out, and only what is in sight is looked at."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from afwatch.theme.paint import Theme
from afwatch.views import output
from afwatch.views.output import OutputText, kind_of_line


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Error: texture rock.tx is empty", "bad"),
        ("render FAILED on bucket 12", "bad"),
        ("Traceback (most recent call last):", "bad"),
        ("[warning] missing normals", "attn"),
        ("done: 0 errors, 0 warnings", ""),
        ("finished with no error", ""),
        ("no error in the scene, fatal: no licence", "bad"),
        ("terror.exr written", ""),
        ("x" * 5000 + " error", ""),
    ],
)
def test_words_of_errors_and_warnings_are_known(line: str, kind: str) -> None:
    assert kind_of_line(line) == kind


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_lines_of_errors_have_a_ground_of_their_own(
    application: QApplication, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theme = Theme(scheme)
    text = OutputText(theme)
    text.resize(400, 300)
    lines = [f"frame {number} done" for number in range(50_000)]
    lines[1], lines[2] = "Error: no light", "Warning: slow"
    text.setPlainText("\n".join(lines))
    looked: list[str] = []

    def look(line: str) -> str:
        looked.append(line)
        return kind_of_line(line)

    monkeypatch.setattr(output, "kind_of_line", look)
    text.show()
    picture = text.grab().toImage()
    assert looked and len(set(looked)) < 60, "what is not in sight is not looked at"
    (error, _, bad), (warning, _, attention) = text.marked_lines()
    assert (bad, attention) == ("bad", "attn")
    left = text.viewport().x()
    for top, kind in ((error, "bad"), (warning, "attn")):
        ground = QColor(picture.pixel(left + text.viewport().width() - 6, int(top) + text.viewport().y() + 4))
        assert ground.name() == QColor(theme.look.families[kind].tint).name()
    text.verticalScrollBar().setValue(40_000)
    assert text.marked_lines() == []
    text.close()
