"""Who calls over real loopback sockets: this user, and, where the suite runs as root, another one."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from afcore.errors import NotAllowed
from afcore.states import Role
from afnet.server import peer
from afnet.server.door import Door
from tests.wire.farm import HOME, Farm

LINUX = sys.platform == "linux"

CALL_AS_NOBODY = """
import os, socket, sys
data = sys.argv[2].encode().decode("unicode_escape").encode()
os.setgid(65534); os.setuid(65534)
# Nothing may be imported any more: that user may not be allowed to read this Python.
one = socket.socket()
one.connect(("127.0.0.1", int(sys.argv[1])))
one.sendall(data)
if sys.argv[3:] == ["hang up"]:
    # The server has not been told to look yet: it asks about a socket that nobody holds any more.
    one.close()
else:
    one.shutdown(socket.SHUT_WR)
    while data := one.recv(65536):
        sys.stdout.buffer.write(data)
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_our_own_socket_is_known_by_every_way(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener, socket.socket(family) as caller:
        caller.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            here, there = accepted.getsockname()[:2], accepted.getpeername()[:2]
            if LINUX:
                for ask in (peer._ask_netlink, peer._ask_proc):
                    owner = ask(family, there, here)
                    assert owner is not None and owner.uid == os.getuid() and owner.inode
            found = peer._ask_psutil(family, there, here)
            assert found is not None and found.uid == os.getuid()
            assert peer.identify_socket(accepted).role is Role.GOD
            caller.close()
            if LINUX:
                # The kernel now says user 0, and inode 0: proof of nothing.
                with pytest.raises(NotAllowed):
                    peer.identify_socket(accepted)


def call(port: int, data: str, *more: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", CALL_AS_NOBODY, str(port), data, *more], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.skipif(not LINUX or os.getuid() != 0, reason="only root can call as another user")
def test_another_user_of_this_machine_is_refused_by_name() -> None:
    async def play() -> None:
        farm = Farm()
        door = Door([HOME], on_native=farm)
        await door.open()
        try:
            await calls(door.addresses[0].port)
        finally:
            await door.close()
        assert farm.peers == []

    async def calls(port: int) -> None:
        http = await asyncio.to_thread(call, port, "GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        assert http.startswith(b"HTTP/1.1 403") and b"nobody may not use it" in http
        classic = await asyncio.to_thread(call, port, 'AFANASY 10 JSON{"get":{}}')
        assert b"nobody may not use it" in classic
        upgrade = (
            "GET /af HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
        )
        assert b" 101 " in await asyncio.to_thread(call, port, upgrade)

    asyncio.run(play())


@pytest.mark.skipif(not LINUX or os.getuid() != 0, reason="only root can call as another user")
def test_who_hangs_up_before_being_looked_at_is_not_taken_for_root() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        call(listener.getsockname()[1], 'AFANASY 10 JSON{"job":{}}', "hang up")
        accepted, _ = listener.accept()
        with accepted, pytest.raises(NotAllowed, match="does not tell"):
            peer.identify_socket(accepted)
