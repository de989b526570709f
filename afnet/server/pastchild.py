"""The process that looks at the past: questions come on its input, answers go to its output, one at a time.

Replaying thousands of events is work of the interpreter: in a thread of the server it would hold the lock that the farm
needs, so it has a process of its own, which reads the database on a connection that cannot write.

Rules of this file:
- A message is its length (four bytes, little endian) and a msgpack value. The first one says what to open.
- When the input ends, the server is gone: so is this.
"""

import os
import struct
import sys
from typing import IO, Any

import msgspec

from afcore.errors import AfError, BadSpec, Rejected, StoreError
from afcore.model.defaults import Defaults
from afcore.store.opening import open_past
from afnet.server.pastview import PastViews

__all__ = ["LENGTH", "main", "read_message", "serve", "write_message"]

LENGTH = struct.Struct("<I")
_NICENESS = 5
"""The farm comes first."""


def read_message(stream: IO[bytes]) -> Any:
    """Return the next message; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return msgspec.msgpack.decode(body) if len(body) == length else None


def write_message(stream: IO[bytes], message: Any) -> None:
    """Send a message."""
    body = msgspec.msgpack.encode(message)
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until there are no more questions."""
    opening = read_message(questions)
    if opening is None:
        return
    past = open_past(opening["address"])
    views = PastViews(past, msgspec.convert(opening["defaults"], Defaults))
    try:
        while (asked := read_message(questions)) is not None:
            try:
                if asked["name"] == "past.rows":
                    reply = views.rows(asked["at"], asked["kinds"], system=asked["system"])
                elif asked["name"] == "past.events":
                    reply = views.events(asked)
                elif asked["name"]:
                    reply = views.show(asked["at"], asked["name"], asked["arguments"])
                else:
                    reply = views.kept()
                answer = {"reply": reply}
            except AfError as error:
                answer = {"error": _described(error)}
            write_message(answers, answer)
    finally:
        past.close()


def _described(error: AfError) -> dict[str, Any]:
    code = error.code if isinstance(error, Rejected) else "unavailable" if isinstance(error, StoreError) else "error"
    problems = error.problems if isinstance(error, BadSpec) else []
    return {
        "code": code, "sentence": error.sentence, "hint": error.hint,
        "problems": [[each.path, each.what, each.hint] for each in problems],
    }  # fmt: skip


def main() -> int:
    """Serve on the standard streams."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # nothing else may get between the answers
    serve(questions, answers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
