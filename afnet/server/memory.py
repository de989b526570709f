"""Memory that nobody uses goes back to the system: the C library would keep it, and a farm's peaks are rare.

Only glibc on Linux needs to be told, and has the calls; elsewhere nothing is done here.
"""

import ctypes
import logging
import sys

__all__ = ["give_back", "keep_little"]

_log = logging.getLogger(__name__)


def keep_little() -> None:
    """At the start: let big buffers go back as soon as they are freed."""
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL(None)
        # From malloc.h: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX.
        for parameter, value in ((-3, 256 * 1024), (-1, 256 * 1024), (-8, 2)):
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
