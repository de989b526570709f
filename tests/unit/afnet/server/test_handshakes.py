"""A few TLS handshakes in each turn of the loop, first come first served."""

import asyncio
import socket
import sys

import pytest

from afnet.server.handshakes import Handshakes, has_gone


def test_a_few_begin_in_each_turn_and_who_left_is_passed_over() -> None:
    begun: list[int] = []

    async def play() -> None:
        handshakes = Handshakes(at_once=2)
        for number in range(7):
            handshakes.wait(number, lambda number=number: begun.append(number))  # type: ignore[misc]
        assert begun == [0, 1] and len(handshakes) == 5
        handshakes.forget(3)
        await asyncio.sleep(0)
        assert begun == [0, 1, 2, 4]
        # Beginning with one may bring another: he has his turn behind those who were here before.
        handshakes.wait(7, lambda: begun.append(7))
        await asyncio.sleep(0)
        assert begun == [0, 1, 2, 4, 5, 6]
        await asyncio.sleep(0)
        assert begun[-1] == 7 and not len(handshakes)
        # In a later turn nobody waits for nothing.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        handshakes.wait(8, lambda: begun.append(8))
        assert begun[-1] == 8

    asyncio.run(play())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_who_said_something_and_left_has_gone() -> None:
    here, there = socket.socketpair()
    with here:
        there.sendall(b"\x16")
        assert not has_gone(here)
        there.close()
        assert has_gone(here) and here.recv(10) == b"\x16"
