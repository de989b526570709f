"""The program ``afrender``: puts the agent together, runs it, and takes it apart in order.

The order of a start: arguments and settings; the folder, locked; what an earlier agent left running is ended; reports
of its finished tasks are read; only then the server is looked for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import random
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import platformdirs

from afcore.config import Config
from afcore.errors import AfError
from afnet.api.configfiles import load_config
from afnet.api.credentials import find_token
from afnet.client.link import Link
from afnet.client.servers import Address, find_servers
from afnet.loglines import log_to_stderr
from afnet.wire.messages import Hello
from afrender.accounts import Accounts
from afrender.agent import Agent
from afrender.desk import Desk
from afrender.folder import AgentFolder
from afrender.helper.pool import HelperPool, HelperSettings
from afrender.host.fake import FakeHost
from afrender.host.local import LocalHost
from afrender.host.mustdie import WindowCloser
from afrender.host.overload import OverloadWatch
from afrender.host.probe import HostProbe
from afrender.instructions import carry_out
from afrender.joining import ask_person, find_farm
from afrender.loop import AgentLoop, LoopSettings
from afrender.nimby.rules import read_rules
from afrender.pairing import Credential, announce, needs_pairing, pair
from afrender.pictures import PictureSettings
from afrender.process.spawn import ProcessLayer
from afrender.reader import Applications
from afrender.reports import ReportSpool
from afrender.showing import TrayStarter
from afrender.taskfolder import FileLimits, clear_task_folders
from afrender.works import WorkSettings

__all__ = ["main", "render_name"]

log = logging.getLogger(__name__)

SETTLE_TIME = 3.0
"""Seconds that a leaving agent waits for its last reports to be acknowledged."""

WORKER_THREADS = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line, the environment and the settings say together."""

    name: str
    user: str
    folder: Path
    servers: Sequence[Address]
    named: bool
    """Somebody said which servers these are."""
    config: Config
    nimby: str = ""
    headless: bool = False
    fake_host: str = ""
    code: str = ""
    announce: bool = False
    token: str = ""


def main(words: Sequence[str] | None = None) -> int:
    """Run an agent until it is told to leave; return the exit status."""
    given = sys.argv[1:] if words is None else list(words)
    if given[:1] == ["service"]:
        from afnet.service import service_main

        return service_main("afrender", "Render agent of the farm", "afrender", given[1:])
    arguments = _parser().parse_args(given)
    log_to_stderr(logging.DEBUG if arguments.verbose else logging.INFO, "%(asctime)s %(message)s")
    try:
        options = _options(arguments, os.environ)
        folder = AgentFolder(options.folder, options.name)
    except AfError as error:
        return _complain(error)
    try:
        options = _enrol(options, folder)
        # Tasks get the agent's environment, and nothing that the agent is recognised by.
        os.environ.pop("AF_TOKEN", None)
        code, told = asyncio.run(_run(options, folder))
    except AfError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return 130
    finally:
        folder.close()
    return carry_out(told, _machine_settings(options.config)) if told and not code else code


def _enrol(options: Options, folder: AgentFolder) -> Options:
    """Pair this agent where it was told to, or let it wait to be approved by a farm that is elsewhere."""
    credential = Credential(folder.path)
    if not options.named and (options.code or credential.exists or not _answers(options.servers[0])):
        ask = None if options.code else ask_person
        servers = find_farm(options.config, credential, options.code, default=options.servers, ask=ask)
        options = replace(options, servers=servers)
    if options.code:
        pair(options.servers, options.code, options.name, credential)
    elif not credential.exists and (options.announce or credential.expected or needs_pairing(options.servers)):
        announce(options.servers, options.name, credential)
    return options


def _answers(server: Address) -> bool:
    """Say whether somebody serves there already."""
    with contextlib.suppress(OSError), socket.create_connection(server, timeout=0.5):
        return True
    return False


def render_name(environment: Mapping[str, str], host: str, *, cut_domain: bool = True) -> str:
    """Return the name of the render when none is given: ``AF_HOSTNAME`` as it is, else the machine's in lower case."""
    if environment.get("AF_HOSTNAME"):
        return environment["AF_HOSTNAME"]
    host = host.lower()
    return host.partition(".")[0] if cut_domain else host


