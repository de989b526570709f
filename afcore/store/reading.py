"""A connection that never writes: made at the first question, and again after the database was away."""

from sqlalchemy import Connection

from afcore.store.database import Database

__all__ = ["Reading"]


class Reading:
    """What reads ``database`` beside its writer. One thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.reader()
        self._connection: Connection | None = None

    def _connected(self) -> Connection:
        """Return the connection; raises an error of ``database.errors`` when there can be none."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop(self) -> None:
        """Forget a connection on which something went wrong."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()
