"""Modules stay small: past 400 lines a warning is printed, past 600 a reason must be written here."""

from __future__ import annotations

from tests.house.files import PACKAGES, ROOT, sources

LOOK, REASON = 400, 600

# Path -> why it may be longer than 600 lines. This list only shrinks.
REASONS: dict[str, str] = {}


def line_counts() -> dict[str, int]:
    """Return the lines of every module, by path."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(*PACKAGES, "benchmarks", "icons", "tests")
    }


def too_long(lines: dict[str, int], reasons: dict[str, str]) -> list[str]:
    """Return the modules that are past 600 lines without a reason, and the reasons that nothing needs."""
    found = [f"{path} has {n} lines: split it, or write down why not" for path, n in lines.items() if n > REASON]
    found = [line for line in found if line.split()[0] not in reasons]
    found += [f"{path} no longer needs its reason" for path in reasons if lines.get(path, 0) <= REASON]
    return found


def test_modules_are_small() -> None:
    lines = line_counts()
    for path, count in sorted(lines.items()):
        if LOOK < count <= REASON:
            print(f"look at {path}: {count} lines")
    assert too_long(lines, REASONS) == []


def test_a_long_module_is_told() -> None:
    assert too_long({"a.py": 601, "b.py": 600}, {}) == ["a.py has 601 lines: split it, or write down why not"]
    assert too_long({"a.py": 601}, {"a.py": "one table"}) == []
    assert too_long({"a.py": 10}, {"a.py": "one table"}) == ["a.py no longer needs its reason"]
