"""A clean machine gets everything: each part that the code or the tests import is named in pyproject.toml."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata

from tests.house import checks
from tests.house.files import PACKAGES, ROOT, parsed, sources

OWN = {*PACKAGES, "af", "afcmd", "aficons", "icons", "benchmarks", "tests"}


def normal(name: str) -> str:
    """Return a distribution's name as package registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that requirement lines name."""
    return {normal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in requirements}


def unnamed(trees: Mapping[str, ast.AST], allowed: set[str]) -> list[str]:
    """Return the imports, by file, of distributions that are not among ``allowed``."""
    homes = metadata.packages_distributions()
    found = []
    for file, tree in trees.items():
        for line, module in checks.imported_modules(tree):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names or top in OWN:
                continue
            if not {normal(name) for name in homes.get(top, [])} & allowed:
                found.append(f"{file}:{line}: {top} is not named in pyproject.toml")
    return found


def trees(*folders: str) -> dict[str, ast.AST]:
    """Return the parsed files of the folders by path."""
    return {path.relative_to(ROOT).as_posix(): parsed(path) for path in sources(*folders)}


def test_every_import_is_named() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    shipped = named(project["dependencies"])
    development = named(project["optional-dependencies"]["dev"])
    assert unnamed(trees(*PACKAGES, "icons"), shipped) == []
    assert unnamed(trees("tests", "benchmarks", "tools"), shipped | development) == []


def test_an_unnamed_import_is_told() -> None:
    tree = {"x.py": ast.parse("import json\nimport msgspec.json\nfrom afcore import ids\nimport nowhere_at_all")}
    assert unnamed(tree, {"msgspec"}) == ["x.py:4: nowhere_at_all is not named in pyproject.toml"]
    assert len(unnamed(tree, set())) == 2
    assert named(["PySide6>=6.8; python_version < '3.12'", "psycopg2_binary", "a[b]>1"]) == {
        "pyside6",
        "psycopg2-binary",
        "a",
    }
