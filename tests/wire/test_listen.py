"""Listening: what is refused, what is taken, and that nothing stays open when it fails."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from afcore.errors import ConfigError
from afnet.client.servers import Address
from afnet.server.door import Door
from afnet.server.listen import bind_all, raise_file_limit
from tests.guards import ExpectedLogs
from tests.wire.farm import HOME, Farm


def test_a_port_in_use_names_who_has_it_and_another_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is taken by process {os.getpid()}") as taken:
            bind_all([HOME, Address("127.0.0.1", port)])
        assert f"--listen 127.0.0.1:{port + 1}" in taken.value.hint or "AF_SERVER" in taken.value.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "10.1.2.3"])
def test_addresses_that_others_reach_are_refused_while_there_is_no_authority(host: str) -> None:
    with pytest.raises(ConfigError, match="no certificate authority yet") as refused:
        bind_all([HOME, Address(host, 51000)])
    assert "127.0.0.1:51000" in refused.value.hint


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match='has no address "no.such.host.invalid"'):
        bind_all([Address("no.such.host.invalid", 0)])


def test_two_doors_cannot_have_one_port() -> None:
    async def play() -> None:
        first = Door([HOME], on_native=Farm())
        first.bind()
        second = Door(first.addresses, on_native=Farm())
        with pytest.raises(ConfigError, match="is taken by"):
            await second.open()
        await first.close()
        # It is free again at once.
        await second.open()
        await second.close()

    asyncio.run(play())


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    script = (
        "import resource, afnet.server.listen as listen\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))\n"
        "assert listen.raise_file_limit() == hard\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert raise_file_limit() > 0


def test_running_out_of_files_pauses_accepting_and_says_so(expected_logs: ExpectedLogs) -> None:
    expected_logs("no new connections for a second: Too many open files")

    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(24, "Too many open files")

    async def play() -> None:
        door = Door([HOME], on_native=Farm())
        door.bind()
        [listener] = door._listeners
        full = Full(listener.family, listener.type, fileno=listener.detach())
        door._listeners = [full]
        await door.open()
        caller = socket.create_connection(door.addresses[0])
        while door._resting is None:
            await asyncio.sleep(0.01)
        assert not door._accepting
        caller.close()
        await door.close()

    asyncio.run(play())
