"""Links between the documents lead somewhere."""

from __future__ import annotations

from pathlib import Path

from tests.docs.markdown import broken_links
from tests.house.files import ROOT, documents


def test_links_lead_somewhere() -> None:
    found = [f"{file.relative_to(ROOT)}: {link}" for file in documents() for link in broken_links(file)]
    assert found == []


def test_a_broken_link_is_told(tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# One thing: `done`\n```\n# no heading\n```\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "# Top\n[a](other.md) [b](gone.md) [c](other.md#one-thing-done) [d](other.md#no-heading) [e](#top) [f](#bottom)"
        " [g](https://example.org/x) `[h](nowhere)`\n",
        encoding="utf-8",
    )
    assert broken_links(page) == [
        "gone.md: there is no such file",
        "other.md#no-heading: there is no such heading",
        "#bottom: there is no such heading",
    ]
