"""The blocking client against a real door in another thread."""

import socket
import threading

import pytest

from afcore.errors import BadSpec, ConnectionLost, NotAllowed, NotFound, TimedOut, WireError
from afcore.rows import UserRow
from afnet.client.blocking import BlockingClient
from afnet.client.rows import decode_rows
from afnet.client.servers import Address
from afnet.wire.messages import NotLeader, Refused, Unsubscribe, Welcome
from tests.waiting import wait_for
from tests.wire.farm import Farm, FarmThread


def test_requests_are_answered_in_one_piece_or_several() -> None:
    with FarmThread(Farm()) as served, BlockingClient(served.addresses, program="afcmd", user="me") as client:
        assert client.request("job.list", {"ids": [1, 2]}) == {"ids": [1, 2]}
        assert client.request("pieces") == [1, 2, 3]
        assert list(client.request_pieces("pieces")) == [1, 2, 3]
        assert client.welcome.farm == "farm-1" and client.server == served.addresses[0]


def test_refusals_come_back_as_the_errors_they_were() -> None:
    with FarmThread(Farm()) as served, BlockingClient(served.addresses, program="afcmd") as client:
        with pytest.raises(NotFound, match="no job 5") as missing:
            client.request("nothing")
        assert "afcmd job list" in missing.value.hint
        with pytest.raises(BadSpec) as bad:
            client.request("wrong")
        assert [problem.path for problem in bad.value.problems] == ["a", "d"]
        assert client.request("still.there") == {}


def test_subscriptions_and_requests_do_not_take_each_others_answers() -> None:
    farm = Farm()
    with FarmThread(farm) as served, BlockingClient(served.addresses, program="afcmd") as client:
        users = client.subscribe("users")
        first = next(users)
        assert [row.name for row in decode_rows(first) if isinstance(row, UserRow)] == ["me"]
        assert client.request("echo", {"a": 1}) == {"a": 1}
        assert next(users).gone == [1]
        users.close()
        client.request("echo")
    assert any(isinstance(message, Unsubscribe) for message in farm.messages)


def test_a_followed_run_ends_with_its_last_line() -> None:
    with FarmThread(Farm()) as served, BlockingClient(served.addresses, program="afcmd") as client:
        assert b"".join(lines.data for lines in client.follow(job=2, block=0, task=1)) == b"one\ntwo\n"


def test_the_first_server_that_leads_is_taken() -> None:
    standby = Farm()
    with FarmThread(Farm()) as leader, FarmThread(standby) as other:
        standby.answer = NotLeader([str(leader.addresses[0])])
        dead = Address("127.0.0.1", 1)
        with BlockingClient([dead, *other.addresses], program="afcmd") as client:
            assert client.request("echo", {"x": 1}) == {"x": 1}
            assert client.server == leader.addresses[0]


def test_nobody_there_is_a_sentence_that_says_what_to_do() -> None:
    client = BlockingClient([Address("127.0.0.1", 1)], program="afcmd")
    with pytest.raises(ConnectionLost, match=r"No farm server answers at 127\.0\.0\.1:1: connection refused") as lost:
        client.request("echo")
    assert "afserver --headless" in lost.value.hint


def test_a_refused_greeting_and_a_standby_without_leader() -> None:
    farm = Farm()
    with FarmThread(farm) as served:
        farm.answer = Refused(0, "not_allowed", "Not you.", "Ask.")
        with pytest.raises(NotAllowed, match="Not you"):
            BlockingClient(served.addresses, program="afcmd").connect()
        farm.answer = NotLeader(["127.0.0.1:1"])
        with pytest.raises(ConnectionLost, match="does not lead the farm"):
            BlockingClient(served.addresses, program="afcmd").connect()


def test_a_server_that_never_answers_a_request() -> None:
    farm = Farm()
    farm.on_message = lambda peer, message: None
    with FarmThread(farm) as served, BlockingClient(served.addresses, program="afcmd") as client:
        with pytest.raises(TimedOut, match=r"job\.list was not answered within 0\.05 seconds"):
            client.request("job.list", timeout=0.05)


def test_a_client_that_rested_for_long_begins_anew() -> None:
    farm = Farm()
    with FarmThread(farm, ping_time=0.2) as served, BlockingClient(served.addresses, program="afcmd") as client:
        for number in range(3):
            assert client.request("echo", {"a": number}) == {"a": number}
            before = client._socket
            wait_for(client._is_stale, what="the connection to be too old to trust")
            client.connect()
            assert client._socket is not before


def test_the_server_going_away_ends_a_subscription() -> None:
    farm = Farm()
    farm.on_message = lambda peer, message: peer.close("enough for today")
    with FarmThread(farm) as served, BlockingClient(served.addresses, program="afcmd") as client:
        with pytest.raises(ConnectionLost, match="enough for today"):
            next(client.subscribe("jobs"))
        farm.on_message = None
        assert isinstance(client.welcome, Welcome)


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n"])
def test_another_program_on_the_port_is_told_apart(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(1000)
                accepted.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WireError, match="farm server|HTTP") as wrong:
            BlockingClient([Address(*listener.getsockname())], program="afcmd").connect()
        assert wrong.value.hint
        thread.join(60)
