"""The page of the protocol names every message with its number and its senders, and every state."""

import re
from pathlib import Path

import msgspec
import pytest

from afnet.wire.codec import LIMIT_TO_CLIENT, LIMIT_TO_SERVER
from afnet.wire.messages import PROTOCOL_VERSION, Message
from afnet.wire.session import HELLO_TIME, PING_TIME
from afnet.wire.states import ACCEPTED, CAPABILITIES, TRANSITIONS, SessionState

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| `(\w+)` \| ([\w, -]+) \|", PAGE, flags=re.MULTILINE)
SENDERS = {"caller": {"agent", "client"}, "both": {"agent", "client", "server"}, "-": set()}


def test_every_message_is_there_with_its_number() -> None:
    declared = {(str(msgspec.inspect.type_info(kind).tag), kind.__name__) for kind in Message.__args__}  # type: ignore[union-attr]
    assert {(number, name) for number, name, _ in ROWS} == declared


@pytest.mark.parametrize(("name", "senders"), [(name, senders) for _, name, senders in ROWS])
def test_senders_are_those_of_the_tables(name: str, senders: str) -> None:
    said: set[str] = set()
    for word in senders.split(", "):
        said |= SENDERS.get(word, {word})
    allowed = {sender for (_, sender), kinds in ACCEPTED.items() if name in {kind.__name__ for kind in kinds}}
    greeting = {"Hello": {"agent", "client"}, "Welcome": {"server"}}
    assert said == (allowed or greeting.get(name, set()))


def test_every_state_is_there_with_what_may_come() -> None:
    for state in SessionState:
        [row] = re.findall(rf"^\| `{state.value}` \| .* \| (.*) \|$", PAGE, flags=re.MULTILINE)
        kinds = {kind.__name__ for before, kind in TRANSITIONS if before is state}
        if state is not SessionState.OPEN:
            assert set(re.findall(r"`(\w+)`", row)) == kinds


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"only version is {PROTOCOL_VERSION}" in PAGE
    assert f"server MUST NOT be larger than {LIMIT_TO_SERVER >> 20} MiB" in PAGE
    assert f"caller not larger than {LIMIT_TO_CLIENT >> 20} MiB" in PAGE
    assert f"`Welcome.ping` seconds ({PING_TIME:g})" in PAGE and f"after {HELLO_TIME:g} seconds" in PAGE
    assert all(f"`{capability}`" in PAGE for capability in CAPABILITIES)
