"""The log of the system job: its failed commands with the end of what each printed.

Rules of this file:
- Nothing is kept for it: finished runs are in the database, their output is with the files of runs.
"""

from typing import Any

from afcore.errors import AfError
from afcore.store.base import RunQuery, RunRow, Store
from afcore.systemcommand import SYSTEM_JOB
from afnet.server.files import FileStore

__all__ = ["failures"]

_OUTPUT = 4096
"""Bytes of output that are shown of each failed command."""


def failures(store: Store, files: FileStore, limit: int) -> list[dict[str, Any]]:
    """Return the newest failed runs of the system job as lines of a job's log, oldest first; for any thread."""
    history = store.history()
    try:
        page = history.runs(RunQuery(job=SYSTEM_JOB, errors_only=True), before=None, limit=limit)
    finally:
        history.close()
    return [_line(row, files) for row in reversed(page.rows)]


def _line(row: RunRow, files: FileStore) -> dict[str, Any]:
    what = f"{row.blockname}: {row.taskname} of {row.username or 'nobody'} failed ({row.status})"
    if row.cause:
        what += f": {row.cause}"
    parts = [what, row.command]
    output = _output(row, files)
    if output:
        parts.extend(("--- output ---", output, "--- end ---"))
    return {
        "at": row.done_ms / 1000,
        "who": row.username,
        "origin": row.hostname,
        "operation": f"run {SYSTEM_JOB}.{row.id_block}.{row.id_task}.{row.run}",
        "what": "\n".join(parts),
    }


def _output(row: RunRow, files: FileStore) -> str:
    try:
        found = files.read(
            SYSTEM_JOB, row.id_block, row.id_task, run=row.run, offset=-_OUTPUT, limit=_OUTPUT
        )
    except (AfError, OSError):
        return ""  # printed nothing, or too old to be kept
    return found.data.decode("utf-8", "replace").rstrip()
