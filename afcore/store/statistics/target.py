"""Connecting to the statistics database: SQLite, PostgreSQL or MariaDB, and what their complaints mean.

Rules of this file:
- A password never gets into a sentence.
- What the driver raises leaves as a StoreError that names what is wrong: host, name, user, password, rights or table.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from afcore.errors import ConfigError, StoreError, Unavailable
from afcore.store.database import BadValue

__all__ = ["STATISTICS_NAME", "Target", "drivers", "parse_address"]

STATISTICS_NAME = "statistics.db"
"""Name of the SQLite file in the server's data folder."""

_HINT = "write postgresql://user:password@host/name, mysql://user:password@host/name or the path of a file"
_SLOW = "the question took too long"
_SHORTER = "ask about a shorter span, or about one name"
_AGAIN = "the farm goes on; the server tries again by itself"

_LITE = (
    "PRAGMA journal_mode=WAL",
    # A power cut may take back the newest transactions, position included: they are read again.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-2000",  # pages are in the system's cache too, once for all connections
)
_POSTGRES = {
    "connect_timeout": 10,
    "application_name": "afserver statistics",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
    "options": "-c timezone=UTC -c standard_conforming_strings=on -c lock_timeout=20s",
}
_MARIADB = {"connect_timeout": 10, "read_timeout": 120, "write_timeout": 120, "charset": "utf8mb4"}


def drivers() -> list[dict[str, Any]]:
    """Return the kinds of databases: name, driver, whether this installation can talk to it, how an address looks."""
    kinds = (
        ("SQLite", "sqlite3", "/path/of/statistics.db"),
        ("PostgreSQL", "psycopg2", "postgresql://user:password@host/name"),
        ("MariaDB", "pymysql", "mysql://user:password@host/name"),
    )
    return [
        {"database": name, "driver": driver, "available": find_spec(driver) is not None, "address": address}
        for name, driver, address in kinds
    ]


def parse_address(address: str, data: Path | None = None) -> URL:
    """Return the URL of a database; ConfigError when it is none.

    ``address`` is a URL, the path of a file, words as libpq has them (``host=… dbname=… user=… password=…``), or empty
    for the file in the data folder.
    """
    wrong = ConfigError("", "statistics_database", "the address is not one", hint=_HINT)
    if not address:
        if data is None:
            raise wrong
        return URL.create("sqlite", database=str(data / STATISTICS_NAME))
    if re.match(r"\s*\w+\s*=", address):
        from psycopg2 import ProgrammingError  # late: a farm on SQLite needs no driver
        from psycopg2.extensions import parse_dsn

        try:
            words = parse_dsn(address)
        except ProgrammingError:
            raise wrong from None
        known = {"user": "username", "password": "password", "host": "host", "port": "port", "dbname": "database"}
        main = {known[word]: value for word, value in words.items() if word in known}
        if "port" in main:
            main["port"] = int(main["port"])
        more = {word: value for word, value in words.items() if word not in known}
        if main.get("host", "").startswith("/"):
            more["host"] = main.pop("host")
        return URL.create("postgresql+psycopg2", query=more, **main)
    if "://" not in address:
        return URL.create("sqlite", database=os.path.abspath(os.path.expanduser(address)))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise wrong from None
    kind = url.drivername.partition("+")[0]
    driver = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2",
              "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql"}.get(kind)  # fmt: skip
    if driver is None:
        raise ConfigError("", "statistics_database", f"a database of kind {kind} is not known", hint=_HINT)
    return url.set(drivername=driver)


