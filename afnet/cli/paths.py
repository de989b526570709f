"""``afcmd path``: shows what becomes of a path, or of a whole command, on its way to the farm and back."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afcore.config import Config

__all__ = ["show_path"]


def show_path(config: "Config", text: str, *, json: bool) -> int:
    """Print a text as the farm knows it and as this machine does; return the exit code."""
    paths = config.path_map()
    server, client = paths.to_server(text), paths.to_client(text)
    if json:
        from afnet.cli.show import as_json

        print(as_json({"given": text, "server": server, "client": client, "pairs": paths.pairs}))
        return 0
    if not paths.pairs:
        print("This machine has no path map: every path stays as it is. The setting `pathsmap` holds one.")
        return 0
    print(f"on the farm   {_said(server, text)}")
    print(f"here          {_said(client, text)}")
    return 0


def _said(text: str, given: str) -> str:
    return f"{text}   (as it is)" if text == given else text
