"""Settings: layers, sources, typed values, and refusals that name file and key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from afcore.config import Config, Layer, parse_address, parse_env, parse_file, parse_options
from afcore.errors import ConfigError
from afcore.settings import CLASSIC, SETTINGS


def layer(systems: tuple[str, ...] = (), file: str = "c.json", **values: Any) -> Layer:
    return parse_file(json.dumps(values), file=file, systems=systems)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_file(text, file="c.json")
    return str(caught.value)


def test_defaults_need_no_file() -> None:
    config = Config()
    assert config.servers() == [("127.0.0.1", 51000)]
    assert (config["af_priority"], config.source("af_priority")) == (99, "default")
    assert config["cmd_shell"] == "/bin/sh -c"
    assert Config(windows=True)["cmd_shell"] == "cmd.exe /c"
    with pytest.raises(KeyError):
        config["nothing"]


def test_later_layers_win_and_say_where_they_are_from() -> None:
    config = Config(
        [
            layer(af_priority=10, zombie_time=20, file="site.json"),
            layer(af_priority=20, file="user.json"),
            parse_env({"AF_PRIORITY": "30", "PATH": "/bin"}),
        ]
    )
    assert (config["af_priority"], config.source("af_priority")) == (30, "environment")
    assert (config["zombie_time"], config.source("zombie_time")) == (20.0, "site.json")
    told = {one.name: one for one in config.explain()}
    assert told.keys() == SETTINGS.keys()
    assert (told["zombie_time"].unit, told["zombie_time"].source) == ("s", "site.json")


def test_every_default_is_a_value_that_would_be_taken() -> None:
    for setting in SETTINGS.values():
        for default in (setting.default, setting.windows):
            if default is not None:
                assert parse_options({setting.name: list(default) if isinstance(default, tuple) else default}).values
    assert not CLASSIC & SETTINGS.keys()


def test_classic_files_are_read() -> None:
    text = json.dumps(
        {
            "cgru_config": {
                "": "a remark",
                "-af_priority": 1,
                "af_servername": "farm",
                "pswd_god": "x",
                "include": ["a.json", "b.json"],
                "af_ipv6_disable": 1,
                "pathsmap": [["P:\\", "/ps/"]],
                "OS_linux": {"cmd_shell": "/bin/bash -c"},
                "OS_unix": {"cmd_shell": "/bin/zsh -c", "OS_linux": {"af_render_nice": 5}},
                "OS_windows": {"cmd_shell": "powershell"},
            }
        }
    )
    read = parse_file("\ufeff" + text, file="c.json", systems=("unix", "linux"))
    assert read.include == ["a.json", "b.json"]
    config = Config([read])
    assert (config["cmd_shell"], config["af_render_nice"]) == ("/bin/bash -c", 5)
    assert config["af_ipv6_disable"] is True
    assert config.path_map().to_server("P:/a") == "/ps/a"
    assert Config([read], windows=True).path_map(unix_separators=True).to_client("/ps/a/b") == "P:/a/b"
    assert parse_file('{"include": "a.json"}', file="c").include == ["a.json"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"af_servernam": "x"}',
            'c.json: af_servernam: there is no such setting (did you mean "af_servername"?)',
        ),
        ('{"zzz": 1}', 'c.json: zzz: there is no such setting (remove it, or put "-" before its name)'),
        (
            '{"af_serverport": "51000"}',
            'c.json: af_serverport: must be a whole number, not "51000"'
            " (port of the server, when no servers are listed; the default is 51000 port)",
        ),
        (
            '{"af_serverport": 0}',
            "c.json: af_serverport: must be at least 1, not 0"
            " (port of the server, when no servers are listed; the default is 51000 port)",
        ),
        (
            '{"af_priority": 300}',
            "c.json: af_priority: must be at most 255, not 300 (priority of a job; the default is 99)",
        ),
        (
            '{"servers": ["a:b"]}',
            'c.json: servers: "b" in "a:b" is no port'
            " (servers of the farm, HOST:PORT each, tried in turn; by default there are none)",
        ),
        (
            '{"a": 1',
            "c.json: is no JSON: Expecting ',' delimiter: line 1 column 8 (char 7)"
            " (check commas, quotes and brackets there)",
        ),
        ("[]", 'c.json: must hold one JSON object (write {"af_servername": "…"})'),
        ('{"include": 1}', "c.json: include: must be a list of file names"),
        (
            '{"pathsmap": [["a"]], "zzz": 1}',
            'c.json: 2 problems: pathsmap: must be a list of pairs of texts, not [["a"]]'
            " (paths of this machine and of the farm: [[client, server], …]; by default there are none);"
            ' zzz: there is no such setting (remove it, or put "-" before its name)',
        ),
    ],
)
def test_refusals_name_file_and_key(text: str, sentence: str) -> None:
    assert refused(text) == sentence


def test_a_section_of_a_system_is_an_object() -> None:
    with pytest.raises(ConfigError, match="OS_unix: must be an object of settings"):
        layer(OS_unix=7, systems=("unix",))


def test_the_environment() -> None:
    read = parse_env(
        {
            "CGRU_AF_SERVERNAME": "one",
            "AF_SERVER": "a:1, b",
            "AF_CMD_PREFIX": "nice ",
            "AF_IPV6_DISABLE": "yes",
            "AF_ZOMBIE_TIME": "2.5",
            "AF_PATHSMAP": '[["a","b"]]',
            "AF_LISTEN": "",
        }
    )
    assert read.values == {
        "servers": ["a:1", "b"],
        "af_servername": "one",
        "af_cmdprefix": "nice ",
        "af_ipv6_disable": True,
        "zombie_time": 2.5,
        "pathsmap": [("a", "b")],
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AF_ZOMBIE_TIME", "soon"), ("AF_IPV6_DISABLE", "maybe"), ("AF_PATHSMAP", "x"), ("AF_ZOMBIE_TIME", "nan")],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"environment: {variable}: must be"):
        parse_env({variable: value})


def test_options_of_a_program() -> None:
    assert parse_options({"af_priority": "5", "listen": ("a:1",), "database": None}).values == {
        "af_priority": 5,
        "listen": ["a:1"],
    }
    with pytest.raises(ConfigError, match='priorty: there is no such setting .did you mean "af_priority"'):
        parse_options({"af_priorty": 1})


def test_a_stronger_source_with_one_server_stands_for_the_list() -> None:
    listed = layer(servers=["a:1", "b"], af_serverport=7)
    named = parse_env({"AF_SERVERNAME": "c"})
    assert Config([listed]).servers() == [("a", 1), ("b", 7)]
    assert Config([listed, named]).servers() == [("c", 7)]
    assert Config([named, listed]).servers() == [("a", 1), ("b", 7)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("farm", ("farm", 51000)),
        ("farm:1", ("farm", 1)),
        (" 10.0.0.1:65535 ", ("10.0.0.1", 65535)),
        ("::1", ("::1", 51000)),
        ("[::1]", ("::1", 51000)),
        ("[fe80::1%eth0]:8", ("fe80::1%eth0", 8)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", ":1", "a:", "a:b", "a:65536", "[::1]8", "a b", "http://a", "[]:1", "a:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_address(text)
