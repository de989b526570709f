"""PostgreSQL through psycopg2: for farms that must outlive one machine.

Rules of this file:
- The writing connection holds a session-level advisory lock: whoever has it leads. A connection that broke lost it.
- Rows go in by COPY, one call for all of them.
- A password never gets into a sentence.
"""

import io
from collections.abc import Sequence
from typing import Any

import psycopg2
from msgspec.structs import astuple
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from afcore.errors import ConfigError, InUse, StoreError, Unavailable
from afcore.store.base import JobRow, RunRow
from afcore.store.database import BadValue
from afcore.store.tables import RowTable

__all__ = ["LEADER_KEY", "PATIENCE_MS", "PostgresDatabase"]

LEADER_KEY = int.from_bytes(b"afwatch", "big")
"""The advisory lock of the leader; every database of a cluster has locks of its own."""

PATIENCE_MS = 1000
"""How long to wait for the leader's lock: the session of a server that was just killed ends a moment after it."""
_LOCK_TIMEOUT = "55P03"

_OPTIONS = {
    "connect_timeout": 10,
    "application_name": "afserver",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
    # The server's own keepalive ends the session, and with it the lock, of a leader whose machine is gone.
    "options": "-c synchronous_commit=on -c standard_conforming_strings=on -c timezone=UTC"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}

# SQLSTATE to (what is wrong, what to do). The first two characters stand for their class.
_CODES = {
    "53100": ("cannot grow: its disk is full", "make room; a running server goes on by itself"),
    "53300": ("has too many connections", "raise max_connections, or close other programs"),
    "25006": ("is read-only (a standby, perhaps)", "give the address of the primary server"),
    "42501": ("does not allow this user to do it", "make the user owner of the database"),
    "28": ("refuses this user or password", "check user and password in the --database address"),
    "3D": ("does not exist", "make it with: createdb NAME"),
    "57": ("is shutting down or starting", "wait until it is up; a running server goes on by itself"),
    "08": ("is not reachable", "check that it runs and that the address is right; a running server goes on by itself"),
}

# Connecting fails without a code: the words of the library and of the server tell.
_WORDS = (
    ("starting up", "57"),
    ("shutting down", "57"),
    ("too many clients", "53300"),
    ("authentication failed", "28"),
    ("no password supplied", "28"),
    ("pg_hba.conf", "28"),
    ("role ", "28"),
    ("database ", "3D"),
)

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class PostgresDatabase:
    """The farm's database behind ``address`` (``postgresql://user:password@host/name``)."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, psycopg2.Error)
    one_view = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address)
        except (ArgumentError, ValueError) as error:
            raise ConfigError(
                "", "database", "the address is not one", hint="write postgresql://user:password@host/name"
            ) from error
        self._url: URL = url.set(drivername="postgresql+psycopg2")
        self.address = "postgresql:" + self._url.render_as_string(hide_password=False).partition(":")[2]
        host = url.host or url.query.get("host") or "this machine"
        self.place = f"the PostgreSQL database {url.database or url.username or ''} at {host}"
        if url.port is not None:
            self.place += f":{url.port}"
        self._engine: Engine | None = None

    def _make(self, **more: Any) -> Engine:
        return create_engine(self._url, connect_args=_OPTIONS, poolclass=NullPool, **more)

    def connect(self) -> Connection:
        """As ``Database.connect``: takes the leader's lock."""
        if self._engine is None:
            self._engine = self._make()
        connection = self._engine.connect()
        try:
            with connection.begin():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_MS}ms'")
                connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (LEADER_KEY,))
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_TIMEOUT:
                raise
            with connection.begin():
                owner = self._owner(connection)
            connection.close()
            raise InUse(
                f"another server leads the farm in {self.place}{owner}",
                hint="stop it first, or give this server a database of its own",
            ) from error
        return connection

    @staticmethod
    def _owner(connection: Connection) -> str:
        found = connection.exec_driver_sql(
            "SELECT host(client_addr), l.pid FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND l.database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
            (LEADER_KEY >> 32, LEADER_KEY & 0xFFFFFFFF),
        ).first()
        if found is None:
            return ""
        return f" (database process {found[1]}, connected from {found[0] or 'the same machine'})"

    def reader(self) -> Engine:
        """As ``Database.reader``."""
        return self._make(isolation_level="AUTOCOMMIT")

    def insert(self, connection: Connection, into: RowTable, rows: Sequence[RunRow] | Sequence[JobRow]) -> None:
        """As ``Database.insert``."""
        seconds = [into.fields.index(field) for _, field in into.seconds]
        lengths = {name for name, _ in into.texts}
        texts = [place for place, name in enumerate(into.fields) if name in lengths]
        lines = []
        for row in rows:
            values = list(astuple(row))
            for place in texts:
                text = values[place]
                if "\\" in text or not text.isprintable():
                    values[place] = text.translate(_ESCAPES)
            values += [values[place] // 1000 for place in seconds]
            lines.append("\t".join(map(str, values)))
        names = ", ".join((*into.fields, *(name for name, _ in into.seconds)))
        data = "\n".join(lines)
        data.encode()  # here, because the driver would end the connection over half a character
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            cursor.copy_expert(f"COPY {into.table.name} ({names}) FROM STDIN", io.StringIO(data))

    def tidy(self, connection: Connection) -> bool:
        """As ``Database.tidy``: autovacuum does it."""
        return False

    def rest(self, connection: Connection) -> None:
        """As ``Database.rest``: the memory is that of the database's own processes."""

    def explain(self, error: Exception) -> StoreError:
        """As ``Database.explain``."""
        cause = getattr(error, "orig", None) or error
        code = getattr(cause, "pgcode", None) or ""
        words = (str(cause).strip().splitlines() or [""])[0]
        # A connection that broke is a plain DatabaseError at times.
        lost = (psycopg2.OperationalError, psycopg2.InterfaceError)
        if not code and (isinstance(cause, lost) or type(cause) is psycopg2.DatabaseError):
            fatal = words.partition("FATAL:")[2] or words
            code = next((known for word, known in _WORDS if word in fatal), "08")
        what, hint = _CODES.get(code) or _CODES.get(code[:2]) or ("", "")
        if code.startswith("22"):
            return BadValue(f"{self.place} answers: {words}")
        if not what:
            return StoreError(f"{self.place} answers: {words}")
        return Unavailable(f"{self.place} {what}: {words}", hint=hint)

    def close(self) -> None:
        """As ``Database.close``."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
