"""Finds the class of a service or a parser by its name, among the files that lie in their package.

Rules of this file:
- only names of files that are there are ever imported, whatever a job says;
- a file's class has the file's own name.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__ = ["Named"]


class Named:
    """Classes of one package by name. ``skip`` names the files that are not such classes."""

    def __init__(self, package: ModuleType, *, skip: tuple[str, ...] = ("base",)) -> None:
        self._package = package
        self._names = frozenset(
            module.name
            for module in pkgutil.iter_modules(package.__path__)
            if module.name not in skip and not module.name.startswith("_")
        )
        self._found: dict[str, type] = {}

    @property
    def names(self) -> list[str]:
        """All names there are, sorted."""
        return sorted(self._names)

    def find(self, name: str) -> type | None:
        """Return the class ``name``, None when there is no file of that name.

        Raises whatever importing the file raises, and ``AttributeError`` when the file holds no class of its name.
        """
        found = self._found.get(name)
        if found is None and name in self._names:
            module = importlib.import_module(f"{self._package.__name__}.{name}")
            found = self._found[name] = getattr(module, name)
        return found
