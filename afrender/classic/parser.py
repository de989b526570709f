"""The base class of classic parsers, ``parsers.parser.parser``, on the one of this house."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from afrender.classic.utils import toStr
from afrender.parsers.base import Parser

__all__ = ["parser"]


class parser(Parser):
    """As ``afrender.parsers.base.Parser``, with what only classic parsers use."""

    def __init__(self) -> None:
        super().__init__()
        self.result: str | None = None
        self.host_resources: dict[str, Any] = {}
        self.res_mem_peak_mb = 0
        self.res_cpu_agv = 0
        self.res_cpu_cur = 0
        self._busy = 0.0
        self._calls = 0

    def parse(self, i_args: Any = None, **words: Any) -> Any:
        """Read a portion, given as a dictionary or by words. Returns the text that takes its place, or None."""
        given = {**i_args, **words} if isinstance(i_args, dict) else words
        resources = toStr(given.get("resources", "{}"))
        self._resources(resources)
        self.result = super().parse(
            mode=toStr(given.get("mode", "RUN")),
            pid=int(given.get("pid", 0)),
            data=toStr(given.get("data", "")),
            resources=resources,
        )
        if self.hasProgressChanged(given):
            self.progress_changed = True
        elif given.get("data"):
            self.progress_changed = False
        return self.result

    def hasProgressChanged(self, i_args: dict[str, Any]) -> bool:
        """Say whether the task shows life: by default whenever there was output."""
        return bool(i_args.get("data"))

    def tagHTML(self, i_line: str) -> str:
        """Return a line as it is."""
        return i_line

    def _resources(self, text: str) -> None:
        host = dict(_host_of(text))
        if not host:
            return
        self.host_resources = host
        used = int(host.get("mem_total_mb", 0)) - int(host.get("mem_free_mb", 0))
        self.res_mem_peak_mb = max(self.res_mem_peak_mb, used)
        self.res_cpu_cur = 100 - int(host.get("cpu_idle", 100))
        self._busy += self.res_cpu_cur
        self._calls += 1
        self.res_cpu_agv = int(self._busy / self._calls)


@lru_cache(maxsize=2)
def _host_of(text: str) -> dict[str, Any]:
    """Return the reading in a text; the same text comes with every portion of every task until the next reading."""
    try:
        host = json.loads(text).get("host_resources")
    except (ValueError, AttributeError):
        return {}
    return host if isinstance(host, dict) else {}
