"""Commands in README and docs are true.

Rules of this file:
- every console block carries a mark after its language: ``run`` (its commands are run here, in order, and each must
  succeed), ``farm`` (the same, with a server and an agent that the test starts) or ``show`` (they wait, or change the
  machine: programs, targets and options must exist); a Python block with the mark ``farm`` is run in its turn;
- a command is a line that begins with ``$ ``; other lines are what it prints, and are not compared.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks, commands
from tests.house.files import ROOT, documents
from tests.ports import free_port
from tests.waiting import wait_for

MARKS = ("run", "farm", "show")
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


def do(block: Block, folder: Path, environ: dict[str, str]) -> None:
    """Run a block's commands, or its Python text; fail with the output of what fails."""
    lines = [["bash", "-c", command] for command in commands(block)]
    if block.language == "python":
        lines = [["python3", "-c", block.text]]
    for line in lines:
        ran = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, f"{name(block)}: {line[2]}\n{ran.stdout}{ran.stderr}"


@pytest.mark.e2e
def test_commands_succeed(programs: Path, tmp_path: Path) -> None:
    for number, block in enumerate(block for block in CONSOLE if block.mark == "run"):
        folder = tmp_path / str(number)
        folder.mkdir()
        do(block, folder, environment(programs, folder))


def answers(port: int) -> bool:
    """Say whether somebody accepts connections on the port."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def farm(programs: Path, home: Path) -> Iterator[dict[str, str]]:
    """Run a server and an agent, each as a person would start it; give the environment in which they are found."""
    port = free_port()
    environ = {**environment(programs, home), "AF_SERVER": f"127.0.0.1:{port}"}
    listen = [f"--listen=127.0.0.1:{port}", f"--data={home / 'data'}"]
    starts = [["afserver", "--headless", *listen], ["afrender", "--headless", "--name=docs"]]
    with contextlib.ExitStack() as stack:
        for command in starts:
            log = stack.enter_context((home / f"{command[0]}.log").open("wb"))
            process = subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log)
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            # The agent is started when the server answers, as README says; either may end at once with a sentence.
            wait_for(lambda p=process: answers(port) or p.poll() is not None, what="the server to listen")
            assert process.poll() is None, (home / f"{command[0]}.log").read_text(encoding="utf-8")
        yield environ


@pytest.mark.e2e
@pytest.mark.parametrize(
    "file", sorted({block.file for block in CONSOLE if block.mark == "farm"}), ids=lambda f: f.name
)
def test_commands_succeed_with_a_farm(file: Path, programs: Path, tmp_path: Path) -> None:
    with farm(programs, tmp_path) as environ:
        for block in blocks(file):
            if block.mark == "farm":
                do(block, tmp_path, environ)


_HELP: dict[tuple[str, tuple[str, ...]], tuple[int, str, str]] = {}


def help_of(program: str, verbs: tuple[str, ...], programs: Path, home: Path) -> tuple[int, str, str]:
    """Return exit code, output and errors of a program's help; each is asked for once."""
    if (program, verbs) not in _HELP:
        ran = subprocess.run(
            [str(programs / program), *verbs, "--help"],
            env=environment(programs, home),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        _HELP[program, verbs] = ran.returncode, ran.stdout, ran.stderr
    return _HELP[program, verbs]


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
        code, said, complained = help_of(program, tuple(verbs), programs, home)
        if code == 0:
            help_text = said
            break
        if len(verbs) < 2:
            return [f"{program} {' '.join(verbs)} --help fails: {complained.strip()}"]
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
