"""Loads a studio's own services and parsers by name, classic ones as well as ours.

Rules of this file:
- only files that lie in the studio's folder are loaded, by names that were found there;
- it is used in helpers only: what a file does when it is imported is nobody else's trouble.

Both kinds are loaded as parts of the packages ``services`` and ``parsers`` that classic modules import from each other;
``shims`` beside this file holds those packages and the other names they know.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import afnet
import afrender.parsers
from afnet.wire.messages import RunSpec
from afrender.classic import config
from afrender.classic.service import ClassicService
from afrender.own import own_names
from afrender.parsers.base import Parser
from afrender.services.base import PathTranslator, Service

__all__ = ["OwnClasses"]

SHIMS = Path(__file__).with_name("shims")


class OwnClasses:
    """Classes of the studio's own (``afrender.reader.OwnModules``)."""

    def __init__(
        self, folder: str, settings: dict[str, object], pairs: list[tuple[str, str]], *, windows: bool = False
    ) -> None:
        self._names = own_names(folder)
        self._found: dict[tuple[str, str], type[Any]] = {}
        self._classic: dict[str, type[ClassicService]] = {}
        config.fill(settings, pairs)
        for place in (SHIMS, Path(afnet.__path__[0]) / "python"):
            if str(place) not in sys.path:
                sys.path.insert(0, str(place))
        for kind in self._names:
            package = importlib.import_module(kind)
            own = str(Path(folder) / kind)
            if own not in package.__path__:
                package.__path__.insert(0, own)
        shipped = list(afrender.parsers.__path__)
        paths = importlib.import_module("parsers").__path__
        paths.extend(one for one in shipped if one not in paths)

    def service(self, name: str) -> Callable[[RunSpec, PathTranslator], Service] | None:
        """Return what makes the service; None when there is none of that name. Raises what its file raises."""
        found = self._find("services", name)
        if found is None or issubclass(found, Service):
            return found
        if name not in self._classic:
            self._classic[name] = type(name, (ClassicService,), {"classic": found})
        return self._classic[name]

    def parser(self, name: str) -> Callable[[], Parser] | None:
        """Return what makes the parser; None when there is none of that name. Raises what its file raises."""
        return self._find("parsers", name)

    def _find(self, kind: str, name: str) -> type[Any] | None:
        found = self._found.get((kind, name))
        if found is None and name in self._names[kind]:
            found = self._found[kind, name] = getattr(importlib.import_module(f"{kind}.{name}"), name)
        return found
