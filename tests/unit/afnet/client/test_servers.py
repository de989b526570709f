"""Where the server is: which source counts, and how addresses are written."""

import pytest

from afcore.errors import ConfigError
from afnet.client.servers import Address, find_servers, parse_address, parse_servers


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("farm01", "farm01", 51000),
        ("farm01:51001", "farm01", 51001),
        (" 10.0.0.7:80 ", "10.0.0.7", 80),
        ("[::1]", "::1", 51000),
        ("[fe80::1]:52000", "fe80::1", 52000),
    ],
)
def test_addresses_as_people_write_them(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert address == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not name a host"),
        (":51000", "does not name a host"),
        ("http://farm01", "no whole number"),
        ("farm 01", "does not name a host"),
        ("farm01:", "no whole number"),
        ("farm01:many", "no whole number"),
        ("farm01:٣", "no whole number"),
        ("farm01:0", "between 1 and 65535"),
        ("farm01:65536", "between 1 and 65535"),
        ("::1", "without brackets"),
        ("[::1", "without its end"),
        ("[::1]5", "without its end"),
        ("[::1]:", "no whole number"),
        ("[farm01]", "only IPv6"),
    ],
)
def test_addresses_that_are_wrong_are_told_with_their_source_and_an_example(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as wrong:
        parse_address(text, source="environment", key="AF_SERVER")
    assert wrong.value.sentence.startswith("environment: AF_SERVER: ")
    assert "farm01:51000" in wrong.value.hint


def test_port_0_is_for_listeners_only() -> None:
    assert parse_address("127.0.0.1:0", any_port=True) == ("127.0.0.1", 0)


def test_a_list_has_every_address_once_in_order() -> None:
    assert parse_servers("b:1, a:2,,b:1,[::1]:3") == [("b", 1), ("a", 2), ("::1", 3)]
    with pytest.raises(ConfigError, match="names no server"):
        parse_servers(" , ")


def test_the_command_line_comes_before_the_environment_before_the_configuration() -> None:
    environment = {"AF_SERVER": "env:1"}
    assert find_servers("line:2", environment, ["file:3"]) == [("line", 2)]
    assert find_servers(None, environment, ["file:3"]) == [("env", 1)]
    assert find_servers(None, {"AF_SERVER": " "}, ["file:3", "other"]) == [("file", 3), ("other", 51000)]
    assert find_servers(None, {}) == [Address("127.0.0.1", 51000)]
    with pytest.raises(ConfigError, match="config.json: servers"):
        find_servers(None, {}, ["x:y"], configured_source="config.json")
