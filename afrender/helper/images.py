"""The program of the helper that looks at image files: one file after the other, each for itself.

Rules of this file:
- a file that breaks the library ends this process, which costs that file's thumbnail and nothing else;
- it gives way to everything else on the machine.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import OrderedDict

from afrender.helper.look import Look, NotAnImage, TooLarge, look_at
from afrender.helper.protocol import Answer, Failed, Inspect, Inspected, Setup
from afrender.helper.serving import serve

__all__ = ["Images", "main"]

NICE = 10

KNOWN_MOST = 1000
"""Files whose fingerprints are remembered, for the frames that come next."""

ALIKE = 0.05
"""Files whose sizes differ by a larger part are not the same picture."""


class Images:
    """Answers ``Inspect``."""

    def __init__(self, setup: Setup) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.nice(NICE)
        with contextlib.suppress(ImportError):
            import OpenImageIO as oiio

            # Of its own it starts a thread for each core, and each wants its stack.
            oiio.attribute("threads", 1)
            oiio.attribute("exr_threads", 1)
            # What a header may claim, in MiB; the look has limits of its own.
            oiio.attribute("limits:imagesize_MB", max(64, setup.memory >> 20))
        # Now, while the limit of a start counts and not yet that of a look: on a busy machine this takes longer than
        # an image does.
        with contextlib.suppress(ImportError):
            import numpy  # noqa: F401
            from PIL import Image

            if setup.account:
                # The other user may not be able to read them.
                Image.init()
            else:
                Image.preinit()
        self._known: OrderedDict[tuple[str, int, int], str] = OrderedDict()

    def answer(self, request: object) -> Answer:
        """Look at a file."""
        if not isinstance(request, Inspect):
            return Failed(f"This helper does not know {type(request).__name__}", "")
        try:
            found = self._look(request.file, request)
        except ImportError:
            return Failed("OpenImageIO is not installed here", "install the project with its images")
        except (TooLarge, MemoryError) as error:
            # Nobody can say that it is bad.
            reason = str(error) or "it takes more memory than an image may"
            return Inspected("", [f"was not looked at: {reason}"], b"")
        except (NotAnImage, OSError, ValueError) as error:
            return Inspected(_reason(error), [], b"")
        warnings = []
        if found.black:
            warnings.append("is all black")
        if found.not_numbers:
            warnings.append(f"has {found.not_numbers} values that are no numbers")
        if request.before and self._same(found, request):
            warnings.append(f'has the same pixels as "{os.path.basename(request.before)}"')
        return Inspected("", warnings, found.picture)

    def _look(self, file: str, request: Inspect, *, picture: bool | None = None) -> Look:
        wanted = request.picture if picture is None else picture
        found = look_at(file, (request.width, request.height), picture=wanted)
        key = _key(file)
        if key is not None and found.fingerprint:
            self._known[key] = found.fingerprint
            if len(self._known) > KNOWN_MOST:
                self._known.popitem(last=False)
        return found

    def _same(self, found: Look, request: Inspect) -> bool:
        """Say whether the frame before has the same pixels; it is read only when its size may mean that."""
        own, before = _key(request.file), _key(request.before)
        if own is None or before is None or not found.fingerprint or found.black:
            return False
        if abs(own[2] - before[2]) > ALIKE * max(own[2], before[2]):
            return False
        if before not in self._known:
            with contextlib.suppress(NotAnImage, TooLarge, OSError, ValueError, MemoryError):
                self._look(request.before, request, picture=False)
        return self._known.get(before) == found.fingerprint


def _key(file: str) -> tuple[str, int, int] | None:
    """Return what stands for a file as it is now."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return file, state.st_mtime_ns, state.st_size


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def main() -> int:
    """Answer requests until the agent says no more."""
    return serve(Images)


if __name__ == "__main__":
    sys.exit(main())
