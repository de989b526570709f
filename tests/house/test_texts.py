"""Every text of the monitor can be translated."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from tests.house.texts import translated, untranslated

ROOT = Path(__file__).resolve().parents[2] / "afwatch"
TERMINAL = {"main.py", "embed.py", "bridge.py"}
"""What these say goes to the terminal and to logs, which are in English as those of the server."""
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.name not in TERMINAL]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_goes_through_tr(path: Path) -> None:
    found = list(untranslated(ast.parse(path.read_text("utf-8"))))
    told = "\n".join(f"{path.name}:{line}: {text!r}" for line, text in found)
    assert not found, f'write tr("…", values) of afwatch.texts instead of these texts:\n{told}'


def test_places_of_texts_are_numbered() -> None:
    """A translation may turn them round."""
    texts = [(path, line, text) for path in FILES for line, text in translated(ast.parse(path.read_text("utf-8")))]
    assert len(texts) > 400
    for path, line, text in texts:
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field]
        assert all(field[0].isdecimal() for field in fields), f"{path}:{line}: {text}"


@pytest.mark.parametrize("bad", ('label("Not running")', 'x.setText(f"{n} jobs are late")', 'TITLES = ("Restart…",)',
                                 'Action("key", "Retry errors", icon="x")'))  # fmt: skip
def test_a_planted_text_is_found(bad: str) -> None:
    assert list(untranslated(ast.parse(bad)))


@pytest.mark.parametrize("good", (
    'label(tr("Not running"))', 'x.setObjectName("Some name here")', '"""A docstring here."""',
    'if x == "All jobs": pass', 'key("Ctrl+Shift+P")', 'D = {"All jobs": 1}',
))  # fmt: skip
def test_names_and_keys_are_no_texts(good: str) -> None:
    assert not list(untranslated(ast.parse(good)))
