"""Bringing a database to this version's tables, or refusing one that is newer or not ours.

Rules of this file:
- Everything happens in the caller's transaction: a migration is done or not begun.
- A fresh database gets the tables as ``tables`` says them, without a walk through history; a test holds them against
  what the scripts make. An older one gets its *before* halves now, which an older program still can work with, and the
  newest *after* half at the next start; until then going back is possible.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from afcore.errors import Corrupt, TooNew
from afcore.store.tables import metadata

__all__ = ["FORMAT", "HEAD", "SCRIPTS", "migrate", "read_meta", "write_meta"]

FORMAT = 3
"""Version of the tables that this program writes."""
HEAD = f"{FORMAT:04}_after"
"""The newest half there is."""
SCRIPTS = Path(__file__).parent / "migrations"


def read_meta(connection: Connection, key: str, *, lock: bool = False) -> str | None:
    """Return a fact of ``af_meta``, or None. ``lock`` keeps others from changing it during the transaction."""
    tail = " FOR SHARE" if lock and connection.dialect.name == "postgresql" else ""
    found = connection.execute(text(f"SELECT value FROM af_meta WHERE key = :key{tail}"), {"key": key}).scalar()
    return None if found is None else str(found)


def write_meta(connection: Connection, **facts: object) -> None:
    """Set facts in ``af_meta``."""
    for key, value in facts.items():
        connection.execute(
            text(
                "INSERT INTO af_meta (key, value) VALUES (:key, :value)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            ),
            {"key": key, "value": str(value)},
        )


def migrate(connection: Connection, place: str, *, scripts: Path = SCRIPTS, version: int = FORMAT) -> None:
    """Make or update the tables inside the current transaction. ``place`` names the database in sentences.

    Raises TooNew when the database needs a newer program, Corrupt when it holds tables that are not ours.
    """
    names = set(inspect(connection).get_table_names())
    if "af_meta" not in names:
        _refuse_foreign(names, place, whole=connection.dialect.name == "sqlite")
        if scripts == SCRIPTS and version == FORMAT:
            _make(connection)
        else:
            _upgrade(connection, scripts, "head")
        write_meta(connection, format=version, needs=version)
        return
    needs = int(read_meta(connection, "needs") or 0)
    if needs > version:
        raise TooNew(
            f"{place} was written by a newer version (its tables have format {needs}, this one knows {version})",
            hint="start the newer Afwatch that wrote it, or restore a copy made before the update",
        )
    revision = connection.execute(text("SELECT version_num FROM af_version")).scalar()
    if revision == f"{version:04}_after" or int(read_meta(connection, "format") or 0) > version:
        return
    if revision == f"{version:04}_before":
        _upgrade(connection, scripts, f"{version:04}_after")
        write_meta(connection, needs=version)
    else:
        _upgrade(connection, scripts, f"{version:04}_before")
        write_meta(connection, format=version)


def _refuse_foreign(names: set[str], place: str, *, whole: bool) -> None:
    """Refuse a database with tables of somebody else: any in a file, those with our names on a server."""
    others = names if whole else {name for name in names if name in ("jobs", "tasks") or name.startswith("af_")}
    if others:
        raise Corrupt(
            f"{place} holds tables that Afwatch did not make: {', '.join(sorted(others)[:5])}",
            hint="give Afwatch a database of its own",
        )


def _make(connection: Connection) -> None:
    """Make the tables of this version at once."""
    metadata.create_all(connection)
    connection.execute(text("CREATE TABLE af_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO af_version (version_num) VALUES (:head)"), {"head": HEAD})


def _upgrade(connection: Connection, scripts: Path, target: str) -> None:
    from alembic import command  # late: a database that is new or up to date, which is the rule, never needs it
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise Corrupt(
            f"the tables are of no version that is known: {error}",
            hint="restore a copy that a version of Afwatch wrote",
        ) from error
