"""Keeps Python's garbage collector from holding the window: rows of a great farm are never garbage in circles.

Rules of this file:
- Rows and columns are trees and are freed when the last one lets go of them; looking through 50,000 of them for circles
  takes longer than a person waits for a key press.  So what came in a flood is left out of every later look.
"""

from __future__ import annotations

import gc

__all__ = ["after_flood", "calm_collector"]

_YOUNG = 20_000
"""Objects made before the collector looks at the young ones: some milliseconds of looking at most."""
FLOOD = 2_000
"""So many rows at once are a flood."""


def calm_collector() -> None:
    """Let the collector look at new objects seldom, and never again at what the program itself is made of."""
    gc.set_threshold(_YOUNG, 20, 20)
    gc.freeze()


def after_flood(rows: int) -> None:
    """Rows came: leave them out of what the collector looks at, if they are many."""
    if rows >= FLOOD:
        gc.freeze()
