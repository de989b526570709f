"""Runs the import contracts of pyproject.toml, leaving out rooms that are planned and not built yet."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["PLANNED", "existing_only", "lint", "load_settings", "module_exists"]

ROOT = Path(__file__).resolve().parents[2]

# Rooms that the contracts name before they are built. This set only shrinks: a name goes when its module is there.
PLANNED = {
    "afwatch.embed",
}


def load_settings() -> dict[str, Any]:
    """Return the ``[tool.importlinter]`` table of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings: dict[str, Any] = tomllib.load(file)["tool"]["importlinter"]
    return settings


def module_exists(name: str, tree: Path) -> bool:
    """Say whether the dotted module is a file or a package in ``tree``."""
    place = tree.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def existing_only(settings: dict[str, Any], tree: Path) -> tuple[dict[str, Any], set[str]]:
    """Return the settings without the own modules that ``tree`` lacks, and the names that were left out.

    A contract that loses all its sources, or a layer that loses all its modules, is left out whole.
    """
    roots = set(settings["root_packages"])
    missing: set[str] = set()

    def keep(name: str) -> bool:
        there = name.split(".")[0] not in roots or module_exists(name, tree)
        if not there:
            missing.add(name)
        return there

    contracts = []
    for contract in settings["contracts"]:
        contract = dict(contract)
        for key in ("source_modules", "forbidden_modules"):
            if key in contract:
                contract[key] = [name for name in contract[key] if keep(name)]
        if "layers" in contract:
            rows = [[name for name in re.split(r"\s*[:|]\s*", row) if keep(name)] for row in contract["layers"]]
            contract["layers"] = [" : ".join(row) for row in rows if row]
        if contract.get("source_modules", contract.get("layers")):
            contracts.append(contract)
    return {**settings, "contracts": contracts}, missing


def _toml(settings: dict[str, Any]) -> str:
    """Write the settings as TOML; JSON's strings, lists and booleans are TOML's too."""
    lines = ["[tool.importlinter]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items() if key != "contracts"]
    for contract in settings["contracts"]:
        lines.append("[[tool.importlinter.contracts]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in contract.items()]
    return "\n".join(lines) + "\n"


def lint(settings: dict[str, Any], *, tree: Path, folder: Path) -> tuple[bool, str]:
    """Check the contracts against the packages in ``tree``; return whether all hold, and the report.

    ``folder`` is where the reduced settings are written.
    """
    config = folder / "contracts.toml"
    config.write_text(_toml(settings), encoding="utf-8")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            *("--config", str(config), "--no-cache", "--no-logo"),
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PYTHONPATH": str(tree), "PATH": "", "COLUMNS": "160", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return run.returncode == 0, run.stdout + run.stderr
