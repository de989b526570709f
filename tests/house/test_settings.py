"""Every setting that is explained to people means something to a program."""

from __future__ import annotations

import ast

from afcore.settings import CLASSIC, SETTINGS
from tests.house.files import PACKAGES, parsed, sources


def test_no_setting_is_without_effect() -> None:
    words: set[object] = set()
    for path in sources(*PACKAGES):
        if path.name != "settings.py":
            words |= {node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant)}
    assert sorted(set(SETTINGS) - words) == []


def test_no_setting_is_read_and_passed_over() -> None:
    assert sorted(CLASSIC & set(SETTINGS)) == []
