"""A private PostgreSQL: its own cluster in a temporary folder, on a unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from tests.store.smalldisk import SmallDisk

__all__ = ["PASSWORD", "Cluster", "Fillable", "binaries"]

PASSWORD = "secret-of-the-test"


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server programs of this machine, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class Cluster:
    """A running server. ``synced`` keeps it honest about the disk; otherwise it is only fast."""

    def __init__(self, programs: Path, *, synced: bool = False) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="afwatch-pg-", dir="/tmp"))
        self._account = self._find_account()
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._made = 0
        self._disks: list[SmallDisk] = []
        self._run("initdb", "-D", "data", "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        asked = ["local all guest scram-sha-256", "local all unknown scram-sha-256", "local all stranger reject"]
        lines = [*asked, "local all all trust", ""]
        (self.folder / "data" / "pg_hba.conf").write_text("\n".join(lines))
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "30",
            "shared_buffers": "16MB",
            "fsync": "on" if synced else "off",
        }
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
        self.start()
        self.execute(f"CREATE USER guest PASSWORD '{PASSWORD}'", "postgres")
        self.execute("CREATE USER stranger", "postgres")

    @staticmethod
    def _find_account() -> pwd.struct_passwd | None:
        """PostgreSQL refuses to run as root: use the account its package made."""
        if os.geteuid() != 0:
            return None
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        return names.get("postgres") or names["nobody"]

    def _run(self, program: str, *arguments: str) -> None:
        account = self._account
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        # Its output must not keep our pipe open, therefore its own file.
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-s", "-l", str(self.folder / "log"), "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop the server: ``immediate`` as if it crashed, ``fast`` in order."""
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-s", "-m", how, "stop")

    def remove(self) -> None:
        """Stop it and remove its folder."""
        try:
            self.stop()
        finally:
            for disk in self._disks:
                disk.remove()
            shutil.rmtree(self.folder)

    def url(self, database: str, user: str = "owner", password: str = "") -> str:
        """The address of a database for ``--database``."""
        who = f"{user}:{password}" if password else user
        return f"postgresql://{who}@/{database}?host={self.folder}"

    @contextmanager
    def connection(self, database: str) -> Iterator[psycopg2.extensions.connection]:
        """A connection of the test's own, each statement by itself."""
        made = psycopg2.connect(host=str(self.folder), user="owner", dbname=database)
        made.autocommit = True
        try:
            yield made
        finally:
            made.close()

    def execute(self, statement: str, database: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement; return its rows."""
        with self.connection(database) as made, made.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        self._made += 1
        name = f"farm{self._made}"
        self.execute(f"CREATE DATABASE {name}", "postgres")
        return name

    def new_fillable_database(self) -> Fillable:
        """Make a database on a disk of its own, where this user may mount one.

        The log of the server's transactions is elsewhere: it goes on when that disk is full.
        """
        number = len(self._disks) + 1
        try:
            disk = SmallDisk(self.folder / f"disk{number}", megabytes=40)
        except OSError:
            return Fillable(self, self.new_database(), None)
        self._disks.append(disk)
        place = disk.folder / "tables"
        place.mkdir()
        if self._account is not None:
            os.chown(place, self._account.pw_uid, self._account.pw_gid)
        self.execute(f"CREATE TABLESPACE disk{number} LOCATION '{place}'", "postgres")
        self.execute(f"CREATE DATABASE small{number} TABLESPACE disk{number}", "postgres")
        return Fillable(self, f"small{number}", disk)

    def empty_database(self, name: str) -> None:
        """End every connection to a database and make it as it was when new; quicker than making another."""
        self.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", "postgres", [name]
        )
        self.execute(f"ALTER DATABASE {name} RESET ALL", "postgres")
        self.execute("DROP SCHEMA public CASCADE", name)
        self.execute("CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC", name)


class Fillable:
    """A database that can be full: on a disk of its own, else by a trigger that says what PostgreSQL says then."""

    def __init__(self, cluster: Cluster, name: str, disk: SmallDisk | None) -> None:
        self._cluster = cluster
        self.name = name
        self._disk = disk

    @contextmanager
    def full(self) -> Iterator[None]:
        """Have room for nothing more; its tables are there already."""
        if self._disk is not None:
            with self._disk.filled():
                yield
            return
        self._cluster.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left'"
            " USING ERRCODE = '53100'; END $$;"
            " CREATE TRIGGER full_disk BEFORE INSERT ON tasks EXECUTE FUNCTION full_disk()",
            self.name,
        )
        yield
        self._cluster.execute("DROP TRIGGER full_disk ON tasks; DROP FUNCTION full_disk", self.name)