class Target:
    """The statistics database at ``url``. Each caller takes a connection of its own."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.kind = url.get_backend_name()
        """sqlite, postgresql or mysql."""
        self.host = str(url.host or url.query.get("host") or "this machine")
        self.name = url.database or url.username or ""
        if self.kind == "sqlite":
            self.place = f"the statistics file {url.database}"
        else:
            self.place = f"the statistics database {self.name} at {self.host}" + (f":{url.port}" if url.port else "")
        self._engine: Engine | None = None

    def _made(self) -> Engine:
        if self._engine is not None:
            return self._engine
        if self.kind == "sqlite":
            path = self.url.database or ""
            engine = create_engine(
                "sqlite://",
                creator=lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
                poolclass=NullPool,
            )

            @event.listens_for(engine, "connect")
            def set_up(connection: Any, _record: object) -> None:
                for statement in _LITE:
                    connection.execute(statement).close()

            @event.listens_for(engine, "begin")
            def begin_now(connection: Connection) -> None:
                connection.exec_driver_sql("BEGIN" if connection.info.get("reading") else "BEGIN IMMEDIATE")

        else:
            arguments = _POSTGRES if self.kind == "postgresql" else _MARIADB
            try:
                engine = create_engine(self.url, connect_args=arguments, poolclass=NullPool)
            except (ModuleNotFoundError, NoSuchModuleError):
                raise ConfigError(
                    "", "statistics_database", "this installation cannot talk to MariaDB",
                    hint="install it with: pip install 'afwatch[mariadb]'",
                ) from None  # fmt: skip
        self._engine = engine
        return engine

    @contextmanager
    def connected(self, *, reading: bool = False, seconds: float = 0.0) -> Iterator[Connection]:
        """Yield a connection; what goes wrong is raised as a StoreError with a sentence.

        With ``seconds`` what is asked over it is broken off after so long.
        """
        with self.explained():
            connection = self._made().connect()
            try:
                if reading:
                    connection.info["reading"] = True
                if seconds:
                    self._break_off(connection, seconds)
                yield connection
            finally:
                connection.close()

    def _break_off(self, connection: Connection, seconds: float) -> None:
        """Let the database itself end a statement that takes longer."""
        driver = connection.connection.dbapi_connection
        assert driver is not None
        if self.kind == "sqlite":
            end = time.monotonic() + seconds
            driver.set_progress_handler(lambda: time.monotonic() > end, 20_000)
            return
        words = {"postgresql": f"SET statement_timeout = {round(seconds * 1000)}",
                 "mysql": f"SET SESSION max_statement_time = {seconds:g}"}  # fmt: skip
        cursor = driver.cursor()
        cursor.execute(words[self.kind])
        cursor.close()
        driver.commit()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what the driver complains about as a StoreError."""
        try:
            yield
        except _raised_by(self.kind) as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> StoreError:
        """Return what the driver's error means."""
        cause = getattr(error, "orig", None) or error
        words = (str(cause).strip().splitlines() or [""])[0]
        what, hint = _EXPLAINERS[self.kind](self, cause, words)
        if hint == "value":
            return BadValue(f"{self.place} answers: {words}")
        if not what:
            return StoreError(f"{self.place} answers: {words}", hint="the log of the database's server may say more")
        return Unavailable(f"{self.place}: {what}", hint=hint)

    def close(self) -> None:
        """Let go of the engine."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _raised_by(kind: str) -> tuple[type[Exception], ...]:
    """Return what talking to a kind of database raises, with what its driver does where SQLAlchemy is not between."""
    if kind != "postgresql":
        return (SQLAlchemyError, sqlite3.Error)
    from psycopg2 import Error

    return (SQLAlchemyError, Error)


def _sqlite(target: Target, cause: Exception, words: str) -> tuple[str, str]:
    name = getattr(cause, "sqlite_errorname", "") or ""
    kind = name.split("_")[1] if name.startswith("SQLITE_") else ""
    known = {
        "FULL": ("its disk is full", f"make room; {_AGAIN}"),
        "READONLY": ("it is read-only", "check the owner and rights of the file and its folder"),
        "PERM": ("it is read-only", "check the owner and rights of the file and its folder"),
        "CANTOPEN": ("it cannot be opened", "check that its folder is there, its owner and rights"),
        "CORRUPT": ("it is damaged", "put back a copy, or move it away to begin anew"),
        "NOTADB": ("it is no database", "move it away to begin anew, or name another file in statistics_database"),
        "BUSY": ("another program writes it", _AGAIN),
        "LOCKED": ("another program writes it", _AGAIN),
        "INTERRUPT": (_SLOW, _SHORTER),
        "IOERR": (f"it cannot be read or written ({name})", "check the disk"),
    }
    if kind in known:
        return known[kind]
    if "no such table" in words:
        return f"the table {words.rpartition(': ')[2]} is missing", "make it with: afcmd db_updatetables"
    return "", ""


def _postgresql(target: Target, cause: Exception, words: str) -> tuple[str, str]:
    code = getattr(cause, "pgcode", None) or ""
    user = target.url.username or "the user of the server"
    if not code:
        fatal = words.partition("FATAL:")[2].strip() or words
        if "could not translate host name" in words:
            return f"there is no host {target.host}", "check the host in statistics_database or af_db_conninfo"
        for word, meant in (
            ("password authentication failed", "28P01"),
            ("no password supplied", "none"),
            ("pg_hba.conf", "28000"),
            ("Peer authentication", "28000"),
            ("role ", "role"),
            ("database ", "3D000"),
            ("starting up", "57P03"),
            ("shutting down", "57P03"),
            ("too many clients", "53300"),
        ):
            if word in fatal:
                code = meant
                break
        else:
            code = "" if "FATAL:" in words else "08006"
    said = words.rpartition("FATAL:")[2].strip()
    reason = words.rpartition("failed: ")[2].strip()
    exact = {
        # To a stranger it says the same of a user that does not exist.
        "28P01": (
            f"the password of user {user} is wrong, or there is no such user",
            "check both in statistics_database or af_db_conninfo",
        ),
        "none": (f"user {user} needs a password", "write it in statistics_database or af_db_conninfo"),
        "28000": (f"user {user} may not connect: {said}", "allow it in the server's pg_hba.conf"),
        "role": (f"there is no user {user}", f"make it with: CREATE USER {user} PASSWORD '…'"),
        "3D000": (f"there is no database {target.name}", f"make it with: createdb --owner={user} {target.name}"),
        "42501": (f"user {user} lacks the right: {words}", "make the user owner of the database"),
        "42P01": (f"a table is missing: {words}", "make it with: afcmd db_updatetables"),
        "42703": (f"a column is missing: {words}", "make it with: afcmd db_updatetables"),
        "53100": ("its disk is full", f"make room; {_AGAIN}"),
        "53300": ("it has too many connections", "raise max_connections, or close other programs"),
        "57014": (_SLOW, _SHORTER),
        "25006": ("it is read-only", "give the address of the primary server"),
    }
    classes = {
        "57": ("it is shutting down or starting", _AGAIN),
        "08": (
            f"host {target.host} does not answer: {reason}", "check that PostgreSQL listens there, and host and port"
        ),
        "53": ("it lacks room or memory", f"make room; {_AGAIN}"),
        "40": ("another program was in the way", _AGAIN),
        "55": ("another program holds the tables", _AGAIN),
        "22": ("", "value"),
    }
    return exact.get(code) or classes.get(code[:2]) or ("", "")


def _mysql(target: Target, cause: Exception, words: str) -> tuple[str, str]:
    found: list[Any] = list(getattr(cause, "args", ()))
    code = found[0] if found and isinstance(found[0], int) else 0
    user = target.url.username or "of the server"
    text = str(found[1]) if len(found) > 1 else words
    known = {
        1045: (f"user {user} or its password is wrong", "check both in statistics_database"),
        1698: (f"user {user} or its password is wrong", "check both in statistics_database"),
        1044: (f"user {user} may not use database {target.name}", "GRANT ALL ON the database TO the user"),
        1142: (f"user {user} lacks the right: {text}", "GRANT ALL ON the database TO the user"),
        1049: (f"there is no database {target.name}", f"make it with: CREATE DATABASE {target.name}"),
        1146: (f"a table is missing: {text}", "make it with: afcmd db_updatetables"),
        1054: (f"a column is missing: {text}", "make it with: afcmd db_updatetables"),
        1021: ("its disk is full", f"make room; {_AGAIN}"),
        1114: ("its disk is full", f"make room; {_AGAIN}"),
        1205: ("another program holds the tables", _AGAIN),
        1213: ("another program was in the way", _AGAIN),
        1969: (_SLOW, _SHORTER),
        1053: ("it is shutting down", _AGAIN),
        2003: (f"host {target.host} does not answer", "check that MariaDB runs there, and host and port"),
        2006: ("the connection was lost", _AGAIN),
        2013: ("the connection was lost", _AGAIN),
        1264: ("", "value"),
        1366: ("", "value"),
        1406: ("", "value"),
    }
    if "gai" in text or "Name or service" in text or "nodename" in text:
        return f"there is no host {target.host}", "check the host in statistics_database"
    return known.get(code) or (("the connection was lost", _AGAIN) if code == 0 else ("", ""))


_EXPLAINERS = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
