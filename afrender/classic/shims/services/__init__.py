"""The package of services as classic modules know it: those that ship, and the studio's own beside them."""

from __future__ import annotations

import importlib
import types

from afcore.servicetable import SERVICES


def __getattr__(name: str) -> types.ModuleType:
    """Return a service that ships and has no file: a module with a plain class of its name."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}" or name not in SERVICES:
            raise AttributeError(f"there is no service {name}") from None
    from afrender.classic.service import service

    module = types.ModuleType(f"{__name__}.{name}")
    module.__dict__.update({name: type(name, (service,), {}), "parser": SERVICES[name].parser})
    return module
