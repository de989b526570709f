"""Texts that let a system start the server or an agent by itself: systemd units, a Windows script, a launchd plist.

Rules of this file:
- Nothing is enabled and no system folder is touched: files go where the person says, and the sentences say what to do.
- The texts are pure functions of what they are given.
"""

import argparse
import plistlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Service", "cmd_text", "install_services", "launchd_text", "service_main", "systemd_text"]


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is to be started, and how it is described to the system."""

    name: str
    """``afserver`` or ``afrender``."""
    title: str
    program: list[str]
    """The command line: an absolute program and its arguments."""
    environment: dict[str, str] = field(default_factory=dict)


def systemd_text(service: Service) -> str:
    """Return a unit for ``systemctl --user`` or the system's systemd."""
    lines = [
        "[Unit]",
        f"Description={service.title}",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Service]",
        "Type=exec",
        "ExecStart=" + " ".join(_systemd_quoted(word) for word in service.program),
        *[f"Environment={_systemd_quoted(f'{name}={value}')}" for name, value in sorted(service.environment.items())],
        "Restart=on-failure",
        "RestartSec=5",
        "KillSignal=SIGTERM",
        "TimeoutStopSec=60",
        "KillMode=mixed",
        "LimitNOFILE=65536",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)


def _systemd_quoted(word: str) -> str:
    """Return a word as systemd reads it back: quoted where needed, ``%`` and ``$`` doubled."""
    word = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if word and not any(character in word for character in " \t\"';"):
        return word
    return '"' + word.replace('"', '\\"') + '"'


def cmd_text(service: Service) -> str:
    """Return a Windows script that starts the program and starts it again when it fails."""
    lines = [
        "@echo off",
        f"rem {service.title}. Put a shortcut to this file into shell:startup, or give it to Task Scheduler.",
        "setlocal",
        *[f'set "{name}={_cmd_escaped(value)}"' for name, value in sorted(service.environment.items())],
        ":start",
        _cmd_escaped(subprocess.list2cmdline(service.program)),
        "if %ERRORLEVEL% EQU 0 exit /b 0",
        "timeout /t 5 /nobreak >nul",
        "goto start",
        "",
    ]
    return "\r\n".join(lines)


def _cmd_escaped(text: str) -> str:
    return text.replace("%", "%%")


def launchd_text(service: Service) -> str:
    """Return a property list for ``launchctl bootstrap gui/<uid>``."""
    content: dict[str, object] = {
        "Label": f"afwatch.{service.name}",
        "ProgramArguments": service.program,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 5,
        "ExitTimeOut": 60,
        "ProcessType": "Standard",
    }
    if service.environment:
        content["EnvironmentVariables"] = dict(sorted(service.environment.items()))
    return plistlib.dumps(content).decode()


def install_services(service: Service, folder: Path, systems: Sequence[str]) -> list[str]:
    """Write the texts for ``systems`` (``linux``, ``windows``, ``macos``) to ``folder``; return sentences about it."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences: list[str] = []
    if "linux" in systems:
        path = folder / f"{service.name}.service"
        path.write_text(systemd_text(service), encoding="utf-8")
        sentences.append(
            f"Wrote {path}. To use it: copy it to ~/.config/systemd/user/, then "
            f"`systemctl --user daemon-reload` and `systemctl --user enable --now {service.name}`; "
            "`loginctl enable-linger` keeps it running after you log out."
        )
    if "windows" in systems:
        path = folder / f"{service.name}.cmd"
        path.write_bytes(cmd_text(service).encode("utf-8"))
        sentences.append(
            f"Wrote {path}. To use it: `schtasks /create /tn {service.name} /sc onlogon /tr <path of the file>`."
        )
    if "macos" in systems:
        path = folder / f"afwatch.{service.name}.plist"
        path.write_text(launchd_text(service), encoding="utf-8")
        sentences.append(
            f"Wrote {path}. To use it: copy it to ~/Library/LaunchAgents/, then "
            f"`launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{path.name}`."
        )
    return sentences


def service_main(name: str, title: str, module: str, arguments: Sequence[str]) -> int:
    """Do ``<name> service install …``: write the texts and say what was written.  Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"{name} service",
        description=f"Write what the system needs to start {name} by itself. Nothing is enabled. What stands after -- "
        f"is given to {name}.",
    )
    commands = parser.add_subparsers(dest="action", required=True)
    install = commands.add_parser("install", help="write the files and print what was written")
    install.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to (default: this folder)")
    install.add_argument(
        "--for",
        dest="systems",
        action="append",
        choices=("linux", "windows", "macos"),
        help="only for this system (default: all three)",
    )
    own, extra = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, extra = own[:place], own[place + 1 :]
    options = parser.parse_args(own)
    program = [sys.executable, "-m", module, *extra]
    if "--headless" not in extra:
        program.append("--headless")
    service = Service(name=name, title=title, program=program)
    try:
        sentences = install_services(service, options.folder, options.systems or ("linux", "windows", "macos"))
    except OSError as error:
        sys.stderr.write(f"{name}: cannot write to {options.folder}: {error.strerror}. Choose another folder.\n")
        return 1
    sys.stdout.write("\n".join([*sentences, "It will run: " + shlex.join(program), ""]))
    return 0
