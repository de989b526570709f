"""Another language reaches every text of the window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from afwatch.application import pseudo
from afwatch.texts import tr, use_translator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spoken() -> Iterator[None]:
    """Speak the pseudo language in this process for one test."""
    use_translator(pseudo)
    yield
    use_translator(None)


def test_every_text_of_the_window_is_translated() -> None:
    environment = dict(os.environ, QT_QPA_PLATFORM="offscreen")
    told = subprocess.run([sys.executable, "-m", "tests.gui.pseudo_child"], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {}


def test_values_fill_the_places_of_a_text(spoken: None) -> None:
    assert tr("{0} of {1}", 3, 5) == "⟦3 of 5~~~⟧"
    assert tr("no {place}") == "⟦no {place}~~~⟧"


def test_a_translation_that_does_not_fit_is_not_shown() -> None:
    use_translator(lambda text: "{5} fehlt")
    try:
        assert tr("{0} of {1}", 3, 5) == "3 of 5"
    finally:
        use_translator(None)
    assert tr("{0} of {1}", 3, 5) == "3 of 5"
