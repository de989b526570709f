"""Reads the parts of a Markdown file that tests look at: fenced blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "anchors", "blocks", "broken_links", "commands"]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the mark after it, the line it begins on, and its text."""

    file: Path
    line: int
    language: str
    mark: str
    text: str


def blocks(file: Path) -> list[Block]:
    """Return the fenced blocks of a file."""
    found: list[Block] = []
    fence: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.lstrip().startswith("```"):
            lines.append(line)
        elif fence is None:
            language, _, mark = line.strip().strip("`").strip().partition(" ")
            fence, lines = (number, language, mark.strip()), []
        else:
            found.append(Block(file, *fence, "\n".join(lines)))
            fence = None
    return found


def commands(block: Block) -> list[str]:
    """Return the commands of a console block: what follows ``$ ``, with lines continued by a backslash joined."""
    text = block.text.replace("\\\n", " ")
    return [line.strip()[2:].strip() for line in text.splitlines() if line.strip().startswith("$ ")]


def _without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(file: Path) -> set[str]:
    """Return the anchors that a file's headings make, as GitHub does."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", _without_blocks(file.read_text(encoding="utf-8")), flags=re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 1
        while anchor in found:
            anchor = f"{anchor.rsplit('-', 1)[0] if number > 1 else anchor}-{number}"
            number += 1
        found.add(anchor)
    return found


def broken_links(file: Path) -> list[str]:
    """Return the relative links of a file that lead nowhere: no such file, or no such heading in it."""
    found = []
    text = re.sub(r"`[^`\n]*`", "", _without_blocks(file.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (file.parent / path).resolve() if path else file
        if not place.exists():
            found.append(f"{target}: there is no such file")
        elif anchor and anchor not in anchors(place):
            found.append(f"{target}: there is no such heading")
    return found
