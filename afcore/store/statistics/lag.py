"""How far the statistics database is behind the farm; loaded without the libraries that reach that database."""

import msgspec

__all__ = ["LEVEL", "Lag"]


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far the statistics database is behind the farm."""

    rows: int
    """Finished runs and blocks of deleted jobs that are not there yet."""
    seconds: float
    """How long it has not been level; 0 while it is."""
    trouble: str
    """Why nothing can be written, else empty."""
    hint: str


LEVEL = Lag(rows=0, seconds=0.0, trouble="", hint="")
"""Nothing is missing there."""
