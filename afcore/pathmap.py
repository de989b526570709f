"""Translates paths between a submitter's or agent's machine (client) and the farm (server), inside any text.

A path is found at the beginning of a text and after each separator (space, quotes, ``; = , :``), where it must begin
with one side of a pair. The longest prefix wins, among equals the first pair. Slashes behind a found prefix are turned
up to the next separator. On Windows the client side is found with both slashes and in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["PathMap"]

_SEPARATORS = " \";=,':"
_START = rf"(?:^|(?<=[{_SEPARATORS}]))"
_REST = rf"([^{_SEPARATORS}]*)"


class PathMap:
    """Pairs of (client, server) prefixes, for one kind of client machine.

    ``unix_separators`` keeps ``/`` on Windows, for applications that want it so. Without pairs every text stays as
    it is.
    """

    def __init__(
        self, pairs: Sequence[tuple[str, str]] = (), *, windows: bool = False, unix_separators: bool = False
    ) -> None:
        self.pairs = [(client.replace("\\", "/"), server.replace("\\", "/")) for client, server in pairs]
        self._windows = windows
        self._back = windows and not unix_separators
        self._to_server = _prefixes([client for client, _ in self.pairs], loose=windows)
        self._to_client = _prefixes([server for _, server in self.pairs], loose=False)

    def to_server(self, text: str) -> str:
        """Return ``text`` with client paths written as the farm knows them."""
        if self._to_server is None:
            return text

        def swap(found: re.Match[str]) -> str:
            prefix, rest = found.group(1), found.group(2)
            if self._windows:
                prefix, rest = self._same(prefix.replace("\\", "/")), rest.replace("\\", "/")
            server = next(server for client, server in self.pairs if self._same(client) == prefix)
            return server + rest

        return self._to_server.sub(swap, text)

    def _same(self, prefix: str) -> str:
        return prefix.lower() if self._windows else prefix

    def to_client(self, text: str) -> str:
        """Return ``text`` with the farm's paths written as this machine knows them."""
        if self._to_client is None:
            return text

        def swap(found: re.Match[str]) -> str:
            client = next(client for client, server in self.pairs if server == found.group(1))
            path = client + found.group(2)
            return path.replace("/", "\\") if self._back else path

        return self._to_client.sub(swap, text)


def _prefixes(prefixes: list[str], *, loose: bool) -> re.Pattern[str] | None:
    """Return the expression that finds a path with one of the prefixes; ``loose`` is any case and either slash."""
    texts = [re.escape(prefix) for prefix in sorted(filter(None, prefixes), key=len, reverse=True)]
    if not texts:
        return None
    if loose:
        texts = [text.replace("/", r"[\\/]") for text in texts]
    return re.compile(f"{_START}({'|'.join(texts)}){_REST}", re.IGNORECASE if loose else 0)
