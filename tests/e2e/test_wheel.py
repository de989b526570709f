"""A wheel holds everything: built from a clean copy, installed in a new environment, run outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.house.files import ROOT

pytestmark = pytest.mark.e2e

CODE = ("afcore", "afnet", "afrender", "afwatch", "icons")
BESIDE = ("pyproject.toml", "README.md", "config.json", "farm.xml")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command without the checkout on any path; return its output, fail when it fails."""
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built without the network from a copy that holds no leftovers of other builds."""
    copy = tmp_path_factory.mktemp("copy") / "afwatch"
    for folder in CODE:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in BESIDE:
        shutil.copy(ROOT / file, copy / file)
    out = tmp_path_factory.mktemp("wheel")
    build = (
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        out,
        ".",
    )
    run(sys.executable, *build, folder=copy)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new environment that holds the wheel; what it depends on is borrowed from this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True, with_pip=False)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = home / "lib" / version / "site-packages"
    # A path file inside the borrowed folder (such as the one of an installation in place) is not read this way.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    install = ("-m", "pip", "--python", home / "bin" / "python", "install", "--quiet", "--no-index", "--no-deps")
    run(sys.executable, *install, "--force-reinstall", "--ignore-installed", wheel, folder=home)
    return home


def shipped() -> Iterator[str]:
    """Yield what the wheel must hold, by its path inside."""
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                inside = PurePosixPath(path.relative_to(ROOT).as_posix())
                if inside.is_relative_to("afnet/python"):
                    inside = inside.relative_to("afnet/python")
                elif inside.is_relative_to("icons"):
                    inside = "aficons" / inside.relative_to("icons")
                yield str(inside)


def test_the_wheel_holds_every_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert sorted(set(shipped()) - names) == []
    assert {name.rsplit("/", 1)[1] for name in names if "/share/afwatch/" in name} == {"config.json", "farm.xml"}
    own = {"af", "afcmd", "afcore", "afnet", "aficons", "afrender", "afwatch"}
    foreign = {name.split("/")[0] for name in names} - own
    assert all(name.startswith("afwatch-") for name in foreign), foreign


def programs() -> list[str]:
    """Return the names of the project's programs."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return sorted(tomllib.load(file)["project"]["scripts"])


@pytest.mark.parametrize("program", programs())
def test_each_program_tells_its_usage(program: str, installed: Path, tmp_path: Path) -> None:
    assert f"usage: {program}" in run(installed / "bin" / program, "--help", folder=tmp_path)


LOOK = """
import af, aficons, afcore, afnet.api, afrender, sys
for module in (af, aficons, afcore, afnet, afrender):
    assert module.__file__.startswith(sys.prefix), module.__file__
job = af.Job("outside")
assert aficons.path("job").read_text().startswith("<svg")
print("good")
"""


def test_af_and_icons_are_importable_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "bin" / "python", "-c", LOOK, folder=tmp_path) == "good\n"
