"""Two sessions on a fake wire: greeting, versions, silence, what may be said, and what survives nonsense."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.errors import OurFault, TheirFault, TimedOut, VersionMismatch, WireError
from afnet.wire.codec import LIMIT_TO_SERVER, encode
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    Follow,
    Goodbye,
    Hello,
    Message,
    NotLeader,
    Ping,
    Pong,
    Readings,
    Refused,
    Register,
    Reply,
    Report,
    Request,
    Rows,
    Start,
    Subscribe,
    Welcome,
)
from afnet.wire.session import PING_TIME, Session
from afnet.wire.states import ACCEPTED, TRANSITIONS, SessionState

WELCOME = Welcome(1, "afserver 0.1", "farm-1", 3, time=1000.0, principal="me", role=30)


class Wire:
    """A server and a caller; what one says arrives at the other when told to."""

    def __init__(
        self,
        kind: str = "client",
        *,
        answer: Welcome | NotLeader | Refused = WELCOME,
        server_versions: Sequence[int] = (1,),
        caller_versions: Sequence[int] = (1,),
        **hello: object,
    ) -> None:
        self.server = Session("server", now=0.0, greet=lambda hello: answer, versions=server_versions)
        said = Hello([], "test", kind, user="me", host="here")
        self.caller = Session(kind, now=0.0, hello=said, versions=caller_versions)

    def to_server(self, *messages: Message, now: float = 0.0) -> list[Message]:
        return self.server.receive(self.caller.send(*messages) if messages else self.caller.pending(), now)

    def to_caller(self, *messages: Message, now: float = 0.0) -> list[Message]:
        return self.caller.receive(self.server.send(*messages) if messages else self.server.pending(), now)

    def greet(self) -> "Wire":
        self.to_server()
        self.to_caller()
        return self


def test_hello_and_welcome_open_both_ends() -> None:
    wire = Wire("agent")
    [hello] = wire.to_server()
    assert isinstance(hello, Hello) and hello.kind == "agent" and hello.versions == [1]
    [welcome] = wire.to_caller()
    assert isinstance(welcome, Welcome) and (welcome.farm, welcome.epoch, welcome.role) == ("farm-1", 3, 30)
    assert wire.server.state is wire.caller.state is SessionState.OPEN
    assert wire.server.peer_kind == "agent" and wire.caller.version == 1
    assert wire.server.capabilities == wire.caller.capabilities == {"files", "follow", "host_once"}
    assert [entry.text[:8] for entry in wire.server.story()] == ["welcomed"]


def test_the_newest_common_version_is_spoken() -> None:
    wire = Wire(server_versions=(1, 2, 3), caller_versions=(2, 3, 4)).greet()
    assert wire.server.version == wire.caller.version == 3
    older = Wire(server_versions=(1, 2, 3), caller_versions=(1,)).greet()
    assert older.server.version == older.caller.version == 1


def test_no_common_version_is_a_sentence_for_both() -> None:
    wire = Wire(server_versions=(2, 3), caller_versions=(1,))
    with pytest.raises(VersionMismatch, match="speaks protocol versions 1, this server speaks 2, 3"):
        wire.to_server()
    assert wire.server.state is SessionState.CLOSED
    [refused] = wire.to_caller()
    assert isinstance(refused, Refused) and refused.code == "version" and "same version" in refused.hint
    assert wire.caller.state is SessionState.CLOSED


def test_a_server_that_chooses_a_version_nobody_offered_is_left() -> None:
    wire = Wire()
    wire.to_server()
    wire.server.pending()
    with pytest.raises(VersionMismatch, match="chose protocol version 9"):
        wire.caller.receive(encode([Welcome(9, "x", "f", 1)]), 0.0)


def test_fields_that_a_newer_peer_adds_are_left_out() -> None:
    wire = Wire()
    known = [1, [1, 2], "afcmd", "client", ["files", "telepathy"], "me", "here", "token", "self"]
    newer_hello = [*known, "a new field", {"and": "more"}]
    [hello] = wire.server.receive(msgspec.msgpack.encode([newer_hello]), 0.0)
    assert isinstance(hello, Hello) and hello.user == "me"
    assert wire.server.capabilities == {"files"}
    newer_request = [10, 7, "job.list", {"ids": [1]}, "token", 12345]
    assert wire.server.receive(msgspec.msgpack.encode([newer_request]), 0.0) == [
        Request(7, "job.list", {"ids": [1]}, "token")
    ]


def test_fields_that_an_older_peer_does_not_send_have_their_defaults() -> None:
    server = Session("server", now=0.0, greet=lambda hello: WELCOME)
    [hello] = server.receive(msgspec.msgpack.encode([[1, [1], "afrender", "agent"]]), 0.0)
    assert hello == Hello([1], "afrender", "agent")
    assert server.capabilities == frozenset()


def test_an_unknown_kind_is_refused_and_its_neighbours_are_heard() -> None:
    wire = Wire().greet()
    frame = msgspec.msgpack.encode([[99, 1, 2], [10, 4, "a", {}], [10, 5, "b", "no dict"], ["x"], 5, [10, 6, "c", {}]])
    assert [message.id for message in wire.server.receive(frame, 0.0) if isinstance(message, Request)] == [4, 6]
    refusals = [message for message in wire.to_caller() if isinstance(message, Refused)]
    assert [(refused.id, refused.code) for refused in refusals] == [
        (0, "unknown_message"),
        (5, "bad_message"),
        (0, "bad_message"),
        (0, "bad_message"),
    ]
    assert "kind 99" in refusals[0].sentence and "Request" in refusals[1].sentence
    assert wire.server.state is SessionState.OPEN


def test_text_that_is_not_utf8_is_refused_by_name() -> None:
    wire = Wire().greet()
    frame = msgspec.msgpack.encode([Request(4, "job.list", {})]).replace(b"job.list", b"job.\xff\xfest")
    assert wire.server.receive(frame, 0.0) == []
    [refused] = wire.to_caller()
    assert isinstance(refused, Refused) and refused.id == 4 and "not UTF-8" in refused.sentence


BROKEN = [b"", b"\xc1", b"\x91", b"{}", b"\x81\x01\x02", b"\xdd\xff\xff\xff\xff", b"\x91" * 5000]


@pytest.mark.parametrize("frame", BROKEN)
def test_a_frame_that_is_no_list_of_messages_ends_the_conversation(frame: bytes) -> None:
    wire = Wire().greet()
    with pytest.raises(TheirFault, match="no msgpack array"):
        wire.server.receive(frame, 0.0)
    assert wire.server.state is SessionState.CLOSED


def test_a_frame_that_is_too_large_is_refused_by_its_receiver_and_not_sent_by_its_sender() -> None:
    wire = Wire().greet()
    with pytest.raises(TheirFault, match="larger than"):
        wire.server.receive(b"\0" * (LIMIT_TO_SERVER + 1), 0.0)
    wire = Wire().greet()
    large = Request(3, "x", {"a": b"\0" * LIMIT_TO_SERVER})
    with pytest.raises(OurFault, match="larger than"):
        wire.caller.send(large)
    frames, too_large = wire.caller.frames([Request(1, "a", {}), large, Request(2, "b", {})])
    assert too_large == [large]
    assert [message.id for frame in frames for message in wire.server.receive(frame, 0.0)] == [1, 2]  # type: ignore[union-attr]


def test_sessions_that_send_the_very_same_messages_share_a_frame_and_no_others() -> None:
    first, second, waiting = Wire().greet(), Wire().greet(), Wire().greet()
    waiting.server.tick(1e6)
    rows, shared = [Rows(1, 7, [[1, "a"]]), Rows(2, 7, [])], {}  # type: ignore[var-annotated]
    (made,), _ = first.server.frames(rows, shared)
    (again,), _ = second.server.frames(rows, shared)
    assert again is made
    (other,), _ = second.server.frames([Rows(1, 7, [[1, "b"]]), rows[1]], shared)
    assert other != made, "another message is another frame"
    (pinged,), _ = waiting.server.frames(rows, shared)
    assert pinged != made, "a session with something of its own to say says it"


def test_nothing_is_said_before_the_greeting_is_over() -> None:
    wire = Wire()
    with pytest.raises(OurFault, match="await welcome"):
        wire.caller.send(Ping(1))
    with pytest.raises(TheirFault, match="before the greeting"):
        wire.server.receive(encode([Request(1, "x", {})]), 0.0)
    refused = wire.caller.receive(wire.server.pending(), 0.0)
    assert isinstance(refused[0], Refused)


def test_only_an_agent_reports_and_only_a_client_follows() -> None:
    wire = Wire("client").greet()
    assert wire.to_server(Readings({}, []), Request(4, "x", {})) == [Request(4, "x", {})]
    [refused] = wire.to_caller()
    assert isinstance(refused, Refused) and refused.code == "not_allowed" and "Readings" in refused.sentence
    wire = Wire("agent").greet()
    assert wire.to_server(Request(8, "x", {}), Follow(9, 2, 0, 0)) == [Request(8, "x", {})]
    [refused] = wire.to_caller()
    assert isinstance(refused, Refused) and refused.id == 9
    orders = [Start([]), Acknowledge([(1, 2, 3, 4)])]
    assert wire.to_caller(*orders, Readings({}, [])) == orders


def test_an_unknown_kind_of_caller_is_refused() -> None:
    server = Session("server", now=0.0, greet=lambda hello: WELCOME)
    with pytest.raises(TheirFault, match="'spy'"):
        server.receive(encode([Hello([1], "x", "spy")]), 0.0)


def test_who_does_not_lead_or_refuses_ends_the_conversation() -> None:
    wire = Wire(answer=NotLeader(["10.0.0.2:51000"]))
    assert wire.to_server() == []
    assert wire.to_caller() == [NotLeader(["10.0.0.2:51000"])]
    assert wire.server.state is wire.caller.state is SessionState.CLOSED
    assert "10.0.0.2:51000" in wire.caller.closed_because
    with pytest.raises(OurFault, match="closed: this server does not lead"):
        wire.caller.send(Ping(1))


def test_goodbye_closes_both_ends_once() -> None:
    wire = Wire().greet()
    assert wire.server.receive(wire.caller.close("done here", 5.0), 5.0) == [Goodbye("done here")]
    assert wire.server.state is wire.caller.state is SessionState.CLOSED
    assert wire.caller.close("again", 6.0) == b""
    assert wire.server.receive(encode([Request(1, "x", {})]), 6.0) == []
    assert wire.server.deadline() is None
    assert wire.server.story()[-1].text == "closed: done here"


def test_a_ping_is_answered_by_itself() -> None:
    wire = Wire().greet()
    assert wire.to_server(Ping(17)) == []
    assert wire.server._pending == [Pong(17)]
    assert wire.to_caller() == []


def test_a_silent_peer_is_asked_and_then_lost() -> None:
    wire = Wire().greet()
    assert wire.server.deadline() == PING_TIME
    wire.server.tick(PING_TIME - 0.1)
    assert wire.server.pending() == b""
    wire.server.tick(PING_TIME)
    asked = wire.server.pending()
    assert asked and wire.server.deadline() == 2 * PING_TIME
    with pytest.raises(TimedOut, match=r"nothing for 10\.0 seconds"):
        wire.server.tick(2 * PING_TIME)
    assert wire.server.state is SessionState.CLOSED
    wire.caller.receive(asked, 6.0)
    other = Wire().greet()
    other.server.tick(PING_TIME)
    other.server.receive(wire.caller.pending(), 6.0)
    assert other.server.deadline() == 6.0 + PING_TIME


def test_our_own_sleep_is_not_the_peers_silence() -> None:
    wire = Wire().greet()
    wire.server.tick(PING_TIME)
    wire.server.tick(1000.0)
    assert wire.server.state is SessionState.OPEN
    assert wire.server.deadline() == 1000.0 + PING_TIME
    with pytest.raises(TimedOut):
        wire.server.tick(1000.0 + PING_TIME)


def test_a_greeting_that_never_comes_is_not_waited_for() -> None:
    server = Session("server", now=100.0, greet=lambda hello: WELCOME)
    assert server.deadline() == 110.0
    with pytest.raises(TimedOut, match="No greeting came within 10 seconds"):
        server.tick(110.0)


def test_a_flood_of_nonsense_is_not_answered_one_by_one() -> None:
    wire = Wire().greet()
    with pytest.raises(TheirFault, match="more than 200 wrong"):
        wire.server.receive(msgspec.msgpack.encode([[99]] * 100_000), 0.0)
    assert len(wire.server.pending()) < 100_000
    wire = Wire().greet()
    with pytest.raises(TheirFault, match="more than 200 pings"):
        wire.server.receive(encode([Ping(1)] * 300), 0.0)


def test_the_tables_know_every_message_and_no_other() -> None:
    known = {kind for accepted in ACCEPTED.values() for kind in accepted} | {kind for _, kind in TRANSITIONS}
    # RunSpec travels inside Start only.
    assert {kind.__name__ for kind in Message.__args__} - {kind.__name__ for kind in known} == {"RunSpec"}
    assert all(state is not SessionState.CLOSED for state, _ in TRANSITIONS)


def test_a_session_needs_to_know_what_it_is() -> None:
    with pytest.raises(OurFault):
        Session("server", now=0.0)
    with pytest.raises(OurFault):
        Session("client", now=0.0)
    with pytest.raises(OurFault):
        Session("spy", now=0.0, hello=Hello([1], "x", "client"))


MESSAGES: list[Message] = [
    Hello([1], "afrender", "agent"),
    Ping(1),
    Request(1, "job.list", {"ids": [1, 2], "text": "é"}),
    Subscribe(2, "jobs", {"user": "me"}),
    Register("r", "e", "linux", "me", "", 1.5, "i", [], [], {}, []),
    Report(1, 2, 3, 4, 1, 0, 1.5, 2.5, "text", "{}", False, "", 10),
    Drop([(1, 2, 3, 4)]),
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["agent", "client"]),
    greeted=st.booleans(),
    data=st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda cut, end: encode(MESSAGES)[cut:end], st.integers(0, 40), st.integers(0, 200)
        ),
        st.builds(
            lambda place, value: bytes(
                value if at == place else byte for at, byte in enumerate(encode(MESSAGES))
            ),
            st.integers(0, 150),
            st.integers(0, 255),
        ),
    ),
)
def test_no_bytes_do_anything_but_arrive_be_refused_or_close(kind: str, greeted: bool, data: bytes) -> None:
    wire = Wire(kind)
    if greeted:
        wire.greet()
    try:
        for message in wire.server.receive(data, 1.0):
            assert type(message) in ACCEPTED["server", wire.server.peer_kind] | {Hello}
    except WireError as fault:
        assert fault.sentence
        assert wire.server.state is SessionState.CLOSED
    # Whatever happened, the caller can read what is said about it.
    wire.caller.receive(wire.server.pending() or encode([]), 1.0)


def test_what_is_pending_goes_with_what_is_sent() -> None:
    wire = Wire("client").greet()
    wire.to_server(Ping(5))
    frame = wire.server.send(Reply(1, "x"))
    assert wire.server.pending() == b""
    assert wire.caller.receive(frame, 0.0) == [Reply(1, "x")]
    assert frame == encode([Pong(5), Reply(1, "x")])


def test_a_welcome_that_says_nothing_of_silence_leaves_ours() -> None:
    wire = Wire()
    wire.to_server()
    wire.server.pending()
    wire.caller.receive(encode([Welcome(1, "x", "f", 1, ping=0.0)]), 3.0)
    assert wire.caller.deadline() == 3.0 + PING_TIME


def test_what_msgpack_cannot_hold_is_our_fault() -> None:
    wire = Wire().greet()
    with pytest.raises(OurFault, match="cannot be sent"):
        wire.caller.send(Request(1, "x", {"a": object()}))


def test_a_request_whose_id_is_no_number_is_refused_without_one() -> None:
    wire = Wire().greet()
    wire.server.receive(msgspec.msgpack.encode([[10, "one", "x", {}]]), 0.0)
    [refused] = wire.to_caller()
    assert isinstance(refused, Refused) and (refused.id, refused.code) == (0, "bad_message")
