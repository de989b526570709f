"""Settings as typed values: parses texts of configuration files and the environment, and tells where a value is from.

Rules of this file:
 - it reads no file and no environment itself: texts, names and variables are arguments;
 - a layer is what one source says; a later layer wins; every value remembers its source;
 - a wrong value or an unknown key is refused with file, key and what to do; all of them at once.

A file is a JSON object of settings, or such an object under ``cgru_config``. Keys that are empty or begin with ``-``
are remarks. ``OS_linux`` and the like hold settings for that system, read after the plain ones. ``include`` names
further files, which the reader adds after this one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from afcore.errors import ConfigError, did_you_mean
from afcore.pathmap import PathMap
from afcore.settings import CLASSIC, SETTINGS, Setting

__all__ = ["Config", "Explained", "Layer", "parse_address", "parse_env", "parse_file", "parse_options"]

DEFAULT = "default"
"""The source of values that nobody set."""

_LISTS = ("texts", "pairs")


class Layer(NamedTuple):
    """What one source says: checked values by name, and the files it includes."""

    source: str
    values: dict[str, Any]
    include: list[str]


class Explained(NamedTuple):
    """One setting with its value and where that came from."""

    name: str
    value: Any
    source: str
    unit: str
    about: str


class Config:
    """All settings of one program. Read a value by its name: ``config["af_serverport"]``."""

    def __init__(self, layers: Iterable[Layer] = (), *, windows: bool = False) -> None:
        self.windows = windows
        self.read_again: Callable[[], Config] = lambda: self
        """Reads what this one was read from anew; set by the reader, else it is this one. Raises ConfigError."""
        self._values: dict[str, tuple[Any, str, int]] = {}
        for rank, layer in enumerate(layers):
            for name, value in layer.values.items():
                self._values[name] = (value, layer.source, rank)

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name][0]
        setting = SETTINGS[name]
        value = setting.windows if self.windows and setting.windows is not None else setting.default
        return list(value) if setting.kind in _LISTS else value

    def source(self, name: str) -> str:
        """Return where the value of a setting came from: a file, ``environment``, ``command line`` or ``default``."""
        return self._values[name][1] if name in self._values else DEFAULT

    def explain(self) -> list[Explained]:
        """Return every setting with its value, source, unit and meaning, in the order of their declaration."""
        return [Explained(s.name, self._shown(s.name), self.source(s.name), s.unit, s.about) for s in SETTINGS.values()]

    def _shown(self, name: str) -> Any:
        """Return a value as people may see it: a password is not for their eyes."""
        value = self[name]
        if isinstance(value, str):
            return "(set)" if value and name.endswith("_password") else _without_password(value)
        return value

    def servers(self) -> list[tuple[str, int]]:
        """Return the addresses of the farm's servers, in the order in which they are tried.

        A single server named by a stronger source than the list of servers stands for the list.
        """
        ranks = {name: self._values[name][2] for name in ("servers", "af_servername") if name in self._values}
        if self["servers"] and ranks.get("servers", -1) >= ranks.get("af_servername", -1):
            return [parse_address(text, self["af_serverport"]) for text in self["servers"]]
        return [(self["af_servername"], self["af_serverport"])]

    def path_map(self, *, unix_separators: bool = False) -> PathMap:
        """Return the translation of paths between this machine and the farm."""
        pairs = [(client, server) for client, server in self["pathsmap"]]
        return PathMap(pairs, windows=self.windows, unix_separators=unix_separators)


def _without_password(address: str) -> str:
    """Return the address of a database as people may see it."""
    hidden = re.sub(r"(://[^:/@\s]*:)[^/\s]*@", r"\1…@", address)
    return re.sub(r"(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", r"\1…", hidden, flags=re.IGNORECASE)


def parse_file(text: str, *, file: str, systems: Sequence[str] = ()) -> Layer:
    """Return the layer that a file's text says. Raises ConfigError naming ``file`` and every wrong key.

    ``systems`` are the names of this system in ``OS_`` sections, from the general to the special: unix, linux.
    """
    try:
        data = json.loads(text[1:] if text.startswith("\ufeff") else text, strict=False)
    except (ValueError, RecursionError) as error:
        raise ConfigError(file, "", f"is no JSON: {error}", hint="check commas, quotes and brackets there") from None
    if isinstance(data, dict) and isinstance(data.get("cgru_config"), dict):
        data = data["cgru_config"]
    if not isinstance(data, dict):
        raise ConfigError(file, "", "must hold one JSON object", hint='write {"af_servername": "…"}')
    layer = Layer(file, {}, [])
    errors: list[ConfigError] = []
    _read_object(data, layer, systems, errors)
    _raise(file, errors)
    return layer


def _read_object(data: Mapping[str, Any], layer: Layer, systems: Sequence[str], errors: list[ConfigError]) -> None:
    for key, value in data.items():
        if not key or key.startswith(("-", "OS_")):
            continue
        if key == "include":
            files = [value] if isinstance(value, str) else value
            if isinstance(files, list) and all(isinstance(name, str) for name in files):
                layer.include.extend(files)
            else:
                errors.append(ConfigError(layer.source, key, "must be a list of file names"))
        elif key in SETTINGS:
            _take(layer, SETTINGS[key], value, errors)
        elif key not in CLASSIC:
            hint = did_you_mean(key, [*SETTINGS, "include"]) or 'remove it, or put "-" before its name'
            errors.append(ConfigError(layer.source, key, "there is no such setting", hint=hint))
    for system in systems:
        section = data.get("OS_" + system)
        if isinstance(section, dict):
            _read_object(section, layer, systems, errors)
        elif section is not None:
            errors.append(ConfigError(layer.source, "OS_" + system, "must be an object of settings"))


def parse_env(environ: Mapping[str, str]) -> Layer:
    """Return the layer of the environment: ``AF_<NAME>`` and ``CGRU_<NAME>`` in capitals, and the variables that a
    setting names. An empty variable says nothing. Raises ConfigError naming every variable that is wrong.
    """
    layer = Layer("environment", {}, [])
    errors: list[ConfigError] = []
    for setting in SETTINGS.values():
        name = setting.name.upper()
        for variable in (f"CGRU_{name}", name if name.startswith("AF_") else f"AF_{name}", *setting.env):
            text = environ.get(variable, "")
            if text:
                _take(layer, setting, _from_text(setting, text), errors, called=variable)
    _raise("environment", errors)
    return layer


def parse_options(values: Mapping[str, Any], *, source: str = "command line") -> Layer:
    """Return the layer of values given to the program itself, as texts or already typed; None says nothing."""
    layer = Layer(source, {}, [])
    errors: list[ConfigError] = []
    for name, value in values.items():
        if value is None:
            continue
        if name not in SETTINGS:
            hint = did_you_mean(name, SETTINGS)
            errors.append(ConfigError(source, name, "there is no such setting", hint=hint))
        else:
            setting = SETTINGS[name]
            _take(layer, setting, _from_text(setting, value) if isinstance(value, str) else value, errors)
    _raise(source, errors)
    return layer


def _from_text(setting: Setting, text: str) -> Any:
    """Return the JSON value that a variable's text means, or the text when it means none."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if setting.kind == "bool":
        return words.get(text.lower(), {"1": True, "0": False}.get(text, text))
    if setting.kind in ("int", "float"):
        try:
            return int(text) if setting.kind == "int" else float(text)
        except ValueError:
            return text
    if setting.kind == "texts":
        return [part.strip() for part in text.split(",") if part.strip()]
    if setting.kind == "pairs":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _take(layer: Layer, setting: Setting, value: Any, errors: list[ConfigError], *, called: str | None = None) -> None:
    what = ""
    if setting.kind == "bool" and value in (0, 1):
        value = bool(value)
    elif setting.kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    elif setting.kind == "pairs" and isinstance(value, (list, tuple)):
        value = [tuple(pair) if isinstance(pair, (list, tuple)) else pair for pair in value]
    elif setting.kind == "texts" and isinstance(value, tuple):
        value = list(value)
    wanted, fits = _KINDS[setting.kind]
    if not fits(value):
        what = f"must be {wanted}, not {json.dumps(value, ensure_ascii=False, default=str)}"
    elif setting.least is not None and value < setting.least:
        what = f"must be at least {setting.least:g}, not {value:g}"
    elif setting.most is not None and value > setting.most:
        what = f"must be at most {setting.most:g}, not {value:g}"
    elif setting.name in ("servers", "listen"):
        what = next(filter(None, (_address_problem(text) for text in value)), "")
    if what:
        hint = f"{setting.about}; {_shown_default(setting)}"
        errors.append(ConfigError(layer.source, called or setting.name, what, hint=hint))
    else:
        layer.values[setting.name] = value


