"""An agent on a node that has only what ``tools/agent-requirements.txt`` names: it works, and says what is missing."""

from __future__ import annotations

import os
import re
import tomllib

import pytest

from tests.agent.images import write_image
from tests.e2e.processes import FarmProcess
from tests.house.files import ROOT
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

MODULES = {
    "SQLAlchemy": "sqlalchemy", "psycopg2-binary": "psycopg2", "PySide6": "PySide6 shiboken6", "jeepney": "jeepney",
    "pyqtgraph": "pyqtgraph", "aiohttp": "aiohttp", "alembic": "alembic", "uvloop": "uvloop",
}  # fmt: skip
"""Modules of what a node does not have."""

HIDING = """
import sys
class Hiding:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {names!r} else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
"""


def lines(text: list[str]) -> set[str]:
    return {line.replace('"', "'") for line in text if line and not line.startswith("#")}


def test_an_agent_works_without_qt_database_and_web_server(farm_process: FarmProcess, monkeypatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    node = lines((ROOT / "tools" / "agent-requirements.txt").read_text().splitlines())
    assert node <= lines(project), "a node has the versions the project has"
    missing = {re.split(r"[<>=;]", line)[0].strip() for line in lines(project) - node}
    hidden = [name for part in missing for name in MODULES.get(part, part).split()]
    assert "PySide6" in hidden and "numpy" not in hidden
    farm = farm_process
    place = farm.folder / "hiding"
    place.mkdir()
    (place / "sitecustomize.py").write_text(HIDING.format(names=hidden))
    write_image(farm.folder / "f.0001.png")
    farm.environment |= {"PYTHONPATH": os.pathsep.join((str(place), str(ROOT))), "DISPLAY": ":99"}
    farm.start_agent(headless=False)
    here = str(farm.folder)
    block = {"frame_first": 1, "frame_last": 1, "command": "echo done", "files": ["f.@####@.png"]}
    id = farm.submit({**block, "working_directory": here})
    farm.wait_job(id)
    wait_for(lambda: farm.ask("task.files", job=id, block=0, task=0)["rows"], what="the thumbnail")
    assert farm.afcmd_process("job", "list").returncode == 0, "afcmd is there as well"
    assert "Qt is not installed" in farm.log("r1.log")
    shown = farm.afcmd_process("task", "log", str(id), "0", "0")
    assert shown.stdout == "done\n", shown.stderr
