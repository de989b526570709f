"""Ask the operating system which user is at the other end of a loopback connection, and what that makes of a caller.

Rules of this file:
- Loopback only: what comes from elsewhere has no identity but what it shows.
- A socket that nobody holds any more (inode 0) proves nothing: the kernel reports such sockets as root's.
- No answer from the system means no identity, which means refused.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import NamedTuple

from afcore.envelope import Principal
from afcore.errors import NotAllowed
from afcore.states import Role
from afnet.server.people import SIGN_IN

__all__ = [
    "PeerUser",
    "SocketOwner",
    "build_request",
    "identify",
    "identify_socket",
    "is_distant",
    "own_principal",
    "parse_answer",
    "parse_proc_line",
    "principal_of",
]

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_NETLINK_SOCK_DIAG = 4
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_PORTS = struct.Struct("!HH")
_ANSWER = struct.Struct("=BBBB")


class SocketOwner(NamedTuple):
    """Who holds a socket: numeric user, and the inode by which a process holds it (0: nobody does any more)."""

    uid: int
    inode: int


class PeerUser(NamedTuple):
    """The operating-system user at the other end."""

    uid: int
    name: str


def build_request(family: int, local: tuple[str, int], remote: tuple[str, int]) -> bytes:
    """Return the netlink message that asks for exactly one TCP socket, as it sees itself (sock_diag(7)).

    ``local`` is the address of the socket that is asked for, ``remote`` the one it is connected to.
    """
    source = socket.inet_pton(family, local[0]).ljust(16, b"\0")
    target = socket.inet_pton(family, remote[0]).ljust(16, b"\0")
    body = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
        + _PORTS.pack(local[1], remote[1])
        + source
        + target
        + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    )
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def parse_answer(data: bytes) -> SocketOwner | None:
    """Return the owner in a netlink answer; None when the kernel knows no such socket."""
    if len(data) < _HEADER.size:
        return None
    _, kind, _, _, _ = _HEADER.unpack_from(data)
    # inet_diag_msg: 4 bytes, sockid 48, expires, rqueue, wqueue, uid, inode.
    uid_at = _HEADER.size + 4 + 48 + 12
    if kind != _SOCK_DIAG_BY_FAMILY or len(data) < uid_at + 8:
        return None
    return SocketOwner(*struct.unpack_from("=II", data, uid_at))


def _ask_netlink(family: int, local: tuple[str, int], remote: tuple[str, int]) -> SocketOwner | None:
    # Looked up by name: neither constant exists outside Linux.
    with socket.socket(getattr(socket, "AF_NETLINK", 16), socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(1.0)
        asking.sendto(build_request(family, local, remote), (0, 0))
        return parse_answer(asking.recv(4096))


def parse_proc_line(line: str) -> tuple[str, str, SocketOwner] | None:
    """Return local end, remote end (both as the kernel prints them) and owner of a line of ``/proc/net/tcp``."""
    words = line.split()
    if len(words) < 10 or not words[7].isdigit() or not words[9].isdigit():
        return None
    return words[1], words[2], SocketOwner(int(words[7]), int(words[9]))


def _proc_end(family: int, end: tuple[str, int]) -> str:
    packed = socket.inet_pton(family, end[0])
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{struct.unpack('=I', word)[0]:08X}" for word in words) + f":{end[1]:04X}"


def _ask_proc(family: int, local: tuple[str, int], remote: tuple[str, int]) -> SocketOwner | None:
    name = "/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp"
    wanted = (_proc_end(family, local), _proc_end(family, remote))
    with open(name, encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = parse_proc_line(line)
            if found is not None and found[:2] == wanted:
                return found[2]
    return None


def _ask_psutil(family: int, local: tuple[str, int], remote: tuple[str, int]) -> PeerUser | None:
    import psutil  # late: Linux is asked in another way, and a server that starts need not wait for it

    try:
        for connection in psutil.net_connections("tcp6" if family == socket.AF_INET6 else "tcp4"):
            if connection.laddr[:2] == local and connection.raddr[:2] == remote and connection.pid:
                process = psutil.Process(connection.pid)
                uid = process.uids().real if hasattr(process, "uids") else -1
                return PeerUser(uid, process.username())
    except (psutil.Error, OSError):
        pass
    return None


def identify(
    family: int,
    local: tuple[str, int],
    remote: tuple[str, int],
    *,
    ask: Callable[[int, tuple[str, int], tuple[str, int]], SocketOwner | None] | None = None,
) -> PeerUser | None:
    """Return the user who holds the peer's socket ``local`` -> ``remote``; None when the system cannot tell.

    On Linux the kernel is asked for exactly this socket (some ten microseconds), or ``/proc/net/tcp`` where netlink is
    closed to us; elsewhere psutil looks through the connections.
    """
    if ask is None and not sys.platform.startswith("linux"):
        return _ask_psutil(family, local, remote)
    try:
        owner = (ask or _ask_netlink)(family, local, remote)
    except OSError as wrong:
        if wrong.errno not in (errno.EPERM, errno.EACCES, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ENOENT):
            return None
        owner = None
        if ask is None:
            try:
                owner = _ask_proc(family, local, remote)
            except OSError:
                return None
    if owner is None or owner.inode == 0:
        return None
    return PeerUser(owner.uid, _user_name(owner.uid))


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _own_user() -> PeerUser:
    if hasattr(os, "getuid"):
        return PeerUser(os.getuid(), _user_name(os.getuid()))
    import psutil  # late, as above

    return PeerUser(-1, psutil.Process().username())


def principal_of(user: PeerUser | None, origin: str, *, own: PeerUser | None = None) -> Principal:
    """Return what a caller from this machine is: the server's own user (and root) may do everything.

    Raises NotAllowed, with the sentence for the caller, for everybody else and when nobody is known.
    """
    server = own or _own_user()
    if user is None:
        raise NotAllowed(
            "The operating system does not tell which user this connection belongs to, so it is refused.",
            hint=f"Sign in with `afcmd login`, or run the program as the user {server.name} of the server's machine.",
            code=SIGN_IN,
        )
    same = user.uid == server.uid if user.uid >= 0 and server.uid >= 0 else user.name == server.name
    if not same and user.uid != 0:
        raise NotAllowed(
            f"This farm is run by the user {server.name}; {user.name} may not use it without signing in.",
            hint="Sign in with `afcmd login`, or start a server of your own on another port (--listen).",
            code=SIGN_IN,
        )
    return Principal(user.name, Role.GOD, origin)


def own_principal(origin: str) -> Principal:
    """Return who a part of the server's own process is: its own user."""
    own = _own_user()
    return principal_of(own, origin, own=own)


def is_distant(accepted: socket.socket, foreign: Collection[str] = ()) -> bool:
    """Say whether what is said on an accepted socket may pass a network: nothing from there reaches loopback.

    ``foreign`` are addresses of this machine at which all callers count as such: a tunnel or a proxy ends there.
    """
    here, there = accepted.getsockname()[0], accepted.getpeername()[0]
    return not ip_address(here.partition("%")[0]).is_loopback or here in foreign or there in foreign


def identify_socket(accepted: socket.socket, foreign: Collection[str] = ()) -> Principal:
    """Return who is at the other end of an accepted socket; NotAllowed with a sentence."""
    here, there = accepted.getsockname()[:2], accepted.getpeername()[:2]
    if is_distant(accepted, foreign) or not ip_address(there[0].partition("%")[0]).is_loopback:
        raise NotAllowed(
            "The farm does not know who you are: from another machine it takes who has signed in.",
            hint="Sign in with `afcmd login`.", code=SIGN_IN,
        )  # fmt: skip
    return principal_of(identify(accepted.family, there, here), there[0])
