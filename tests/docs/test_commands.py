"""Commands in README and docs are true.

Rules of this file:
- every console block carries a mark after its language: ``run`` (its commands are run here, in order, and each must
  succeed) or ``show`` (they wait, need two terminals or another machine: programs, targets and options must exist);
- a command is a line that begins with ``$ ``; other lines are what it prints, and are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks, commands
from tests.house.files import ROOT, documents

MARKS = ("run", "show")
CONSOLE = [block for file in documents() for block in blocks(file) if block.language == "console"]


def name(block: Block) -> str:
    """Return where a block stands, as an id for pytest."""
    return f"{block.file.relative_to(ROOT)}:{block.line}"


def scripts() -> dict[str, str]:
    """Return the programs of the project: name -> ``module:function``."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, str] = tomllib.load(file)["project"]["scripts"]
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's programs, as an installation would make them."""
    folder = tmp_path_factory.mktemp("bin")
    for program, entry in scripts().items():
        module, function = entry.split(":")
        file = folder / program
        file.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from {module} import {function}\nsys.exit({function}())\n",
            encoding="utf-8",
        )
        file.chmod(0o755)
    (folder / "python3").symlink_to(sys.executable)
    return folder


def environment(programs: Path, home: Path) -> dict[str, str]:
    """Return the environment of a person who has installed the project and has an empty home folder."""
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'afnet' / 'python'}",
        "NO_COLOR": "1",
    }


def test_every_console_block_is_marked() -> None:
    assert CONSOLE
    assert [name(block) for block in CONSOLE if block.mark not in MARKS or not commands(block)] == []


@pytest.mark.e2e
def test_commands_succeed(programs: Path, tmp_path: Path) -> None:
    for number, block in enumerate(block for block in CONSOLE if block.mark == "run"):
        folder = tmp_path / str(number)
        folder.mkdir()
        for command in commands(block):
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environment(programs, folder),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert ran.returncode == 0, f"{name(block)}: {command}\n{ran.stdout}{ran.stderr}"


def unknown_words(command: str, programs: Path, home: Path) -> list[str]:
    """Return what a command names and the program does not know: make targets, options of the project's programs."""
    words = shlex.split(command.split("|")[0], comments=True)
    program, arguments = Path(words[0]).name, words[1:]
    if program == "make":
        ran = subprocess.run(
            ["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        return [] if ran.returncode == 0 else [ran.stderr.strip()]
    if program not in scripts():
        return []
    verbs = []
    for word in arguments:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        verbs.append(word)
    help_text = ""
    while True:
        ran = subprocess.run(
            [str(programs / program), *verbs, "--help"],
            env=environment(programs, home),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ran.returncode == 0:
            help_text = ran.stdout
            break
        if len(verbs) < 2:
            return [f"{program} {' '.join(verbs)} --help fails: {ran.stderr.strip()}"]
        verbs.pop()
    options = [word.split("=")[0] for word in arguments if word.startswith("--")]
    return [f"{program} has no {option}" for option in options if option not in help_text]


@pytest.mark.e2e
@pytest.mark.parametrize("block", [block for block in CONSOLE if block.mark == "show"], ids=name)
def test_commands_exist(block: Block, programs: Path, tmp_path: Path) -> None:
    found = [line for command in commands(block) for line in unknown_words(command, programs, tmp_path)]
    assert found == []


def test_an_unknown_target_is_told(programs: Path, tmp_path: Path) -> None:
    assert unknown_words("make setup", programs, tmp_path) == []
    assert unknown_words("make moonshine", programs, tmp_path)
    assert unknown_words("afwatch --help", programs, tmp_path) == []
    assert unknown_words("afwatch --moonshine", programs, tmp_path) == ["afwatch has no --moonshine"]


def test_python_blocks_compile() -> None:
    for file in documents():
        for block in blocks(file):
            if block.language == "python":
                compile(block.text, f"{name(block)}", "exec")
