"""The commands of the project: make targets, .ci/run and the two helper scripts do what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.files import ROOT

TARGETS = ("setup", "check", "test", "bench", "demo", "clean")


def run(*command: str | Path, folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command; ``path`` comes first on the search path."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def script(folder: Path, name: str, body: str) -> None:
    """Write an executable shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_its_targets(target: str) -> None:
    told = run("make", folder=ROOT).stdout
    assert f"make {target} " in told
    assert run("make", "--dry-run", target, folder=ROOT).returncode == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder that holds .ci/run and a Makefile to be written."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    return tmp_path


def test_ci_is_one_script() -> None:
    assert [file.name for file in (ROOT / ".ci").iterdir()] == ["run"]


def test_ci_ends_with_the_closing_line_of_the_suite(checkout: Path) -> None:
    (checkout / "Makefile").write_text("test:\n\t@echo '3 passed in 1.0s'\ndemo:\n\t@echo movie\n", encoding="utf-8")
    ran = run(".ci/run", folder=checkout)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["3 passed in 1.0s", "movie", "3 passed in 1.0s"]


@pytest.mark.parametrize("code", [1, 5])
def test_ci_fails_with_the_suite_and_shows_no_demo(checkout: Path, code: int) -> None:
    (checkout / "Makefile").write_text(
        f"test:\n\t@echo '1 failed, 3 passed'; exit {code}\ndemo:\n\t@echo movie\n", encoding="utf-8"
    )
    ran = run(".ci/run", folder=checkout)
    assert ran.returncode != 0
    assert "movie" not in ran.stdout


def test_ci_fails_with_the_demo(checkout: Path) -> None:
    (checkout / "Makefile").write_text("test:\n\t@echo '3 passed'\ndemo:\n\t@false\n", encoding="utf-8")
    assert run(".ci/run", folder=checkout).returncode != 0


def test_missing_system_packages_are_told_in_one_line(tmp_path: Path) -> None:
    script(tmp_path, "dpkg-query", "exit 1")
    script(tmp_path, "id", "echo 1000")
    script(tmp_path, "apt-get", "echo must not be called; exit 1")
    ran = run(ROOT / "tools" / "system-packages", folder=ROOT, path=str(tmp_path))
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 1
    assert "sudo apt-get install postgresql xvfb" in ran.stdout


def test_system_packages_say_nothing_when_all_are_there(tmp_path: Path) -> None:
    # One of the two names asked for does not exist, so the real program exits with 1 beside its answer.
    script(tmp_path, "dpkg-query", "printf 'installed '; exit 1")
    script(tmp_path, "apt-get", "echo must not be called; exit 1")
    ran = run(ROOT / "tools" / "system-packages", folder=ROOT, path=str(tmp_path))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_root_installs_what_is_missing_and_only_that(tmp_path: Path) -> None:
    script(tmp_path, "dpkg-query", 'case "$*" in *strace*) exit 1;; *) printf "installed ";; esac')
    script(tmp_path, "id", "echo 0")
    script(tmp_path, "mkdir", "exit 0")
    script(tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    source = (ROOT / "tools" / "system-packages").read_text(encoding="utf-8")
    copy = tmp_path / "system-packages"
    copy.write_text(source.replace("/etc/postgresql-common", str(tmp_path)), encoding="utf-8")
    ran = run("bash", copy, folder=ROOT, path=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (0, "installing system packages: strace\n"), ran.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "-q update",
        "-q install -y --no-install-recommends strace",
    ]


def test_an_old_interpreter_is_refused_in_a_sentence(tmp_path: Path) -> None:
    script(tmp_path, "python3.9", "exit 1")
    ran = run(ROOT / "tools" / "make-venv", tmp_path / "venv", tmp_path / "python3.9", folder=ROOT)
    assert ran.returncode == 1
    assert "is not Python 3.11 or newer; choose another with AF_PYTHON" in ran.stderr
    assert not (tmp_path / "venv").exists()
