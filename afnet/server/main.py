"""``afserver``: start the farm's server and keep it until it is told to stop.

Rules of this file:
- Whatever a person did wrong is a sentence on the error output and an exit code, never a traceback.
- Exit codes: 0 stopped in order, 1 could not start, 2 wrong usage, 3 a mistake of the server, 4 the database failed.
"""

import argparse
import asyncio
import gc
import importlib
import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from afcore.config import Config
from afcore.errors import AfError
from afnet.api.configfiles import load_config
from afnet.loglines import log_to_stderr

if TYPE_CHECKING:
    from afnet.server.ground import Ground

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["service"]:
        from afnet.service import service_main

        return service_main("afserver", "Afwatch farm server", "afnet.server.main", arguments[1:])
    if arguments[:1] == ["init"]:
        return _init(arguments[1:])
    if arguments[:1] == ["doctor"]:
        return _doctor(arguments[1:])
    options = _parse(arguments)
    log_to_stderr(logging.INFO, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        config = load_config(
            {"listen": options.listen, "data_dir": options.data, "database": options.database}, file=options.config
        )
        return _run(config) if options.headless else _open_window(config, options)
    except AfError as error:
        print(f"afserver: {error.sentence}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _init(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="afserver init",
        description="Makes the farm's certificate authority and its first administrator, and prints a pairing code.",
    )
    parser.add_argument("--name", default="", help="name of the administrator; yours by default")
    parser.add_argument("--password-file", default="", metavar="FILE", help="file whose content is the password")
    _add_places(parser)
    options = parser.parse_args(arguments)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from afnet.server.initial import init_main

    try:
        config = load_config({"data_dir": options.data, "database": options.database}, file=options.config)
    except AfError as error:
        print(f"afserver: {error.sentence}", file=sys.stderr)
        return 1
    return init_main(config, options.name, options.password_file)


def _doctor(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="afserver doctor",
        description="Says how safe this server stands: addresses, keys, settings, tasks, disk, clock, versions.",
        epilog="Ends with 0 when there is nothing to do, 1 when something is weak or wrong.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--listen", action="append", metavar="HOST:PORT", help="as the server is started with")
    _add_places(parser)
    options = parser.parse_args(arguments)
    from afnet.server.app import VERSION
    from afnet.server.doctor import doctor_main

    config: Config | AfError
    try:
        config = load_config(
            {"listen": options.listen, "data_dir": options.data, "database": options.database}, file=options.config
        )
    except AfError as error:
        config = error
    return doctor_main(config, version=VERSION, as_text=not options.json)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="folder of the server's data")
    parser.add_argument("--database", metavar="URL", help="file or postgresql:// address of the farm's database")
    parser.add_argument("--config", metavar="FILE", help="read settings from this file too")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="afserver",
        description="The server of a render farm.",
        epilog="`afserver init` lets a farm of many machines use it; `afserver doctor` says how safe it stands; "
        "`afserver service install` writes what a system needs to start it by itself.",
    )
    parser.add_argument("--headless", action="store_true", help="without a window")
    parser.add_argument("--agent", action="store_true", help="with the window: let this machine work for the farm too")
    parser.add_argument(
        "--listen", action="append", metavar="HOST:PORT", help="address to listen at; may be given several times"
    )
    _add_places(parser)
    return parser.parse_args(arguments)


def _open_window(config: Config, options: argparse.Namespace) -> int:
    """Open the monitor with this server inside; imported late and by name, since nothing of afnet knows windows."""
    words: list[str] = ["--config", options.config] if options.config else []
    words += ["--database", options.database] if options.database else []
    code: int = importlib.import_module("afwatch.main").open_embedded(config, words=words, agent=options.agent)
    return code


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _run(config: Config) -> int:
    from afnet.server.ground import open_ground
    from afnet.server.memory import keep_little

    sys.setswitchinterval(0.0005)
    gc.disable()  # until the farm is there: nothing made so far is garbage
    keep_little()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        loop = runner.get_loop()
        ground = open_ground(config)
        try:
            return runner.run(_serve(ground, loop))
        finally:
            ground.store.close()


async def _serve(ground: "Ground", loop: asyncio.AbstractEventLoop) -> int:
    server = ground.build(loop)
    server.bind()
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.ask_to_stop)
    else:
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(server.ask_to_stop))
    await server.start()
    shown = ", ".join(str(address) for address in server.door.addresses)
    most = server.door.limits.connections
    room = f" It takes up to {most} connections." if most else ""
    print(f"afserver: serves at {shown}; its data is in {ground.data}.{room}", file=sys.stderr, flush=True)
    try:
        return await server.wait()
    finally:
        await server.stop()


if __name__ == "__main__":
    warnings.simplefilter("default")
    raise SystemExit(main())
