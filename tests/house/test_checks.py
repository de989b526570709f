"""Every check of the house refuses a planted bad snippet and lets a good one pass."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from tests.house import checks

SOURCE_CHECKS: list[tuple[Callable[[ast.Module], list[str]], str, str]] = [
    (checks.core_bans, "import datetime\nnow = datetime.datetime.now()", "import math\nx = math.floor(1.5)"),
    (checks.core_bans, "from datetime import datetime as d\nd.utcnow()", "def later(now):\n    return now + 1"),
    (checks.core_bans, "f = open('x')", "door.open('x')"),
    (checks.core_bans, "from random import choice as pick\npick([1])", "pick = min\npick([1])"),
    (checks.core_bans, "def f():\n    import time\n    return time.monotonic()", "job.time.start()"),
    (checks.dangerous_calls, "eval('1')", "evaluate('1')"),
    (checks.dangerous_calls, "exec('x = 1')", "cursor.exec('x')"),
    (checks.dangerous_calls, "import pickle", "import json"),
    (checks.dangerous_calls, "from marshal import loads", "from json import loads"),
    (
        checks.dangerous_calls,
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run(['ls'])",
    ),
    (checks.dangerous_calls, "import subprocess as s\ns.Popen(c, shell=flag)", "s.Popen(c, shell=False)"),
    (checks.dangerous_calls, "from os import system\nsystem('ls')", "farm.system('ls')"),
    (
        checks.dangerous_calls,
        "import asyncio\nasyncio.create_subprocess_shell('ls')",
        "asyncio.create_subprocess_exec('ls')",
    ),
    (checks.dangerous_calls, "__import__(name)", "importlib.import_module('afwatch.main')"),
    (checks.prints, "print('x')", "console.print('x')"),
    (checks.bare_sleeps, "import time\ntime.sleep(1)", "import asyncio\nasyncio.sleep(0)"),
    (checks.bare_sleeps, "from time import sleep\nsleep(1)", "sleep(host)"),
    (checks.module_docstring, "x = 1", '"""What it is."""\nx = 1'),
    (checks.module_docstring, '"""what it is"""', '"""What it\nis.\n\nMore\n"""'),
    (checks.exports, "def f(): ...", "def _f(): ..."),
    (checks.exports, "__all__ = ['b', 'a']\na = b = 1", "__all__ = ['a', 'b']\na = b = 1"),
    (checks.exports, "__all__ = ['B', 'a', 'Z']\na = B = Z = 1", "__all__ = ['AB', 'Aa', 'a']\na = Aa = AB = 1"),
    (checks.exports, "__all__ = ['gone']", "from x import gone\n__all__ = ['gone']"),
    (checks.exports, "__all__ = []\nclass A: ...", "__all__ = ['A']\nclass A: ..."),
    (checks.exports, "__all__ = []\nif x:\n    def f(): ...", "__all__ = ['f']\nif x:\n    def f(): ..."),
]


@pytest.mark.parametrize(("check", "bad", "good"), SOURCE_CHECKS)
def test_a_check_refuses_the_bad_and_passes_the_good(
    check: Callable[[ast.Module], list[str]], bad: str, good: str
) -> None:
    assert check(ast.parse(bad))
    assert check(ast.parse(good)) == []


def test_misplaced_parts() -> None:
    tree = ast.parse("def main():\n    import uvloop")
    places = {"uvloop": ["afnet.server.main"]}
    assert checks.misplaced_parts("afnet.server.main", tree, places) == []
    assert checks.misplaced_parts("afnet.server.mainly", tree, places)
    assert checks.misplaced_parts("afcore.core", tree, {"uvloop": []})


def test_foreign_imports() -> None:
    own = ["afcore.errors", "afnet.api"]
    good = ast.parse("import json\nfrom urllib import request\nfrom afcore.errors import BadSpec\nimport afnet.api.job")
    assert checks.foreign_imports(good, own) == []
    for bad in ("import msgspec", "from afcore.model import job", "from afcore import errors_of_others"):
        assert checks.foreign_imports(ast.parse(bad), own)


@pytest.mark.parametrize(
    "bad",
    [
        "from __future__ import annotations\nmatch x:\n    case 1: ...",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass(slots=True)\nclass A: ...",
        "from __future__ import annotations\nfrom dataclasses import field\nx = field(kw_only=True)",
        "from __future__ import annotations\nzip(a, b, strict=True)",
        "from __future__ import annotations\ntry: ...\nexcept* OSError: ...",
        "import json",
    ],
)
def test_newer_than_39(bad: str) -> None:
    assert checks.newer_than_39(bad)


def test_python_39_passes() -> None:
    good = '"""Doc."""\nfrom __future__ import annotations\ndef f(x: int | None) -> list[int]: ...\nzip(a, b)'
    assert checks.newer_than_39(good) == []
    assert checks.newer_than_39('"""Only a docstring."""') == []


def test_undone() -> None:
    assert checks.undone("fine\n# to" + "do nothing") == []
    assert checks.undone("fine\n# TO" + "DO: later") == ["2: TO" + "DO"]


TREE = '"""Errors.\n\n    Root\n     +-- Left  words\n     |    +-- Leaf\n     +-- Right\n\nA sentence.\n"""\n'
CLASSES = "class Root(Exception): ...\nclass Left(Root): ...\nclass Leaf(Left): ...\nclass Right(Root): ...\n"


def test_error_tree() -> None:
    assert checks.error_tree(ast.parse(TREE + CLASSES + "class NotAnError: ...")) == []
    assert checks.error_tree(ast.parse(TREE + CLASSES + "class New(Left): ...")) == ["1: New is not drawn in the tree"]
    moved = "class Root(Exception): ...\nclass Left(Root): ...\nclass Right(Root): ...\nclass Leaf(Right): ...\n"
    assert checks.error_tree(ast.parse(TREE + moved)) == ["1: Leaf is drawn under Left and is a Right"]
    assert checks.error_tree(ast.parse(TREE + CLASSES.replace("class Leaf(Left): ...\n", ""))) == [
        "1: Leaf is drawn and is not a class"
    ]
