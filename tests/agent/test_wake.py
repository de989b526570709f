"""Waking a machine: the packet really travels."""

from __future__ import annotations

import socket

from afrender import wake


def test_a_magic_packet_reaches_who_listens(capsys):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        to = ["--broadcast", "127.0.0.1", "--port", str(listener.getsockname()[1])]
        assert wake.main(["--wake", "--hostname", "r01", *to, "00:11:22:33:44:55"]) == 0
        assert listener.recv(200) == b"\xff" * 6 + bytes.fromhex("001122334455") * 16
        assert wake.main([*to, "0011"]) == 1
    out, err = capsys.readouterr()
    assert "r01" in out and "0011" in err
