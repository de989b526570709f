"""Configuration files: which are read, in which order, and what is said when one can not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from afcore.errors import ConfigError
from afnet.api.configfiles import config_files, load_config, systems

ROOT = Path(__file__).parents[3]


def write(path: Path, **values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_files_from_the_weakest_to_the_strongest() -> None:
    env = {"HOME": "/home/u", "XDG_CONFIG_DIRS": "/strong:/weak", "LOCALAPPDATA": "C:/L", "PROGRAMDATA": "C:/P"}
    shipped = ROOT / "config.json"
    assert config_files(env, platform="linux") == [
        shipped,
        Path("/weak/afwatch/config.json"),
        Path("/strong/afwatch/config.json"),
        Path("/home/u/.config/afwatch/config.json"),
    ]
    assert config_files({"XDG_CONFIG_HOME": "/c"}, platform="linux")[1:] == [
        Path("/etc/xdg/afwatch/config.json"),
        Path("/c/afwatch/config.json"),
    ]
    assert config_files({}, platform="linux")[1:] == [Path("/etc/xdg/afwatch/config.json")]
    assert config_files(env, platform="darwin")[2] == Path("/home/u/Library/Application Support/afwatch/config.json")
    assert config_files(env, platform="win32")[1:] == [
        Path("C:/P/afwatch/afwatch/config.json"),
        Path("C:/L/afwatch/afwatch/config.json"),
    ]
    assert [systems(name)[-1] for name in ("win32", "darwin", "linux")] == ["windows", "macosx", "linux"]


def test_each_place_wins_over_the_one_before(tmp_path: Path) -> None:
    user = write(tmp_path / "user/afwatch/config.json", af_priority=1, zombie_time=1, heartbeat_sec=1, answer_timeout=1)
    named = write(tmp_path / "named.json", zombie_time=2, heartbeat_sec=2, answer_timeout=2)
    given = write(tmp_path / "given.json", heartbeat_sec=3, answer_timeout=3)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "user"), "AF_CONFIG": str(named), "AF_ANSWER_TIMEOUT": "4"}
    config = load_config({"af_serverport": 5}, file=str(given), environ=env)
    expected = {
        "af_priority": (1, str(user)),
        "zombie_time": (2, str(named)),
        "heartbeat_sec": (3, str(given)),
        "answer_timeout": (4, "environment"),
        "af_serverport": (5, "command line"),
    }
    assert {name: (config[name], config.source(name)) for name in expected} == expected


def test_included_files_come_after_the_file_once_each(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", include=["sub/b.json"], af_priority=1, zombie_time=5)
    write(tmp_path / "sub/b.json", include=["../a.json"], af_priority=2)
    config = load_config(file=str(first), environ={})
    assert (config["af_priority"], config["zombie_time"]) == (2, 5.0)


@pytest.mark.parametrize("variable", [True, False])
def test_a_named_file_that_is_not_there_is_told(tmp_path: Path, variable: bool) -> None:
    path = str(tmp_path / "none.json")
    with pytest.raises(ConfigError, match=r"none\.json: can not be read: No such file"):
        load_config(file=None if variable else path, environ={"AF_CONFIG": path} if variable else {})


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes(b'{"af_servername": "\xff"}')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(file=str(tmp_path / "c.json"), environ={})
