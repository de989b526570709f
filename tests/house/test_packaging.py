"""What a wheel holds: the list of packages is the tree, and the files beside the code are well formed."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from afcore import config, farmfile
from tests.house.files import PACKAGES, ROOT


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def packages_of(tree: Path) -> Iterator[str]:
    """Yield the packages that lie in a checkout, under the names they have when installed."""
    for root in PACKAGES:
        for init in (tree / root).rglob("__init__.py"):
            package = ".".join(init.relative_to(tree).parts[:-1])
            if not package.startswith("afnet.python"):
                yield package
    for init in (tree / "afnet" / "python").glob("*/__init__.py"):
        yield init.parent.name
    if (tree / "icons" / "__init__.py").is_file():
        yield "aficons"


def test_every_package_is_in_the_wheel() -> None:
    listed = project()["tool"]["setuptools"]["packages"]
    there = set(packages_of(ROOT))
    assert sorted(there - set(listed)) == [], "add these to [tool.setuptools] packages in pyproject.toml"
    assert sorted(set(listed) - there) == [], "take these out of [tool.setuptools] packages in pyproject.toml"
    assert len(listed) == len(set(listed))


def test_no_folder_of_code_lacks_its_init() -> None:
    folders = {path.parent for root in PACKAGES for path in (ROOT / root).rglob("*.py")}
    known = ("migrations", "python")
    bare = [
        folder.relative_to(ROOT).as_posix()
        for folder in folders
        if not (folder / "__init__.py").is_file() and not any(part in known for part in folder.parts)
    ]
    assert bare == []


@pytest.fixture
def icons() -> Iterator[ModuleType]:
    """Return the icons package under the name that is not installed in a checkout."""
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("icons")
    finally:
        sys.path.remove(str(ROOT))


def test_icons_are_one_family(icons: ModuleType) -> None:
    names = icons.names()
    wanted = {"afwatch", "job", "block", "task", "render", "user", "pool", "branch"}
    wanted |= {"play", "pause", "stop", "skip", "restart", "error", "done"}
    assert wanted <= set(names)
    for name in names:
        root = ElementTree.parse(icons.path(name)).getroot()
        if name == "afwatch":
            continue
        assert root.get("viewBox") == "0 0 16 16", name
        assert (root.get("stroke"), root.get("stroke-width"), root.get("fill")) == ("currentColor", "1.5", "none"), name
        paints = {value for node in root.iter() for key, value in node.items() if key in ("fill", "stroke")}
        assert paints <= {"none", "currentColor"}, name


def test_an_unknown_icon_is_told(icons: ModuleType) -> None:
    with pytest.raises(KeyError, match="no icon 'moon'; there are: afwatch, back, bell"):
        icons.path("moon")


def test_the_shipped_settings_set_nothing_and_their_examples_are_true() -> None:
    text = (ROOT / "config.json").read_text(encoding="utf-8")
    assert config.parse_file(text, file="config.json") == config.Layer("config.json", {}, [])
    examples = config.parse_file(text.replace('"-', '"'), file="config.json", systems=["windows"])
    assert examples.values["af_serverport"] == 51000
    assert examples.values["pathsmap"]


def test_the_shipped_farm_file_sets_nothing_and_its_example_is_true() -> None:
    text = (ROOT / "farm.xml").read_text(encoding="utf-8")
    assert farmfile.parse_farm(text).patterns == []
    example = re.search(r"<pattern.*</pattern>", text, flags=re.DOTALL)
    assert example
    (pattern,) = farmfile.parse_farm(f"<farm>{example.group()}</farm>").patterns
    assert (pattern.name, pattern.mask, len(pattern.services)) == ("Render Host", "render[0-9]+", 3)


def test_qt_is_not_a_broken_one() -> None:
    requirements = project()["project"]["dependencies"]
    assert "PySide6>=6.8,<6.12; python_version < '3.12'" in requirements
