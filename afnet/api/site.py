"""What the submitting machine knows of itself: configuration, user, host, working directory, path map."""

from __future__ import annotations

import functools
import getpass
import os
import socket
import sys

from afcore.config import Config
from afcore.pathmap import PathMap
from afnet.api.configfiles import load_config, systems

__all__ = ["configuration", "host_name", "native_os", "path_map", "to_server", "user_name", "working_directory"]


def configuration() -> Config:
    """Return the configuration; it is read again when a variable of the environment that matters has changed."""
    names = ("HOME", "USERPROFILE", "PROGRAMDATA", "LOCALAPPDATA", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME")
    mattering = {k: v for k, v in os.environ.items() if k.startswith(("AF_", "CGRU_")) or k in names}
    return _loaded(tuple(sorted(mattering.items())))


@functools.lru_cache(maxsize=2)
def _loaded(environ: tuple[tuple[str, str], ...]) -> Config:
    return load_config(environ=dict(environ))


def path_map() -> PathMap:
    """Return the translation of this machine's paths to the farm's."""
    return configuration().path_map()


def to_server(text: str, transfer: bool = True) -> str:
    """Return a text with the farm's paths, or as it is when ``transfer`` is false."""
    return path_map().to_server(text) if transfer else text


def user_name() -> str:
    """Return the submitting user: ``CGRU_USERNAME``, ``AF_USERNAME``, else the login; lower case, without domain."""
    for variable in ("CGRU_USERNAME", "AF_USERNAME", "USER", "USERNAME"):
        name = os.environ.get(variable)
        if name:
            break
    else:
        name = _login()
    if configuration()["af_user_cut_domain_name"]:
        name = name.replace("\\", "/").rpartition("/")[2]
    return name.lower()


def _login() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"


def host_name() -> str:
    """Return the name of this machine in lower case."""
    return socket.gethostname().lower()


def native_os() -> str:
    """Return the name of this system as a job needs it: linux, macosx or windows."""
    return systems(sys.platform)[-1]


def working_directory() -> str:
    """Return the folder the user stands in, by the name under which it was entered."""
    return os.environ.get("PWD") or os.getcwd()
