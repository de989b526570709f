"""A machine from a file: for demonstrations and tests on hosts that are not there.

The file is JSON: ``{"identity": {"name", "os", "user", "interfaces", "devices"}, "resources": [{…}, {…}]}``. Every
reading takes the next entry of ``resources``, over what the one before left, and starts again after the last.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from afcore.errors import ConfigError, did_you_mean
from afcore.ids import RunKey
from afrender.host.probe import RESOURCE_FIELDS, HostIdentity

__all__ = ["FakeHost"]

_DEFAULTS: dict[str, Any] = {
    "cpu_num": 8,
    "cpu_mhz": 3000,
    "cpu_loadavg": [0.0, 0.0, 0.0],
    "cpu_idle": 100,
    "mem_total_mb": 16384,
    "mem_free_mb": 12288,
    "hdd_total_gb": 500,
    "hdd_free_gb": 400,
    "gpu_string": "",
    "gpus": [],
    "custom": [],
    "tasks": [],
    "old": {},
    "hw_info": "made up",
    "logged_in_users": [],
}
_IDENTITY = ("name", "os", "user", "interfaces", "devices")


class FakeHost:
    """The machine that a file describes. Raises ConfigError when the file cannot be read or says unknown things."""

    slow = False

    def __init__(self, file: str | Path, *, name: str = "", user: str = "") -> None:
        try:
            data = json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(str(file), "", f"cannot be read: {error}", hint="it is a JSON object") from error
        if not isinstance(data, dict):
            raise ConfigError(str(file), "", "is not a JSON object")
        identity, script = data.get("identity", {}), data.get("resources", [])
        if not isinstance(identity, dict) or not isinstance(script, list):
            raise ConfigError(str(file), "", '"identity" must be an object and "resources" a list of objects')
        _known(file, identity, _IDENTITY)
        for step in script:
            _known(file, step, RESOURCE_FIELDS)
        self._identity = HostIdentity(
            name=name or str(identity.get("name", "fake")),
            os=str(identity.get("os", "unix linux 64")),
            user=user or str(identity.get("user", "render")),
            interfaces=list(identity.get("interfaces", [])),
            devices=list(identity.get("devices", [])),
        )
        self._script = script
        self._next = 0
        self._now = {field: _DEFAULTS.get(field, 0) for field in RESOURCE_FIELDS}

    def identity(self) -> HostIdentity:
        """Return what the file says."""
        return self._identity

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        """The tasks of a made up machine use what its file says."""

    def measure(self) -> dict[str, Any]:
        """Return the next reading of the script."""
        if self._script:
            self._now.update(self._script[self._next % len(self._script)])
            self._next += 1
        return dict(self._now)

    def close(self) -> None:
        """Nothing is held."""


def _known(file: str | Path, given: object, names: tuple[str, ...]) -> None:
    if not isinstance(given, dict):
        raise ConfigError(str(file), "resources", f"every entry must be an object, not {given!r}")
    for key in given:
        if key not in names:
            raise ConfigError(str(file), str(key), "is not known", hint=did_you_mean(str(key), names))
