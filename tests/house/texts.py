"""Which texts of the monitor a person reads, and whether they can be translated: pure functions on a syntax tree.

Rules of this file:
- A text is a literal that reads like words: two words, or one with a capital letter.  What goes into calls and
  arguments that take names, keys or formats is none; neither are docstrings, keys of dictionaries and what is compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

__all__ = ["translated", "untranslated"]

_KEYS = re.compile(r"(Ctrl|Alt|Shift|F\d|Del|Esc|Return|Enter|Home|End|Meta)\b[+\w`\-=,]*")
_WORDS = re.compile(r"[A-Za-z]{2,}[,.;:!?]? [A-Za-z{]|\} [a-z]{2}|[a-z]{3} \{")
_CAPITAL = re.compile(r"[A-Z][a-z]+[….:]?")

NAMING = frozenset("""
    setObjectName getattr setattr hasattr debug info warning exception error compile setStyleSheet icon font flag number
    put strftime import_module find_spec setShortcut QKeySequence encode decode startswith endswith split rsplit
    partition rpartition join replace removeprefix removesuffix find index count getenv state_look draw_icon icon_pixmap
    show_icon ask get pop turn turn_inspector go pane place_of read_text write_text open print run Popen setProperty
    Signal connect Thread find_operation setFeature state colour Glyph AssertionError KeyError rstrip lstrip strip
    setApplicationName setDisplayFormat
    setApplicationDisplayName setDesktopFileName setStyle choose bar _select query open_with text
""".split())
"""Calls whose texts are names, keys or formats."""
_NAMING_WORDS = frozenset(
    "icon name shape tone operation kind key program scheme glyph state section errors service place".split()
)


def _reads_like_words(text: str) -> bool:
    if _KEYS.fullmatch(text) or "{{" in text or text.startswith(("#", "--", "@", "http", "/", "QWidget")):
        return False
    return bool(_WORDS.search(text) or _CAPITAL.fullmatch(text))


def _text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def translated(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of every call of ``tr`` with a literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "tr" and node.args:
            text = _text_of(node.args[0])
            if text is not None and isinstance(node.args[0], ast.Constant):
                yield node.lineno, text


def untranslated(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every literal that a person would read and that does not pass through ``tr``."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        text = _text_of(node)
        if text is not None and _reads_like_words(text) and not _is_no_text(node, parents):
            yield getattr(node, "lineno", 0), text


def _is_no_text(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    if isinstance(parents[node], ast.Expr | ast.JoinedStr):
        return True
    below, innermost = node, True
    while below in parents:
        above = parents[below]
        if isinstance(above, ast.keyword) and innermost and above.arg in _NAMING_WORDS:
            return True
        if isinstance(above, ast.Call) and below is not above.func:
            name = _called(above)
            if name == "tr" or (innermost and name in NAMING):
                return True
            innermost = False
        if isinstance(above, ast.Compare | ast.Raise | ast.Assert | ast.FormattedValue):
            return True
        if (isinstance(above, ast.Subscript) and below is above.slice) or (
            isinstance(above, ast.Dict) and below in above.keys
        ):
            return True
        if isinstance(above, ast.AnnAssign | ast.arg) and below is above.annotation:
            return True
        if isinstance(above, ast.FunctionDef) and below is not above and below in (above.returns, above.args):
            return True
        if isinstance(above, ast.Assign) and "__all__" in [to.id for to in above.targets if isinstance(to, ast.Name)]:
            return True
        below = above
    return False
