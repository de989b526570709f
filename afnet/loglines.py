"""Lines of a log: one line each, whatever names and texts of others stand in them.

Rules of this file:
- A line end in somebody's name would begin a line that nobody wrote, and other controls would be obeyed by the
  terminal that shows the log: they leave here as they are written in a program. Tracebacks keep their lines.
"""

import logging

__all__ = ["LineFormatter", "log_to_stderr"]


class LineFormatter(logging.Formatter):
    """Formats records so that a message is one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return a record without its traceback, as one line."""
        if not record.message.isprintable():
            record.message = "".join(
                each if each.isprintable() else each.encode("unicode_escape", "replace").decode()
                for each in record.message
            )
        return super().formatMessage(record)


def log_to_stderr(level: int, line: str) -> None:
    """Let everything that is logged from ``level`` on go to the error output in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(line))
    logging.basicConfig(handlers=[handler], level=level)