def _complain(error: AfError) -> int:
    hint = getattr(error, "hint", "")
    sys.stderr.write(f"afrender: {error.sentence}" + (f" ({hint})" if hint else "") + "\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="afrender",
        description="Runs the tasks of the farm on this machine.",
        epilog="`afrender service install` writes what a system needs to start it by itself.",
    )
    parser.add_argument("nimby", nargs="?", choices=("nimby", "NIMBY"), help="the state a render new to the farm is in")
    parser.add_argument("--headless", action="store_true", help="without a tray icon")
    parser.add_argument("--server", metavar="HOST:PORT[,…]", help="servers of the farm; else AF_SERVER or settings")
    parser.add_argument("--pair", metavar="CODE", help="belong to that farm from now on; `afcmd node code` makes codes")
    parser.add_argument(
        "--announce", action="store_true", help="without a code: wait until `afcmd node approve` lets this agent in"
    )
    parser.add_argument("--name", help="the render's name; else AF_HOSTNAME, else the name of this machine")
    parser.add_argument("--folder", metavar="DIR", help="where reports and logs wait until they are delivered")
    parser.add_argument("--fake-host", metavar="FILE", help="be the machine that FILE describes")
    parser.add_argument("--config", metavar="FILE", help="settings")
    parser.add_argument("--verbose", action="store_true", help="tell more")
    return parser


def _options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    config = load_config(file=arguments.config, environ=environment)
    cut = bool(config["af_render_cut_domain_name"])
    name = arguments.name or render_name(environment, socket.gethostname(), cut_domain=cut)
    folder = Path(arguments.folder) if arguments.folder else None
    configured = [str(Address(host, port)) for host, port in config.servers()]
    return Options(
        name=name,
        user=environment.get("AF_USERNAME", ""),
        folder=folder or AgentFolder.usual(Path(platformdirs.user_data_dir("afwatch")), name),
        servers=find_servers(arguments.server, environment, configured),
        named=arguments.server is not None or bool(environment.get("AF_SERVER", "").strip())
        or not config.source("servers") == config.source("af_servername") == "default",
        config=config,
        nimby=arguments.nimby or "",
        headless=arguments.headless,
        fake_host=arguments.fake_host or "",
        code=arguments.pair or "",
        announce=arguments.announce,
        token=environment.get("AF_TOKEN", ""),
    )


def _version() -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("afwatch")
    return "development"


def _layer(options: Options, folder: AgentFolder, stack: contextlib.ExitStack) -> ProcessLayer:
    """Make the process layer of this system, after what an earlier agent left behind has been ended."""
    loop = asyncio.get_running_loop()
    nice = int(options.config["af_render_nice"])
    if sys.platform == "win32":
        from afrender.process.windows import WindowsLayer

        return WindowsLayer(loop, nice=nice)
    from afrender.process.keeping import Keeper, end_leftovers
    from afrender.process.posix import PosixLayer

    left = end_leftovers(folder.path, folder.token)
    if left:
        log.info("Ended %d processes that an earlier agent of this name had left behind.", left)
    keeper = Keeper(loop, folder.path, folder.token)
    stack.callback(keeper.close)
    layer = PosixLayer(loop, nice=nice, keeper=keeper)
    stack.callback(layer.close)
    return layer


async def _run(options: Options, folder: AgentFolder) -> tuple[int, str]:
    """Run the agent; return the exit status, and what the farm wants done now that it has left."""
    running = asyncio.get_running_loop()
    running.set_default_executor(ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="afrender"))
    config = options.config
    rules = read_rules(config)
    accounts = Accounts(config["run_as"], source=config.source("run_as"))
    with contextlib.ExitStack() as stack:
        host: HostProbe
        if options.fake_host:
            host = FakeHost(options.fake_host, name=options.name, user=options.user)
        else:
            host = LocalHost(
                name=options.name,
                user=options.user,
                disk=str(config["af_render_hddspace_path"]),
                drives=str(config["af_render_iostat_device"]),
                meters_folder=str(config["meters_folder"]),
                meters=list(config["af_render_resclasses"]),
            )
        limits = {
            "mem": int(config["af_render_overflow_mem"]),
            "swap": int(config["af_render_overflow_swap"]),
            "hdd": int(config["af_render_overflow_hdd"]),
        }
        if max(limits.values()) >= 0:
            host = OverloadWatch(host, limits)
        layer = _layer(options, folder, stack)
        spool = ReportSpool(folder.path)
        loop = AgentLoop(
            agent=Agent(grace=float(config["terminate_grace"]), farm=folder.farm),
            layer=layer,
            applications=Applications(config.path_map(), settings=_service_settings(config)),
            helpers=_helpers(config),
            host=host,
            works=WorkSettings(
                folder=folder.path,
                token=folder.token,
                shell_prefix=str(config["cmd_shell"]),
                log_limit=int(config["log_bytes_max"]),
                post_limit=float(config["af_task_post_limit_sec"]),
                files=FileLimits(int(config["task_file_bytes"]), int(config["task_files_max"])),
                accounts=accounts,
            ),
            pictures=_pictures(config),
            settings=LoopSettings(engine=f"afwatch {_version()}", nimby=options.nimby, instance=secrets.token_hex(8)),
            spool=spool,
            farm_met=folder.meet,
            log_budget=int(config["spool_bytes_max"]),
            machine_settings=_machine_settings(config),
        )
        loop.restore()
        clear_task_folders(str(folder.path))
        folder.remove_stray_logs({os.path.basename(path) for path in loop.log_paths})
        user = host.identity().user
        hello = Hello(
            versions=[], program="afrender", kind="agent", user=user, host=socket.gethostname(),
            tasks_as="others" if accounts else "self",
        )  # fmt: skip
        link = _link(options, hello, loop, Credential(folder.path))
        loop.link = link
        # A render node has nobody at it: without rules it neither listens for a tray nor follows its own row.
        desk = tray = None
        if not (options.headless and rules.are_off):
            desk = Desk(loop, name=options.name, user=user, folder=folder.path, rules=rules)
            tray = TrayStarter(folder.path, desk.channel, os.environ, headless=options.headless)
        closer = WindowCloser.of_system([str(one) for one in config["af_render_windowsmustdie"]])
        _listen_to_signals(running, loop)
        log.info("This is render %s, looking for the farm at %s.", options.name, ", ".join(map(str, options.servers)))
        _warn_of_shared_user(Credential(folder.path), accounts)
        gc.freeze()
        link.start()
        if desk is not None and tray is not None:
            await desk.open()
            tray.start()
        if closer is not None:
            closer.start()
        try:
            reason = await loop.over
            log.info("Leaving: %s.", reason.rstrip("."))
            await loop.settle(SETTLE_TIME)
        finally:
            if closer is not None:
                await closer.close()
            if desk is not None and tray is not None:
                await tray.close()
                await desk.close()
            await link.close("the agent leaves")
            await loop.close()
        return (1 if loop.refused is not None else 0), loop.told


