"""Frames as version 1 wrote them: what was once on a wire or in a spool must be read for ever.

A new message, or a new field, gets a new file; an old file is never changed. ``python -m tests.wire.test_golden``
writes the files that are missing.
"""

from pathlib import Path

import msgspec
import pytest

from afcore.commands import ProgressReading, RunningRun
from afnet.wire.codec import decode, encode
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    FileAccepted,
    FileChunk,
    Follow,
    Goodbye,
    Hello,
    Instruct,
    InstructionFailed,
    LogLines,
    Message,
    NotLeader,
    Ping,
    Pong,
    Readings,
    Refused,
    Register,
    Registered,
    Reply,
    Report,
    Request,
    Rows,
    RunSpec,
    Start,
    Stop,
    Subscribe,
    Unfollow,
    Unsubscribe,
    Welcome,
)

FOLDER = Path(__file__).parent / "golden"

RUN = RunSpec(
    7, 0, 41, 2, "shot é", "render", "frame 42", "me", "blender", "blender", "blender -f @#@", "", "/proj",
    {"A": "b"}, ["out.@####@.png"], [], True, 42, 42, 1, 1, 0, 1000, 2, 1, [0, 1], ["host2"], 100, 1 << 40,
    {"block": "x"},
)  # fmt: skip

GOLDEN: dict[str, Message] = {
    "hello": Hello([1, 2], "afrender", "agent", ["files", "follow"], "me", "host1"),
    "welcome": Welcome(1, "afserver 0.1", "f4rm", 3, ["files"], 1795245246.5, ["a:1", "[::1]:2"], "me", 30, 5.0),
    "not_leader": NotLeader(["10.0.0.2:51000"]),
    "refused": Refused(9, "bad_spec", "Sentence.", "Hint.", [("blocks[0].name", "is missing", "write it")]),
    "goodbye": Goodbye("done"),
    "ping": Ping(1),
    "pong": Pong(1),
    "request": Request(3, "job.set", {"ids": [1, 2], "priority": 99, "text": "é", "none": None}, "token"),
    "reply": Reply(3, {"id": 2, "serial": 1}, True),
    "subscribe": Subscribe(4, "jobs", {"user": "me"}, 12, 0.5),
    "unsubscribe": Unsubscribe(4),
    "rows": Rows(4, 13, [["user", 1, 3, "me", 99, 0, 0, 0, -1]], [5, 6], True, ["token"]),
    "follow": Follow(5, 7, 0, 41, 2),
    "unfollow": Unfollow(5, 7, 0, 41, 2),
    "log_lines": LogLines(7, 0, 41, 2, 1 << 33, b"line\n\xff", True, 5),
    "register": Register(
        "host1", "0.1", "linux", "me", "NIMBY", 1795245246.5, "i-1", [{"name": "eth0"}], [{"gpu": 0}], {"cpu_num": 2},
        [RunningRun(7, 0, 41, 2)], "127.0.0.1", 6,
    ),  # fmt: skip
    "registered": Registered(12, 5.0, 5.0, 60.0, 0.0),
    "start": Start([RUN]),
    "stop": Stop(7, 0, 41, 2),
    "drop": Drop([(7, 0, 41, 1), (7, 0, 42, 1)]),
    "report": Report(7, 0, 41, 2, 2, -9, 1795245246.5, 2.25, "it failed", "{}", True, "see", 1234),
    "acknowledge": Acknowledge([(7, 0, 41, 2)]),
    "readings": Readings({"cpu_user": 7}, [ProgressReading(7, 0, 41, 2, 50, 42, 50, True, False, "a", "last", "r")]),
    "instruct": Instruct("sleep"),
    "instruction_failed": InstructionFailed("sleep", "There is no such program."),
    "file_chunk": FileChunk(7, 0, 41, 2, "log", 65536, b"\x78\x9c\x00", True, True),
    "file_accepted": FileAccepted(7, 0, 41, 2, "log", 65536, True),
}


def frames(name: str) -> list[Path]:
    """Return the frames of a message, of the version that first sent it so and of later ones with more fields."""
    return sorted(FOLDER.glob(f"{name}.*.bin"))


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_old_frames_are_read_as_they_were_meant(name: str) -> None:
    for path in frames(name):
        assert decode(path.read_bytes()) == [GOLDEN[name]]


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_what_is_sent_now_is_what_older_programs_know(name: str) -> None:
    newest = frames(name)[-1].read_bytes()
    assert encode([GOLDEN[name]]) == newest
    # Fields may only have been added at the end: an older program reads as far as it knows.
    fields = [msgspec.msgpack.decode(path.read_bytes())[0] for path in frames(name)]
    assert all(later[: len(earlier)] == earlier for earlier, later in zip(fields, fields[1:]))


def test_every_message_has_its_frame() -> None:
    kinds = {type(message) for message in GOLDEN.values()} | {RunSpec}
    assert kinds == set(Message.__args__)
    assert {path.name.partition(".")[0] for path in FOLDER.iterdir()} == set(GOLDEN)


def write_missing() -> None:
    """Write the frames that are not there yet."""
    for name, message in GOLDEN.items():
        path = FOLDER / f"{name}.1.bin"
        if not path.exists():
            path.write_bytes(encode([message]))


if __name__ == "__main__":
    write_missing()
