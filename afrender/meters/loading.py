"""Finds the class of a meter: in the studio's folder first, then among those that ship.

Meters written for the classic agent load unchanged: ``from resources import resbase`` finds the base class here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from afrender.meters.base import Meter, described, failure

__all__ = ["LoadedMeter", "load_meter"]


class LoadedMeter:
    """A meter with its name; ``read`` returns its reading, or how it failed, and never raises."""

    def __init__(self, name: str, meter: Any, why: str = "") -> None:
        self.name = name
        self._meter = meter
        self._why = why

    def read(self) -> dict[str, Any]:
        """Update the meter and return what the farm is told of it."""
        if self._why:
            return failure(self.name, self._why)
        try:
            if not self._meter.valid or self._meter.do() is None:
                return failure(self.name, "The meter is not valid: its constructor did not set `valid`.")
            return described(self.name, self._meter)
        except Exception:  # noqa: BLE001 - a meter is other people's code: whatever it raises is shown as its failure
            return failure(self.name)


def load_meter(folder: str, name: str) -> LoadedMeter:
    """Return the meter ``name``: class ``name`` of ``FOLDER/name.py``, else the one that ships; a failure is kept."""
    try:
        if not name.isidentifier():
            raise ValueError(f'"{name}" cannot be the name of a meter: it is that of a Python class')
        _offer_old_names()
        path = Path(folder, f"{name}.py") if folder else None
        if path is not None and path.is_file():
            module = _from_file(name, path)
        else:
            module = importlib.import_module(f"afrender.meters.{name}")
        return LoadedMeter(name, getattr(module, name)())
    except Exception:  # noqa: BLE001 - a meter is other people's code: whatever it raises is shown as its failure
        why = failure(name)["tooltip"]
        return LoadedMeter(name, None, why)


def _from_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"afrender_meter_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _offer_old_names() -> None:
    """Let ``resources.resbase.resbase`` be the base class."""
    if "resources.resbase" in sys.modules:
        return
    package, base = ModuleType("resources"), ModuleType("resources.resbase")
    package.__dict__.update(resbase=base, __path__=[])
    base.__dict__.update(resbase=Meter)
    sys.modules.setdefault("resources", package)
    sys.modules["resources.resbase"] = base
