"""Entry of the ``afwatch`` command: the monitor window of a farm.

The order of a start: arguments and settings first, so that a mistake is a sentence in the terminal; only then Qt.
"""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afcore.errors import AfError
from afcore.states import Role

if TYPE_CHECKING:
    from afnet.client.servers import Address

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the monitor and return its exit status when the window is closed."""
    options = _parser().parse_args(arguments)
    try:
        servers = _servers(options.server, options.config)
    except AfError as error:
        hint = getattr(error, "hint", "")
        print(f"afwatch: {error.sentence}" + (f"\n  {hint}" if hint else ""), file=sys.stderr)
        return 2
    if not _has_display(os.environ):
        print("afwatch: there is no display; `afcmd job watch` shows jobs in the terminal.", file=sys.stderr)
        return 2
    return _open(options, servers)


def _open(options: argparse.Namespace, servers: list[Address]) -> int:
    import platformdirs
    from PySide6.QtCore import QTimer

    from afwatch.app import Watch, make_application

    application = make_application()
    folder = Path(platformdirs.user_config_dir("afwatch", appauthor=False))
    watch = Watch(
        servers, user=options.as_user or _user(), mode=Role[options.mode], settings_file=folder / "watch.json",
        scheme=options.scheme,
    )  # fmt: skip
    # Python looks at signals between two of Qt's events only: a slow timer gives it a chance.
    signal.signal(signal.SIGINT, lambda *_: watch.window.close())
    signal.signal(signal.SIGTERM, lambda *_: watch.window.close())
    chance = QTimer()
    chance.timeout.connect(lambda: None)
    chance.start(500)
    watch.start()
    try:
        return application.exec()
    finally:
        watch.close()


def _servers(option: str | None, config_file: str | None) -> list[Address]:
    from afnet.api.configfiles import load_config
    from afnet.client.servers import find_servers

    config = load_config(file=config_file)
    configured = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in config.servers()]
    return find_servers(option, os.environ, configured)


def _has_display(environment: Mapping[str, str]) -> bool:
    """Say whether there is somewhere to open a window."""
    if sys.platform in ("win32", "darwin") or environment.get("QT_QPA_PLATFORM"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="afwatch", description="The monitor window of an Afwatch farm.")
    parser.add_argument("--server", metavar="HOST:PORT[,…]", help="servers of the farm; else AF_SERVER or settings")
    parser.add_argument("--config", metavar="FILE", help="settings")
    modes = parser.add_mutually_exclusive_group()
    for role, what in (("USER", "what is yours"), ("VISOR", "everybody's jobs"), ("GOD", "everything")):
        modes.add_argument(f"--{role.lower()}", dest="mode", action="store_const", const=role, help=f"change {what}")
    parser.add_argument("--as-user", metavar="NAME", help="who you are; else the user of this session")
    parser.add_argument("--scheme", choices=("dark", "light"), default="", help="dark or light; else as the system")
    parser.set_defaults(mode="USER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
