"""Bind the addresses of ``--listen``: loopback, or anywhere once there is TLS; a sentence for all that can go wrong."""

import errno
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address

from afcore.errors import ConfigError
from afnet.client.servers import Address

__all__ = ["bind_all", "check_free", "connections_allowed", "raise_file_limit"]

_OWN_FILES = 512
"""Files that the server may have open beside its connections."""
_LEAST_CONNECTIONS = 64

BACKLOG = 1024
"""Connections the system keeps for a server that is busy."""


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it; return how many that is (0: not known)."""
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft
    return hard


def connections_allowed() -> int:
    """Return how many connections the limit of open files allows this process (0: not known).

    What the server opens for itself is left out: database, logs, libraries.
    """
    files = raise_file_limit()
    return max(_LEAST_CONNECTIONS, files - _OWN_FILES) if files > 0 else 0


def check_free(addresses: Sequence[Address]) -> None:
    """Raise ConfigError for an address that this machine lacks or a port that is taken, before anything is made."""
    for address in addresses:
        for family, host in _ends(address) if address.port else ():
            with socket.socket(family, socket.SOCK_STREAM) as tried:
                try:
                    _prepare(tried, family)
                    tried.bind((host, address.port))
                except OSError as wrong:
                    # What else there may be is told when it is listened at, by when it is known who may reach it.
                    if wrong.errno == errno.EADDRINUSE:
                        raise _cannot_listen(wrong, host, address.port, address) from None


def bind_all(addresses: Sequence[Address], *, anywhere: bool = False) -> list[socket.socket]:
    """Return listening, non-blocking sockets for every address; ConfigError, with nothing left open, if one fails.

    ``anywhere`` allows addresses that other machines reach.

    A name that stands for several addresses (``localhost``) gets a socket for each that this machine has.
    """
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sockets += _bind_one(address, anywhere)
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


def _ends(address: Address) -> list[tuple[int, str]]:
    """Return the families and hosts that an address stands for; ConfigError when this machine has none."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise ConfigError(
            "command line", "--listen", f'this machine has no address "{address.host}"', hint="try 127.0.0.1 or [::1]"
        ) from None
    return list(dict.fromkeys((int(family), str(end[0])) for family, _, _, _, end in found))


def _bind_one(address: Address, anywhere: bool) -> list[socket.socket]:
    ends = _ends(address)
    for _, host in ends:
        if not anywhere and not ip_address(host.partition("%")[0]).is_loopback:
            raise ConfigError(
                "command line",
                "--listen",
                f"{address} can be reached from other machines, and this farm has no certificate authority yet "
                "by which they would know it and it them; until then it listens on loopback only",
                hint="run `afserver init` once (with the same --data and --database); or use "
                f"--listen 127.0.0.1:{address.port}",
            )
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, host in ends:
            one = _listen(family, host, port, address, optional=bool(sockets))
            if one is not None:
                sockets.append(one)
                port = one.getsockname()[1]
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


def _prepare(listener: socket.socket, family: int) -> None:
    """Let a socket take an address that nobody listens at, and no other family's."""
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _listen(family: int, host: str, port: int, address: Address, *, optional: bool) -> socket.socket | None:
    """Return one listening socket; None when ``optional`` and this machine does not have that address at all."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        _prepare(listener, family)
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as wrong:
        listener.close()
        if optional and wrong.errno == errno.EADDRNOTAVAIL:
            return None
        raise _cannot_listen(wrong, host, port, address) from None
    except BaseException:
        listener.close()
        raise
    return listener


def _cannot_listen(wrong: OSError, host: str, port: int, address: Address) -> ConfigError:
    if wrong.errno == errno.EADDRINUSE:
        return ConfigError(
            "command line",
            "--listen",
            f"port {port} of {host} is taken by {_holder(port)}",
            hint="if that is this farm's server, it runs already; else stop it, or choose another port "
            f"(--listen 127.0.0.1:{port + 1 if port < 65535 else port - 1}) and tell the others by AF_SERVER",
        )
    if wrong.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(
            "command line",
            "--listen",
            f"port {port} may not be used by this user",
            hint="choose a port above 1023, for example 51000",
        )
    return ConfigError(
        "command line", "--listen", f"{address} cannot be listened on: {wrong.strerror}", hint="try 127.0.0.1:51000"
    )


def _holder(port: int) -> str:
    """Say who listens on a port, as well as the system tells."""
    import psutil  # late: a server that starts need not wait for it

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                if connection.pid:
                    process = psutil.Process(connection.pid)
                    return f"process {connection.pid} ({process.name()}) of the user {process.username()}"
                return "a program of another user"
    except (psutil.Error, OSError):
        return "another program"
    return "another program"
