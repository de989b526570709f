"""What the monitor remembers of its window: places, sizes, scheme and text size, in one small JSON file.

Rules of this file:
- Losing it costs nothing but comfort: what cannot be read or written is left, and the window opens as if new.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

__all__ = ["Settings"]

log = logging.getLogger(__name__)


class Settings:
    """Values by name, of JSON's kinds."""

    def __init__(self, file: Path | None) -> None:
        """``file`` None: nothing is kept."""
        self._file = file
        self._values: dict[str, Any] = {}
        if file is not None:
            try:
                values = json.loads(file.read_text("utf-8"))
            except FileNotFoundError:
                values = {}
            except (OSError, ValueError) as error:
                log.info("the window's state in %s cannot be read, it begins anew: %s", file, error)
                values = {}
            self._values = values if isinstance(values, dict) else {}

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self._values.get(name, default)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self._values.get(name, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        return value if isinstance(value, bool) else default

    def table(self, name: str) -> dict[str, Any]:
        """Return values by name that were kept under one name; empty where there are none."""
        value = self._values.get(name)
        return dict(value) if isinstance(value, dict) else {}

    def put_table(self, name: str, values: dict[str, Any]) -> None:
        """Remember values of JSON's kinds under one name until ``save``."""
        self._values[name] = values

    def put(self, name: str, value: str | int | bool) -> None:
        """Remember a value until ``save``."""
        self._values[name] = value

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self._file is None:
            return
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(self._values, indent=1, sort_keys=True) + "\n", "utf-8")
            os.replace(new, self._file)
        except OSError as error:
            log.info("the window's state cannot be kept in %s: %s", self._file, error)
