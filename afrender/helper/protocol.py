"""What the agent and a helper say to each other: one request, one answer, in order, over the helper's own pipes.

Each message is its length (four bytes, least first) and its msgpack body.
"""

from __future__ import annotations

import msgspec

from afnet.wire.messages import RunSpec

__all__ = [
    "Answer",
    "Close",
    "Closed",
    "Failed",
    "Feed",
    "Inspect",
    "Inspected",
    "Judged",
    "Leave",
    "MESSAGE_LIMIT",
    "Prepare",
    "Prepared",
    "Ready",
    "Request",
    "Setup",
    "Stale",
    "State",
    "decode_answer",
    "decode_request",
    "encode",
]

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes of the largest message that is believed."""


class Setup(msgspec.Struct, tag=1, array_like=True):
    """The first message: what is the same for all runs. Its answer is ``Ready``.

    ``folder``: of modules of one's own. ``memory``: bytes that may be used. ``settings``: of this machine. ``gather``:
    answers may come together; otherwise what was unanswered at a sudden end is what it died of. ``account``: numbers of
    the user as whom requests are answered and of its groups, the first one its own; empty is the agent's user.
    """

    folder: str
    memory: int
    pairs: list[tuple[str, str]]
    windows: bool
    settings: dict[str, object]
    gather: bool = False
    account: list[int] = []


class Prepare(msgspec.Struct, tag=2, array_like=True):
    """Make service and parser of a run, called ``seat`` from now on. ``store``: where its folder may be made."""

    seat: int
    run: RunSpec
    store: str = ""


class Feed(msgspec.Struct, tag=3, array_like=True):
    """The next bytes of the process."""

    seat: int
    data: bytes
    pid: int
    host: str = ""
    """The newest reading of the machine as JSON; empty when it is the one told last."""


class Close(msgspec.Struct, tag=4, array_like=True):
    """The process ended: say how, and forget the run; ``stopped``: when somebody asked for its end, else 0."""

    seat: int
    code: int
    signal: int
    stopped: float


class Leave(msgspec.Struct, tag=5, array_like=True):
    """Forget a run: nobody asks for it any more. The answer is ``Ready``."""

    seat: int


class Inspect(msgspec.Struct, tag=6, array_like=True):
    """Look at an image file: make a ``picture`` of it that fits into ``width`` and ``height``, and say what is wrong.

    ``before``: the file of the frame before, which must not be the same; empty for none.
    """

    file: str
    width: int
    height: int
    picture: bool = True
    before: str = ""


Request = Setup | Prepare | Feed | Close | Leave | Inspect


class Prepared(msgspec.Struct, tag=11, array_like=True):
    """Service and parser are made; the fields are those of ``Plan``."""

    command: str | list[str]
    folder: str
    environment: dict[str, str]
    files: list[str]
    skip: bool
    notes: list[str]
    reads: bool
    """Whether somebody reads the output."""
    raw: bool = False
    """Whether output belongs in the log as it comes."""


class Failed(msgspec.Struct, tag=12, array_like=True):
    """It cannot be started."""

    sentence: str
    hint: str


class State(msgspec.Struct, tag=13, array_like=True):
    """What was learned from the output; ``kept`` belongs in the log, ``verdict`` 0 is none."""

    kept: bytes
    percent: int
    frame: int
    percent_frame: int
    activity: str
    report: str
    resources: str
    failure: str
    sentence: str
    verdict: int
    warning: bool
    changed: bool
    pictures: list[str] = []
    """Files of which thumbnails are to be made now."""


class Judged(msgspec.Struct, tag=14, array_like=True):
    """How it ended; ``memory``: bytes that the helper takes now."""

    status: int
    sentence: str
    place: str
    post: list[str | list[str]]
    memory: int
    pictures: list[str] = []
    checks: list[tuple[str, str]] = []
    said: str = ""
    found: list[str] = []


class Closed(msgspec.Struct, tag=18, array_like=True):
    """What was learned from the last of the output, and how the process ended."""

    state: State
    judged: Judged


class Stale(msgspec.Struct, tag=15, array_like=True):
    """Modules were changed since they were loaded: ask a new helper."""


class Ready(msgspec.Struct, tag=16, array_like=True):
    """The helper has come up."""


class Inspected(msgspec.Struct, tag=17, array_like=True):
    """What an image file is: ``wrong`` says why it cannot be read, ``warnings`` what people should look at.

    ``picture``: a JPEG, empty when there is none.
    """

    wrong: str
    warnings: list[str]
    picture: bytes


Answer = Prepared | Failed | State | Stale | Ready | Inspected | Closed

_encoder = msgspec.msgpack.Encoder()
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode


def encode(message: Request | Answer) -> bytes:
    """Return a message with its length before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "little") + body
