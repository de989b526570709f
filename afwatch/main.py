"""Entry of the ``afwatch`` command: the monitor window of a farm, with the farm's server inside when none is named.

The order of a start: arguments and settings first, so that a mistake is a sentence in the terminal; then the embedded
server, if any; only then Qt.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afcore.errors import AfError
from afcore.states import Role
from afnet.loglines import log_to_stderr

if TYPE_CHECKING:
    from afcore.config import Config
    from afnet.client.servers import Address
    from afwatch.farm import EmbeddedFarm

__all__ = ["main", "open_embedded"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the monitor and return its exit status when the window is closed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    scene = ""
    link = _link(given)
    submits = given[:1] == ["submit"]
    if submits:
        given = given[1:]
        scene = given.pop(0) if given and not given[0].startswith("-") else ""
    options = _parser().parse_args(given)
    try:
        from afnet.api.configfiles import load_config
        from afnet.client.servers import Address

        config = load_config(file=options.config)
        servers = _servers(options.server, config)
        if not _has_display(os.environ):
            print("afwatch: there is no display; `afcmd job watch` shows jobs in the terminal.", file=sys.stderr)
            return 2
        if submits:
            return _submit(options, servers or [Address("127.0.0.1", config["af_serverport"])], scene)
        if not servers and not options.agent and _is_first(config):
            servers = _nearby(config, options)
        if not servers:
            words = ["--config", options.config] if options.config else []
            return _open_farm(config, options, words=words, agent=options.agent)
    except AfError as error:
        return _complain("afwatch", error, 2)
    return _open(options, servers, config, job=link)


def _link(given: list[str]) -> int:
    """Take a link to a job (``afwatch://HOST:PORT/job/12``) out of the arguments; return its id, 0 for none.

    The link's server is joined unless another one is named.
    """
    found = re.fullmatch(r"afwatch://([^/]+)/job/(\d+)/?", given[0]) if given else None
    if found is None:
        return 0
    given[:1] = [] if "--server" in given else ["--server", found[1]]
    return int(found[2])


def open_embedded(config: Config, *, words: Sequence[str] = (), agent: bool = False) -> int:
    """Open the monitor with the server of ``config`` inside (``afserver`` without ``--headless``).

    ``words`` are the options that a server without a window needs to take over; ``agent`` lets this machine work.
    Raises AfError when the server cannot start.
    """
    if not _has_display(os.environ):
        print("afserver: there is no display for its window; `afserver --headless` runs without.", file=sys.stderr)
        return 2
    return _open_farm(config, _parser().parse_args([]), words=words, agent=agent)


def _submit(options: argparse.Namespace, servers: Sequence[Address], scene: str) -> int:
    """Open the dialog that submits a job, alone (``afwatch submit [SCENE]``); 0 when a job was taken."""
    import platformdirs

    from afwatch.application import make_application

    make_application(language=options.language)  # before any view is imported: its texts are in this language
    from afwatch.submitting import submit_alone

    folder = Path(platformdirs.user_config_dir("afwatch", appauthor=False))
    return submit_alone(
        servers, user=options.as_user or _user(), scene=scene, settings_file=folder / "watch.json",
        scheme=options.scheme,
    )  # fmt: skip


def _complain(program: str, error: AfError, code: int) -> int:
    hint = getattr(error, "hint", "")
    print(f"{program}: {error.sentence}" + (f"\n  {hint}" if hint else ""), file=sys.stderr)
    return code


def _open_farm(config: Config, options: argparse.Namespace, *, words: Sequence[str], agent: bool) -> int:
    """Open the monitor with the server inside."""
    from afwatch.embed import EmbeddedServer
    from afwatch.farm import EmbeddedFarm

    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    log_to_stderr(logging.WARNING, line)
    server = EmbeddedServer(config)
    server.start()
    farm = EmbeddedFarm(server, words=words)
    shown = ", ".join(str(address) for address in server.addresses)
    print(f"afserver: serves at {shown}; its data is in {server.data}.", file=sys.stderr, flush=True)
    try:
        if agent:
            farm.agent.start()
        options.mode = "GOD" if options.mode is None else options.mode
        code = _open(options, server.addresses, config, farm)
    finally:
        end = farm.close()
    if end:
        print(end, file=sys.stderr, flush=True)
    return code or server.exit_code


def _open(
    options: argparse.Namespace, servers: Sequence[Address], config: Config, farm: EmbeddedFarm | None = None, *,
    job: int = 0,
) -> int:  # fmt: skip
    """``job``: the one to open as soon as it is known."""
    import platformdirs
    from PySide6.QtCore import QTimer

    from afwatch.application import make_application
    from afwatch.collector import calm_collector

    application = make_application(language=options.language)  # before any view is imported
    from afwatch.app import Watch
    from afwatch.outside import Outside

    folder = Path(platformdirs.user_config_dir("afwatch", appauthor=False))
    watch = Watch(
        servers, user=options.as_user or _user(), mode=Role[options.mode or "USER"],
        settings_file=folder / "watch.json", scheme=options.scheme, farm=farm, outside=Outside.of(config),
    )  # fmt: skip
    # Python looks at signals between two of Qt's events only: a slow timer gives it a chance.  What is being done then
    # is done first (a lock may be held that the link's thread needs to end), and an open dialog does not hold us.
    def leave() -> None:
        watch.leave()
        application.exit(0)

    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, lambda *_: QTimer.singleShot(0, watch.window, leave))
    chance = QTimer()
    chance.timeout.connect(lambda: None)
    chance.start(500)
    watch.start()
    if job:
        watch.window.show_when_known(job)
    calm_collector()
    try:
        return application.exec()
    finally:
        watch.close()


def _servers(option: str | None, config: Config) -> list[Address]:
    """Return the servers to join; none when nobody named one and none runs on this machine."""
    from afnet.client.servers import Address, find_servers

    default = config.source("servers") == "default" and config.source("af_servername") == "default"
    configured = [] if default else [str(Address(host, port)) for host, port in config.servers()]
    if option is None and not configured and not os.environ.get("AF_SERVER", "").strip():
        here = Address("127.0.0.1", config["af_serverport"])
        return [here] if _answers(here) else []
    return find_servers(option, os.environ, configured)


def _is_first(config: Config) -> bool:
    """Say whether there never was a farm of this user's own on this machine."""
    from afwatch.embed import has_own_farm

    return not has_own_farm(config)


def _nearby(config: Config, options: argparse.Namespace) -> list[Address]:
    """Return the farm on this machine's networks that the person chose, if there is any."""
    from afwatch.application import make_application

    make_application(language=options.language)  # before any view is imported
    from afwatch.entrance import offer_nearby
    from afwatch.theme.paint import Theme

    theme = Theme(options.scheme)
    theme.apply()
    chosen = offer_nearby(config, theme)
    return [] if chosen is None else [chosen]


def _answers(address: Address) -> bool:
    """Say whether somebody serves there already."""
    try:
        socket.create_connection(address, timeout=0.5).close()
    except OSError:
        return False
    return True


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
    parser = argparse.ArgumentParser(
        prog="afwatch", description="The monitor window of an Afwatch farm.",
        epilog="`afwatch submit [SCENE]` opens the dialog that submits a job, alone;"
        " `afwatch afwatch://HOST:PORT/job/12`, as Copy link gives it, opens that job.",
    )  # fmt: skip
    parser.add_argument("--server", metavar="HOST:PORT[,…]", help="servers of the farm; else AF_SERVER or settings;"
                        " when nobody names one, the window is the server too")
    parser.add_argument("--config", metavar="FILE", help="settings")
    modes = parser.add_mutually_exclusive_group()
    for role, what in (("USER", "what is yours"), ("VISOR", "everybody's jobs"), ("GOD", "everything")):
        modes.add_argument(f"--{role.lower()}", dest="mode", action="store_const", const=role, help=f"change {what}")
    parser.add_argument("--as-user", metavar="NAME", help="who you are; else the user of this session")
    parser.add_argument("--scheme", choices=("dark", "light"), default="", help="dark or light; else as the system")
    parser.add_argument("--language", metavar="LOCALE", default="", help="language of the window, as de or pt_BR; else"
                        " AF_WATCH_LANGUAGE, else that of the system")
    parser.add_argument("--agent", action="store_true", help="with the server inside: this machine works for it too")
    parser.set_defaults(mode=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())
