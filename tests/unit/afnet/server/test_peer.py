"""Who calls, from what the operating system says: the pure parts."""

import errno
import socket
import struct

import pytest

from afcore.errors import NotAllowed
from afcore.states import Role
from afnet.server.peer import (
    PeerUser,
    SocketOwner,
    build_request,
    identify,
    parse_answer,
    parse_proc_line,
    principal_of,
)

HERE = ("127.0.0.1", 51000)
THERE = ("127.0.0.1", 40000)
SERVER = PeerUser(1000, "farmer")


def answer(uid: int, inode: int, kind: int = 20) -> bytes:
    body = bytes(4 + 48 + 12) + struct.pack("=II", uid, inode)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def test_the_request_asks_for_exactly_one_socket() -> None:
    request = build_request(socket.AF_INET, THERE, HERE)
    assert len(request) == struct.unpack_from("=I", request)[0] == 16 + 8 + 4 + 32 + 12
    assert request[24:28] == struct.pack("!HH", 40000, 51000)
    assert request[28:32] == request[44:48] == bytes([127, 0, 0, 1])
    six = build_request(socket.AF_INET6, ("::1", 1), ("::1", 2))
    assert six[16] == socket.AF_INET6 and six[28:44] == bytes(15) + b"\1"


def test_the_answer_names_the_owner() -> None:
    assert parse_answer(answer(1000, 77)) == SocketOwner(1000, 77)
    assert parse_answer(answer(1000, 77, kind=2)) is None
    assert parse_answer(b"") is None
    assert parse_answer(answer(1, 2)[:40]) is None


def test_a_line_of_the_table_names_ends_and_owner() -> None:
    line = (
        "   1: 0100007F:9C40 0100007F:C738 01 00000000:00000000 00:00000000 00000000  1000"
        "        0 4711 1 00000000 20 4 30 10 -1"
    )
    assert parse_proc_line(line) == ("0100007F:9C40", "0100007F:C738", SocketOwner(1000, 4711))
    assert parse_proc_line("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt") is None


def test_a_socket_that_nobody_holds_proves_nothing() -> None:
    # The kernel says user 0 for it, which would make everybody root who hangs up fast enough.
    assert identify(socket.AF_INET, THERE, HERE, ask=lambda *ends: SocketOwner(0, 0)) is None
    assert identify(socket.AF_INET, THERE, HERE, ask=lambda *ends: None) is None
    found = identify(socket.AF_INET, THERE, HERE, ask=lambda *ends: SocketOwner(0, 5))
    assert found is not None and found.uid == 0


@pytest.mark.parametrize("number", [errno.EPERM, errno.EIO])
def test_a_system_that_does_not_answer_is_no_identity(number: int) -> None:
    def ask(family: int, local: tuple[str, int], remote: tuple[str, int]) -> SocketOwner | None:
        raise OSError(number, "no")

    assert identify(socket.AF_INET, THERE, HERE, ask=ask) is None


def test_the_servers_own_user_and_root_may_do_everything() -> None:
    for user in (SERVER, PeerUser(0, "root")):
        principal = principal_of(user, "127.0.0.1", own=SERVER)
        assert (principal.name, principal.role, principal.origin) == (user.name, Role.GOD, "127.0.0.1")


def test_everybody_else_is_refused_by_name() -> None:
    with pytest.raises(NotAllowed, match="run by the user farmer; visitor may not use it") as refused:
        principal_of(PeerUser(1001, "visitor"), "127.0.0.1", own=SERVER)
    assert "--listen" in refused.value.hint
    # A name alone is no proof where there are numbers.
    with pytest.raises(NotAllowed):
        principal_of(PeerUser(1001, "farmer"), "127.0.0.1", own=SERVER)
    with pytest.raises(NotAllowed, match="does not tell which user"):
        principal_of(None, "127.0.0.1", own=SERVER)


def test_where_users_have_no_numbers_the_name_counts() -> None:
    own = PeerUser(-1, r"STUDIO\farmer")
    assert principal_of(PeerUser(-1, r"STUDIO\farmer"), "::1", own=own).role is Role.GOD
    with pytest.raises(NotAllowed):
        principal_of(PeerUser(-1, r"STUDIO\visitor"), "::1", own=own)
