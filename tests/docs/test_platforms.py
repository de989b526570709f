"""docs/platforms.md lists every file with code for a system on which it was never run."""

from __future__ import annotations

import re

from tests.house.files import PACKAGES, ROOT, sources

# What a file says when it asks which system it runs on, or leaves a call to one system.
ASKS = re.compile(r"sys\.platform|\bplatform == \"|platform\.system\(|os\.name\b|import msvcrt|WinDLL|fullfsync")


def listed() -> set[str]:
    """Return the files that the document names in its table."""
    text = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+\.py)`", text, flags=re.MULTILINE))


def test_every_file_with_code_of_a_system_is_listed() -> None:
    asking = {
        path.relative_to(ROOT).as_posix()
        for path in sources(*PACKAGES)
        if ASKS.search(path.read_text(encoding="utf-8"))
    }
    assert sorted(asking - listed()) == [], "say in docs/platforms.md what it does there, and what of it is tested"


def test_every_listed_file_exists() -> None:
    assert sorted(name for name in listed() if not (ROOT / name).is_file()) == []


def test_asking_is_found() -> None:
    assert ASKS.search('if sys.platform == "win32":')
    assert ASKS.search("import msvcrt")
    assert not ASKS.search("import platformdirs")