def _shown_default(setting: Setting) -> str:
    if isinstance(setting.default, (list, tuple, dict)) and not setting.default:
        return "by default there are none"
    unit = f" {setting.unit}" if setting.unit else ""
    return f"the default is {json.dumps(setting.default)}{unit}"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, tuple) and len(pair) == 2 and _are_texts(list(pair)) for pair in value
    )


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "float": ("a number", lambda value: isinstance(value, float) and value == value),
    "text": ("a text", lambda value: isinstance(value, str)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "texts": ("a list of texts", _are_texts),
    "pairs": ("a list of pairs of texts", _are_pairs),
}


def _raise(file: str, errors: list[ConfigError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        what = "; ".join(f"{e.key}: {e.what}" + (f" ({e.hint})" if e.hint else "") for e in errors)
        raise ConfigError(file, "", f"{len(errors)} problems: {what}")


def parse_address(text: str, default_port: int = 51000) -> tuple[str, int]:
    """Return host and port of ``HOST``, ``HOST:PORT``, ``[IPV6]``, ``[IPV6]:PORT`` or a bare IPv6 address.

    Raises ConfigError when it is none of these; port 0 is left to the one who listens.
    """
    what = _address_problem(text)
    if what:
        raise ConfigError("", "", what, hint="write HOST:PORT, or [IPv6]:PORT")
    host, port = _split_address(text)
    return host, int(port) if port else default_port


def _split_address(text: str) -> tuple[str, str]:
    text = text.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[1:]
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""


def _address_problem(text: str) -> str:
    host, port = _split_address(text)
    after = text.strip().partition("]")[2]
    if not host or any(c.isspace() or c in "/[]" for c in host) or (after and not after.startswith(":")):
        return f'"{text}" is no address'
    if text.strip().endswith(":") and text.count(":") == 1:
        return f'"{text}" has no port after the colon'
    if port and not (port.isascii() and port.isdigit() and int(port) <= 65535):
        return f'"{port}" in "{text}" is no port'
    return ""
