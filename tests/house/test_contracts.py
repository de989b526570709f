"""The import contracts hold, name only what exists, and really break when a wall is crossed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.contracts import PLANNED, ROOT, existing_only, lint, load_settings


def test_contracts_hold(tmp_path: Path) -> None:
    settings, _ = existing_only(load_settings(), ROOT)
    good, report = lint(settings, tree=ROOT, folder=tmp_path)
    assert good, report
    assert f"{len(settings['contracts'])} kept" in report


def test_contracts_name_modules_that_exist_or_are_planned() -> None:
    _, missing = existing_only(load_settings(), ROOT)
    assert missing <= PLANNED, f"no such modules: {sorted(missing - PLANNED)}; correct the contracts in pyproject.toml"


# One crossing of each wall: module, the import it must not make, the contract that says so.
CROSSINGS = [
    ("afcore.model.tasks", "time", "core-is-pure"),
    ("afcore.rules.jobs", "afcore.evolve", "rules-read-evolve-writes"),
    ("afcore.model.farm", "afcore.rules", "core-layers"),
    ("afcore.frames", "afcore.model", "submit-slice-is-alone"),
    ("afcore.store.journal", "afcore.schedule", "store-keeps-and-does-not-decide"),
    ("afnet.wire.codec", "asyncio", "wire-is-sans-io"),
    ("afnet.web.now", "afnet.server.app", "pages-are-text"),
    ("afnet.registry", "aiohttp", "registry-is-data"),
    ("afnet.server.app", "PySide6", "net-has-no-window"),
    ("afnet.client.link", "afnet.server.app", "clients-do-not-hold-the-farm"),
    ("afrender.loop", "afnet.server.app", "agent-does-the-work-only"),
    ("afrender.states", "time", "agent-decides-without-waiting"),
    ("afrender.agent", "PySide6.QtCore", "agent-has-one-window"),
    ("afwatch.app", "afnet.server.app", "watch-looks"),
]
# Imports beside the walls, which must stay allowed.
ALLOWED = [
    ("afcore.store.journal", "sqlalchemy"),
    ("afcore.store.writer", "threading"),
    ("afcore.core", "afcore.rules"),
    ("afcore.core", "afcore.evolve"),
    ("afrender.tray.app", "PySide6.QtCore"),
    ("afwatch.embed", "afnet.server.door"),
]


def plant(tree: Path, imports: list[tuple[str, str]]) -> None:
    """Write packages in which each module makes the given import, and every imported own module exists."""
    lines: dict[Path, list[str]] = {}
    own = ("afcore", "afnet", "afrender", "afwatch")
    for package in own:
        lines[tree / package / "__init__.py"] = []
    settings = load_settings()
    names = {name for contract in settings["contracts"] for name in contract.get("source_modules", [])}
    packages = ("model", "rules", "evolve", "schedule", "store", "wire", "client", "server", "tray", "web")
    for module in sorted(names | {m for m, _ in imports} | {i for _, i in imports if i.split(".")[0] in own}):
        place = tree.joinpath(*module.split("."))
        for parent in place.relative_to(tree).parents:
            if str(parent) != ".":
                lines.setdefault(tree / parent / "__init__.py", [])
        is_package = place.name in packages or module.count(".") == 0
        lines.setdefault(place / "__init__.py" if is_package else place.with_suffix(".py"), [])
    for module, imported in imports:
        lines[tree.joinpath(*module.split(".")).with_suffix(".py")].append(f"import {imported}\n")
    for file, text in lines.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(text), encoding="utf-8")


def test_each_crossing_breaks_its_contract(tmp_path: Path) -> None:
    settings = load_settings()
    assert {contract for _, _, contract in CROSSINGS} == {c["id"] for c in settings["contracts"]}
    tree = tmp_path / "tree"
    plant(tree, [(module, imported) for module, imported, _ in CROSSINGS])
    reduced, _ = existing_only(settings, tree)
    good, report = lint(reduced, tree=tree, folder=tmp_path)
    names = {c["id"]: c["name"] for c in settings["contracts"]}
    assert not good
    unbroken = [names[contract] for _, _, contract in CROSSINGS if f"{names[contract]} BROKEN" not in report]
    assert not unbroken, report


def test_what_is_allowed_breaks_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    plant(tree, ALLOWED)
    reduced, _ = existing_only(load_settings(), tree)
    good, report = lint(reduced, tree=tree, folder=tmp_path)
    assert good, report


@pytest.mark.parametrize("name", ["afcore.modle", "afnet.servre"])
def test_a_mistyped_module_is_told(name: str) -> None:
    settings = {"root_packages": ["afcore", "afnet"], "contracts": [{"source_modules": [name]}]}
    reduced, missing = existing_only(settings, ROOT)
    assert (reduced["contracts"], missing) == ([], {name})
