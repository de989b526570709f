"""Memory that nobody uses goes back to the system: the C library would keep it, and a farm's peaks are rare.

Only glibc on Linux needs to be told, and has the calls; elsewhere nothing is done here.
"""

import ctypes
import logging
import sys

__all__ = ["give_back", "keep_little"]

_log = logging.getLogger(__name__)

_LITTLE = 256 * 1024
"""Bytes that a server keeps: its memory is measured by what it holds, not by its peaks."""


def keep_little(most: int = _LITTLE) -> None:
    """At the start: let buffers of more than so many bytes go back as soon as they are freed, and what lies free.

    What goes back is fetched anew page by page: a program that needs megabytes again and again says so.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL(None)
        # From malloc.h: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX.
        for parameter, value in ((-3, most), (-1, most), (-8, 2)):
            libc.mallopt(parameter, value)
    except (OSError, AttributeError):
        _log.debug("this system's C library has no mallopt")


def give_back() -> None:
    """After a peak (a recovery, a snapshot): give back what lies free between things that stay; some milliseconds."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        _log.debug("this system's C library has no malloc_trim")
