"""What this program shows a server to be recognised: a given token, that of a sign-in, or the machine's secret.

The order: ``AF_TOKEN``; the sign-in of this user at that server (``afcmd login``); the secret that a server of the same
user wrote when it started. Standard library only.

Rules of this file:
 - the machine's secret is shown to nobody but the very addresses at which that server listens;
 - a file that others may read is refused with the sentence that says so, never used in silence.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from afcore.errors import ConfigError

__all__ = [
    "config_folder", "data_folder", "find_token", "forget_sign_in", "machine_secret", "private_json", "read_sign_ins",
    "remove_secret", "secret_path", "sign_in_path", "write_private", "write_secret", "write_sign_in",
]  # fmt: skip

_READ_MOST = 1 << 20


def config_folder(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Return where this user's own settings and sign-ins lie."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home, "afwatch", "afwatch")
    if platform == "darwin":
        return Path(home, "Library", "Application Support", "afwatch")
    return Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "afwatch")


def data_folder(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Return where a server of this user leaves the secret by which the same user is recognised."""
    if platform in ("win32", "darwin"):
        return config_folder(environ, platform=platform)
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get("XDG_DATA_HOME") or Path(home, ".local", "share"), "afwatch")


def sign_in_path(environ: Mapping[str, str]) -> Path:
    """Return the file of this user's sign-ins."""
    return config_folder(environ) / "tokens.json"


def secret_path(environ: Mapping[str, str], port: int) -> Path:
    """Return the file of the secret of a server on this machine; a home may be shared by many machines."""
    return data_folder(environ) / "secrets" / f"{socket.gethostname().lower()}-{port}.json"


def find_token(host: str, port: int, environ: Optional[Mapping[str, str]] = None) -> str:
    """Return what to show the server at an address; empty for nothing.

    Raises ConfigError when a file that should be private can be read by others.
    """
    env = os.environ if environ is None else environ
    given = env.get("AF_TOKEN", "").strip()
    if given:
        return given
    found = read_sign_ins(env).get(_shown(host, port))
    if found:
        return str(found.get("token", ""))
    return machine_secret(host, port, env)


def machine_secret(host: str, port: int, environ: Mapping[str, str]) -> str:
    """Return the secret of the server of this user that listens at exactly this address; empty when there is none."""
    path = secret_path(environ, port)
    said = private_json(path)
    if not said:
        return ""
    listens = {str(each) for each in said.get("addresses", ())}
    ends = _ends(host, port)
    return str(said.get("secret", "")) if ends and ends <= listens else ""


def _ends(host: str, port: int) -> set[str]:
    """Return every address that a connection to ``host`` could go to; all of them must be the server's own."""
    if not (host == "localhost" or host == "::1" or host.startswith("127.")):
        return set()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {_shown(str(end[0]), port) for _, _, _, _, end in found}


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def write_secret(environ: Mapping[str, str], port: int, secret: str, addresses: Iterable[str]) -> Path:
    """Leave the secret of a server that has just started, for nobody but its own user; return the file."""
    path = secret_path(environ, port)
    write_private(path, {"secret": secret, "addresses": list(addresses)})
    return path


def remove_secret(path: Path, secret: str) -> None:
    """Take the secret away at the end of the server that wrote it, unless another server has put its own there."""
    with contextlib.suppress(ConfigError, OSError):
        if private_json(path).get("secret") == secret:
            path.unlink()


def read_sign_ins(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return this user's sign-ins by the address of the server."""
    said = private_json(sign_in_path(environ))
    return {str(key): value for key, value in said.items() if isinstance(value, dict)}


def write_sign_in(environ: Mapping[str, str], host: str, port: int, sign_in: Mapping[str, Any]) -> Path:
    """Keep a sign-in at a server; return the file, which only this user may read."""
    known = read_sign_ins(environ)
    known[_shown(host, port)] = dict(sign_in)
    path = sign_in_path(environ)
    write_private(path, known)
    return path


def forget_sign_in(environ: Mapping[str, str], host: str, port: int) -> dict[str, Any]:
    """Forget the sign-in at a server and return what it was; empty when there was none."""
    known = read_sign_ins(environ)
    gone = known.pop(_shown(host, port), {})
    if gone:
        write_private(sign_in_path(environ), known)
    return gone


def private_json(path: Path) -> dict[str, Any]:
    """Return the object in a file that only its owner may read; empty when there is no such file.

    Raises ConfigError when others may read it, or when it holds something else.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                what = "others may read it, so what it holds counts as known to everybody"
                raise ConfigError(str(path), "", what, hint="delete it, and sign in again with `afcmd login`")
            text = file.read(_READ_MOST)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except OSError as error:
        raise ConfigError(str(path), "", f"can not be read: {error.strerror or error}") from None
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        hint = "delete it, and sign in again with `afcmd login`"
        raise ConfigError(str(path), "", "does not hold what a program of the farm wrote there", hint=hint)
    return said


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object into a file of mode 0600 in one step, in a folder that only its owner may enter.

    Raises ConfigError when that is not possible.
    """
    beside = path.with_name(path.name + f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(beside, path)
    except OSError as error:
        what = f"can not be written: {error.strerror or error}"
        raise ConfigError(str(path), "", what, hint="check the folder and who may write there") from None
