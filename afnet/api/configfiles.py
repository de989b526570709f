"""Finds and reads the configuration files: the reader beside ``afcore.config``, which only parses.

The files, from the weakest to the strongest; those that are not there are passed over, except the last two:
 1. ``config.json`` beside ``pyproject.toml``, when the program runs from a checkout;
 2. the site's: ``/etc/xdg/afwatch/config.json`` and its like on other systems;
 3. the user's: ``~/.config/afwatch/config.json`` and its like;
 4. the one named by ``AF_CONFIG``;
 5. the one given to the program (``--config``).
Over the files stand the variables of the environment, over these what was given to the program itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from afcore.config import Config, Layer, parse_env, parse_file, parse_options
from afcore.errors import ConfigError

__all__ = ["config_files", "load_config", "read_settings_text", "systems"]

_NAME = "config.json"


def systems(platform: str = sys.platform) -> tuple[str, ...]:
    """Return the names of a system in ``OS_`` sections, from the general to the special."""
    if platform == "win32":
        return ("windows",)
    return ("unix", "macosx") if platform == "darwin" else ("unix", "linux")


def config_files(environ: Mapping[str, str], *, platform: str = sys.platform) -> list[Path]:
    """Return where configuration files that may be absent are looked for, from the weakest to the strongest."""
    found = []
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        found.append(checkout / _NAME)
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if platform == "win32":
        places = [(environ.get("PROGRAMDATA"), "afwatch/afwatch"), (environ.get("LOCALAPPDATA"), "afwatch/afwatch")]
    elif platform == "darwin":
        places = [("/Library", "Application Support/afwatch"), (home, "Library/Application Support/afwatch")]
    else:
        site = [folder for folder in environ.get("XDG_CONFIG_DIRS", "").split(":") if folder] or ["/etc/xdg"]
        user = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
        places = [*((folder, "afwatch") for folder in reversed(site)), (user, "afwatch")]
    return [*found, *(Path(folder, name, _NAME) for folder, name in places if folder)]


def load_config(
    options: Mapping[str, Any] | None = None,
    *,
    file: str | None = None,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Config:
    """Return the configuration of this program. Raises ConfigError naming file and key of what is wrong.

    ``options`` are settings given to the program itself, ``file`` a configuration file given to it.
    """
    env = os.environ if environ is None else environ
    layers: list[Layer] = []
    seen: set[Path] = set()
    for path in config_files(env, platform=platform):
        if path.is_file():
            _read(path, layers, seen, systems(platform))
    for named in (env.get("AF_CONFIG"), file):
        if named:
            _read(Path(named), layers, seen, systems(platform))
    layers.append(parse_env(env))
    layers.append(parse_options(options or {}))
    config = Config(layers, windows=platform == "win32")
    config.read_again = partial(load_config, options, file=file, environ=environ, platform=platform)
    return config


def read_settings_text(path: Path) -> str:
    """Return the text of a file of the studio's. Raises ConfigError when it can not be read or is no UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(str(path), "", "is not UTF-8", hint="save it as UTF-8") from None
    except OSError as error:
        what = f"can not be read: {error.strerror or error}"
        raise ConfigError(str(path), "", what, hint="check the path and who may read it") from None


def _read(path: Path, layers: list[Layer], seen: set[Path], names: Iterable[str]) -> None:
    """Read a file and, after it, the files it includes. A file that was read already is passed over."""
    place = path.resolve()
    if place in seen:
        return
    seen.add(place)
    layer = parse_file(read_settings_text(path), file=str(path), systems=tuple(names))
    layers.append(layer)
    for name in layer.include:
        _read(path.parent / name, layers, seen, names)