def _warn_of_shared_user(credential: Credential, accounts: Accounts) -> None:
    """Say where tasks can read what this agent is recognised by."""
    if credential.exists and not accounts:
        log.warning(
            "Tasks run as the user of this agent and can read its certificate, which is worth reporting on this node's "
            "own tasks. With run_as they run as users of their own: docs/security.md."
        )


def _link(options: Options, hello: Hello, loop: AgentLoop, credential: Credential) -> Link:
    """Return the link: of a paired agent by its certificate alone, and to its farm alone, wherever that says it is."""
    if not credential.exists:
        shown = {**os.environ, "AF_TOKEN": options.token}
        return Link(
            options.servers, hello, loop, chance=random.Random(),
            credential=lambda host, port: find_token(host, port, shown), gave_up=loop.give_up,
        )  # fmt: skip
    return Link(
        options.servers, hello, loop, chance=random.Random(), tls=credential.context(),
        credential=lambda host, port: "",
    )  # fmt: skip


def _helpers(config: Config) -> HelperPool | None:
    """Return the helpers of the studio's own services and parsers; None when there are none."""
    if not config["modules_folder"]:
        return None
    return HelperPool(
        HelperSettings(
            folder=str(config["modules_folder"]),
            seconds=float(config["helper_seconds"]),
            memory=int(config["helper_bytes"]),
            pairs=[(client, server) for client, server in config["pathsmap"]],
            windows=config.windows,
            settings={one.name: config[one.name] for one in config.explain()},
        )
    )


def _pictures(config: Config) -> PictureSettings:
    return PictureSettings(
        seconds=float(config["image_seconds"]),
        memory=int(config["image_bytes"]),
        width=int(config["thumbnail_width"]),
        height=int(config["thumbnail_height"]),
        command=str(config["af_thumbnail_cmd"]),
        check=bool(config["image_check"]),
    )


def _machine_settings(config: Config) -> dict[str, str]:
    """Return the settings that name this machine's own commands."""
    names = ("af_render_cmd_wolsleep", "af_render_cmd_reboot", "af_render_cmd_shutdown")
    return {name: str(config[name]) for name in names}


def _service_settings(config: Config) -> dict[str, object]:
    """Return what services may know of the settings."""
    names = (
        *("af_render_cmd_wolsleep", "af_render_cmd_wolwake", "email_send_cmd", "email_sender_address_host"),
        *("email_smtp_server", "email_smtp_user", "email_smtp_password", "email_smtp_tls"),
    )
    told: dict[str, object] = {name: str(config[name]) for name in names}
    told["af_thumbnail_extensions"] = [str(one).lower().lstrip(".") for one in config["af_thumbnail_extensions"]]
    return told


def _listen_to_signals(running: asyncio.AbstractEventLoop, loop: AgentLoop) -> None:
    """A first request to end is done in order, a second one at once."""

    def asked(name: str) -> None:
        if loop.agent.leaving:
            loop.kill_all()
        else:
            loop.leave(f"it was asked to end ({name})")

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            # Whoever started us with a signal ignored (nohup) wants it so.
            continue
        if sys.platform == "win32":
            signal.signal(number, lambda *_, word=name: running.call_soon_threadsafe(asked, word))
        else:
            running.add_signal_handler(number, asked, name)


if __name__ == "__main__":
    sys.exit(main())
