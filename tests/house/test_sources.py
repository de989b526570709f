"""The house rules, applied to every source file of the project."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.house import checks
from tests.house.files import PACKAGES, ROOT, SLICE, documents, module_name, parsed, sources

# Where each bought part may be imported (docs/architecture.md says what each is for). A part that is not here may be
# imported nowhere in the packages.
PARTS: dict[str, list[str]] = {
    "OpenImageIO": ["afrender.helper"],
    "PIL": ["afnet.web.png", "afrender.demo", "afrender.helper"],
    "PySide6": ["afrender.tray", "afwatch"],
    "shiboken6": ["afwatch"],
    "argon2": ["afnet.server.passwords"],
    "aiohttp": ["afnet.client.link", "afnet.server", "afnet.transport"],
    "prometheus_client": ["afnet.server.metrics"],
    "alembic": ["afcore.store"],
    "cryptography": ["afnet.server", "afrender.pairing"],
    "ifaddr": ["afnet.client.nearby"],
    "jeepney": ["afrender.nimby"],
    "wakeonlan": ["afrender.wake"],
    "apprise": ["afrender.notify"],
    "msgspec": ["afcore", "afnet", "afrender", "afwatch"],
    "numpy": ["afrender.demo", "afrender.helper", "afwatch"],
    "platformdirs": ["afnet.cli", "afnet.client", "afnet.demo", "afnet.server", "afrender", "afwatch"],
    "psutil": ["afnet.demo", "afnet.server", "afrender"],
    "psycopg2": ["afcore.store"],
    "pynvml": ["afrender.host"],
    "pyqtgraph": ["afwatch"],
    "rich": ["afnet.cli", "afnet.demo"],
    "sqlalchemy": ["afcore.store"],
    "uvloop": ["afnet.server.main"],
    "zeroconf": ["afnet.client.nearby", "afnet.server.announcing"],
}
# Where a person reads what is printed.
PRINTERS = (
    "afnet/cli/",
    "afnet/demo/",
    "afrender/demo/",
    "benchmarks/",
    "tools/",
    "tests/",
    "/main.py",
    "/__main__.py",
)
SHIPPED = (*PACKAGES, "benchmarks", "icons", "tools")


def complaints(files: Iterable[Path], check: Callable[[ast.Module], list[str]]) -> list[str]:
    """Run a check over files; return ``path:line: complaint`` lines."""
    return [f"{path.relative_to(ROOT)}:{line}" for path in files for line in check(parsed(path))]


def pure_core() -> list[Path]:
    """Return the files of afcore without its store."""
    return [path for path in sources("afcore") if not module_name(path).startswith("afcore.store")]


def in_slice(path: Path) -> bool:
    """Say whether a file belongs to the submit slice."""
    name = module_name(path)
    return any(name == module or name.startswith(module + ".") for module in SLICE)


def slice_files() -> list[Path]:
    """Return the files of the submit slice, with the ``af`` folder."""
    return [path for path in sources("afcore", "afnet") if in_slice(path) or "afnet/python/" in path.as_posix()]


def test_the_core_reads_no_clock_file_or_chance() -> None:
    assert complaints(pure_core(), checks.core_bans) == []


def test_nothing_evaluates_text_or_builds_shell_lines() -> None:
    assert complaints(sources(*SHIPPED), checks.dangerous_calls) == []


def test_no_cancellation_is_swallowed() -> None:
    """In Python 3.11 ``asyncio.wait_for`` drops a cancellation that comes with the answer, ``asyncio.timeout`` none."""
    users = [path for path in sources(*PACKAGES) if "asyncio.wait_for(" in path.read_text("utf-8")]
    assert users == []


def test_only_what_a_person_reads_prints() -> None:
    files = [path for path in sources(*SHIPPED) if not any(p in path.as_posix() for p in PRINTERS)]
    assert complaints(files, checks.prints) == []


def test_no_test_sleeps() -> None:
    assert complaints(sources("tests"), checks.bare_sleeps) == []


def test_every_module_opens_with_one_sentence() -> None:
    assert complaints(sources(*SHIPPED, "tests"), checks.module_docstring) == []


def test_public_names_are_listed() -> None:
    files = [path for path in sources("afcore", "afnet/api") if "/migrations/" not in path.as_posix()]
    assert complaints(files, checks.exports) == []


def test_the_error_tree_is_as_drawn() -> None:
    assert complaints([ROOT / "afcore" / "errors.py"], checks.error_tree) == []


def test_parts_are_imported_where_they_belong() -> None:
    known = set(sys.stdlib_module_names) | {*PACKAGES, "af", "afcmd", "aficons"}
    found = []
    for path in sources(*PACKAGES):
        tree = parsed(path)
        parts = {name.split(".")[0] for _, name in checks.imported_modules(tree)} - known
        places = {part: PARTS.get(part, []) for part in parts}
        found += [
            f"{path.relative_to(ROOT)}:{line}" for line in checks.misplaced_parts(module_name(path), tree, places)
        ]
    assert found == []


def test_the_submit_slice_imports_the_standard_library_only() -> None:
    assert complaints(slice_files(), lambda tree: checks.foreign_imports(tree, (*SLICE, "afnet", "af"))) == []


def test_the_submit_slice_is_python_39() -> None:
    files = slice_files()
    assert len(files) > 1
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        for line in checks.newer_than_39(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def vermin(*files: Path) -> subprocess.CompletedProcess[str]:
    """Ask vermin whether the files run on Python 3.9, library calls included."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import vermin; vermin.main()",
            "--target=3.9-",
            "--no-tips",
            "--violations",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_submit_slice_calls_nothing_newer_than_python_39(tmp_path: Path) -> None:
    answer = vermin(*slice_files())
    assert answer.returncode == 0, answer.stdout + answer.stderr
    newer = tmp_path / "newer.py"
    newer.write_text("import itertools\nprint(itertools.pairwise([1, 2]))\n", encoding="utf-8")
    assert vermin(newer).returncode != 0


def test_nothing_is_marked_as_unfinished() -> None:
    files = [*sources(*SHIPPED, "tests"), *documents(), ROOT / "pyproject.toml"]
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in files for line in checks.undone(path.read_text(encoding="utf-8"))
    ]
    assert found == []
