"""The package of icons, wherever it is: ``aficons`` where it is installed, ``icons`` in a checkout."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

__all__ = ["icons"]


@cache
def icons() -> Any:
    """Return the package of icons and tokens."""
    return importlib.import_module("aficons" if importlib.util.find_spec("aficons") is not None else "icons")
