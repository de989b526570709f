"""Every shipped parser on recorded and constructed output, against what the reference made of it.

Where a number differs on purpose, ``BETTER`` says which and why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from afrender import parsers
from afrender.named import Named
from afrender.parsers.base import Parser
from afrender.process.output import LineFeed, lines_text

LOGS = Path(__file__).parents[2] / "data" / "logs"
NAMED = Named(parsers)
VECTORS = [one for one in json.loads((LOGS / "parser-samples.json").read_text("utf-8"))["vectors"]]

LINES = "each line counts, not each portion"
WHOLE = "a fraction of a percent is cut off, not refused"
SAME_LINE = "a line that begins a frame tells its percentage too"
END = "the percentage is read wherever the line ends"
LAST = "the newest percentage counts"
BETTER: dict[tuple[str, int], dict[int, tuple[tuple[int, int, int], str]]] = {
    ("generic", 4): {
        3: ((3, 25, 81), LINES),
        4: ((3, 25, 81), LINES),
        5: ((3, 25, 81), "what is no number is ignored"),
        6: ((3, 33, 83), WHOLE),
    },
    ("blender_cycles", 3): {
        2: ((1, 25, 41), SAME_LINE),
        6: ((1, 62, 54), "words in brackets may follow"),
    },
    ("blender_render", 2): {2: ((1, 50, 75), SAME_LINE)},
    ("blender_yafray", 1): {1: ((0, 7, 7), WHOLE), 2: ((0, 15, 15), WHOLE), 3: ((0, 23, 23), WHOLE)},
    ("yafray", 1): {
        1: ((0, 7, 7), WHOLE),
        2: ((0, 23, 23), "two signs are two"),
        3: ((0, 23, 23), WHOLE),
    },
    ("curl", 1): {
        1: ((0, 100, 100), "the last row has no time left and counts as well"),
        2: ((0, 0, 0), "the first row too"),
    },
    ("mantra", 1): {
        2: ((0, 30, 30), "another percent sign before it does no harm"),
        3: ((0, 60, 60), LAST),
        4: ((0, 60, 60), LAST),
        5: ((0, 60, 60), LAST),
        6: ((0, 60, 60), LAST),
        7: ((0, 60, 60), LAST),
    },
    ("karma", 1): {
        0: ((0, 0, 0), "the name of an image is no completed frame"),
        1: ((0, 12, 12), "as above"),
        2: ((0, 12, 12), "as above"),
    },
    ("prman", 1): {2: ((0, 47, 47), END), 3: ((0, 47, 47), END)},
    ("hbatch_prman", 2): {1: ((0, 47, 23), END)},
    ("houdinitoarnold", 2): {1: ((0, 45, 22), "Arnold's percentage is that of one frame of several")},
    ("maya_mental", 3): {1: ((1, 34, 44), WHOLE), 2: ((2, 34, 78), WHOLE)},
    ("redline", 1): {0: ((0, 25, 25), "a number behind a full stop and a space is one")},
    ("natron", 3): {3: ((1, 0, 33), "the line is not over")},
}
FFMPEG: dict[str, tuple[tuple[int, int, int], str]] = {
    "frame=  375 time=00:00:15.00 \r": ((0, 0, 0), "without the length of the input nothing is known"),
    "frame=   10 fps=0.0 q=0.0 size=0kB time=00:00:00.00\rframe=   20 fps=0\r": ((0, 50, 50), LAST),
}


class Fed:
    """A parser fed as the agent does it."""

    def __init__(self, name: str, frames: int, folder: str = "", **info: Any) -> None:
        kind = NAMED.find(name)
        assert kind is not None
        self.parser: Parser = kind()
        self.parser.setTaskInfo({"frames_num": frames, "wdir": folder, **info})
        self._feed = LineFeed()

    def __call__(self, data: bytes) -> None:
        block = self._feed.feed(data)
        if block:
            self.parser.parse(mode="RUN", pid=1, data=lines_text(block))
        if self.parser.reads_partial and self._feed.held:
            self.parser.peek(self._feed.held.decode("utf-8", "replace"))

    def end(self) -> None:
        self.parser.parse(mode="0:0", pid=0, data=lines_text(self._feed.finish()))

    @property
    def numbers(self) -> tuple[int, int, int]:
        return self.parser.frame, self.parser.percentframe, self.parser.percent


def _vector_name(vector: dict[str, Any]) -> str:
    return f"{vector['parser']}-{vector['frames_num']}-{VECTORS.index(vector)}"


@pytest.mark.parametrize("vector", VECTORS, ids=_vector_name)
def test_recorded_portions(vector):
    name, frames = vector["parser"], vector["frames_num"]
    fed = Fed("vray" if name == "parser" else name, frames)
    members = ("error", "warning", "badresult", "finishedsuccess")
    for number, step in enumerate(vector["steps"]):
        for member in members:
            setattr(fed.parser, member, False)
        last = step["data"].endswith(("\n", "\r"))
        fed(step["data"].encode())
        if not last and not fed.parser.reads_partial:
            fed(b"\n")
        expected = step["frame"], step["percentframe"], step["percent"]
        better = BETTER.get((name, frames), {}).get(number)
        if name == "ffmpeg":
            better = FFMPEG.get(step["data"])
        if better:
            assert better[0] != expected or better[1] in (WHOLE, LAST, "the line is not over"), "no difference is left"
            expected = better[0]
        assert fed.numbers == expected, (step, better)
        assert all(isinstance(value, int) for value in fed.numbers)
        for member in members:
            assert getattr(fed.parser, member) is step.get(member, False), (member, step)
        assert fed.parser.resources == step.get("resources", "")
        for file in step.get("files_seen", ()):
            assert file in fed.parser.files_all
        for member in ("activity", "report"):
            if member in step:
                shown = "one" if step["data"] == "ACTIVITY: one" else step[member]
                assert getattr(fed.parser, member) == shown


def test_every_parser_of_the_table_is_recorded_or_tested_below():
    recorded = {vector["parser"] for vector in VECTORS}
    assert set(NAMED.names) - recorded == {"ftrack", "shotgun", "fusion", "maya_delight"}


def numbers(log: str, name: str, frames: int, *, whole: bool) -> list[tuple[int, int, int]]:
    """The different numbers on the way through a log, fed whole or byte by byte."""
    data = (LOGS / log).read_bytes()
    fed = Fed(name, frames)
    seen = [fed.numbers]
    for at in range(0, len(data), len(data) if whole else 1):
        fed(data[at : at + (len(data) if whole else 1)])
        if fed.numbers != seen[-1]:
            seen.append(fed.numbers)
    fed.end()
    if fed.numbers != seen[-1]:
        seen.append(fed.numbers)
    return seen


@pytest.mark.parametrize(
    ("log", "name", "frames", "steps"),
    [
        (
            "blender-3.4-cycles.log",
            "blender_cycles",
            3,
            [(0, 0, 0), (0, 6, 2), (0, 100, 33), (1, 0, 33), (1, 6, 35), (1, 100, 66), (2, 0, 66), (2, 6, 68)]
            + [(2, 100, 100)],
        ),
        ("blender-3.4-cycles.log", "blender", 3, [(0, 0, 0), (1, 0, 33), (2, 0, 66)]),
        ("blender-3.4-workbench.log", "blender_cycles", 2, [(0, 0, 0)]),
        ("ffmpeg-5.1-sequence.log", "ffmpeg", 1, [(0, 0, 0), (0, 92, 92)]),
        ("rsync-progress.log", "rsync", 1, [(0, 0, 0), (0, 45, 45), (0, 88, 88), (0, 100, 100)]),
        ("curl-download.log", "curl", 1, [(0, 0, 0), (0, 59, 59), (0, 100, 100)]),
        ("imagemagick-identify.log", "generic", 1, [(0, 0, 0)]),
    ],
)
def test_real_logs(log, name, frames, steps):
    assert numbers(log, name, frames, whole=False) == steps
    assert numbers(log, name, frames, whole=True)[-1] == steps[-1]


def test_long_real_logs_only_grow():
    for log, name, last in (("ffmpeg-5.1-transcode.log", "ffmpeg", 99), ("rsync-progress2.log", "rsync", 100)):
        percents = [percent for _, _, percent in numbers(log, name, 1, whole=False)]
        assert percents == sorted(percents) and percents[-1] == last and len(percents) > 5


@pytest.mark.parametrize("log", ["ffmpeg-5.1-missing-input.log", "ffmpeg-5.1-concat-missing.log"])
def test_real_logs_of_failures(log):
    fed = Fed("ffmpeg", 1)
    fed((LOGS / log).read_bytes())
    assert fed.parser.error


def test_files_of_a_real_log_are_noted_when_they_are_there(tmp_path):
    (tmp_path / "render").mkdir()
    (tmp_path / "render" / "frame_0002.png").write_bytes(b"")
    fed = Fed("blender_cycles", 3, str(tmp_path))
    fed((LOGS / "blender-3.4-cycles.log").read_bytes())
    assert fed.parser.files_all == {f"./render/frame_000{n}.png" for n in (1, 2, 3)}
    assert fed.parser.files == [f"{tmp_path}/./render/frame_0002.png"]


@pytest.mark.parametrize("name", ["ftrack", "shotgun"])
def test_words_of_services_on_the_net(name):
    fed = Fed(name, 1)
    fed(b"all is well\n")
    assert not fed.parser.error
    fed(f"{name} error: no such project\n".encode())
    assert fed.parser.error


def test_3delight_counts_frames():
    fed = Fed("maya_delight", 4)
    for number in range(10, 13):
        fed(f"Frame {number}: caching geometry: 12 shapes\n".encode())
    assert fed.numbers == (2, 0, 50)
    fed(b"Fatal Error. Attempting to save\n")
    assert fed.parser.error


def test_fusion_reads_its_own_file_from_where_it_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = tmp_path / "fusion_render.log"
    log.write_text("Render completed\n")
    fed = Fed("fusion", 1)
    fed(b"loading\n")
    assert fed.numbers == (0, 0, 0) and not fed.parser.finishedsuccess
    with log.open("a") as file:
        file.write("Rendered frame 5 (2 of 10), took 1 sec\nRendered fra")
    fed(b"\n")
    assert fed.numbers == (2, 100, 30)
    with log.open("a") as file:
        file.write("me 6 (3 of 10)\n")
    fed(b"\n")
    assert fed.numbers == (3, 100, 40)
    log.write_text("Render completed\n")
    fed(b"\n")
    assert fed.parser.finishedsuccess


def test_fusion_reads_no_pipe_and_survives_a_file_that_is_away(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fusion_render.log")
    fed = Fed("fusion", 1)
    fed(b"Rendered frame 5 (2 of 10)\n")
    assert fed.numbers == (2, 100, 30)


def test_mantra_fills_names_of_variables(tmp_path):
    (tmp_path / "a.exr").write_bytes(b"")
    fed = Fed("mantra", 1, environment={"PDG_DIR": str(tmp_path)})
    fed(b"PDG_RESULT: wi;0;__PDG_DIR__/a.exr;file/image;0\nPDG_RESULT: wi;0;__PDG_DIR__/a.txt;file;0\n")
    assert fed.parser.files == [f"{tmp_path}/a.exr"]


def test_a_combined_parser_on_a_set_of_frames():
    fed = Fed("hbatch_mantra", 3)
    seen = []
    for frame in range(101, 104):
        fed(f"Starting RopNode.render: frame {frame}\n".encode())
        for percent in (10, 55, 100):
            fed(f"ALF_PROGRESS {percent}%\r".encode())
            seen.append(fed.numbers)
    assert seen == [(f, p, (100 * f + p) // 3) for f in range(3) for p in (10, 55, 100)]
    assert not fed.parser.error
    fed(b"OpenCL Exception\n")
    assert fed.parser.warning, "words of the second parser"
    fed(b"Failed to create file /x\n")
    assert fed.parser.error, "words of the first"


def test_c4d_counts_by_the_step_of_the_block():
    fed = Fed("c4d", 4, frame_inc=5)
    fed(b"Rendering frame 10\nProgress: 40%\nRendering frame 15\n")
    assert fed.numbers == (1, 0, 25)


def test_colours_are_seen_through_and_kept_in_the_log():
    fed = Fed("hbatch_mantra", 2)
    fed(b"\x1b[1;32mRopNode.render:\x1b[0m frame 1\nALF_\x1b]0;title\x07PROGRESS \x1b[31m40%\x1b[0m\n")
    assert fed.numbers == (0, 40, 20)


def _everything(frames: int) -> list[bytes]:
    """Every line of every record, each with another end."""
    ends = ("\n", "\r\n", "\r")
    lines = [line for vector in VECTORS for step in vector["steps"] for line in step["data"].splitlines()]
    for log in sorted(LOGS.glob("*.log")):
        lines += log.read_text("utf-8", "replace").replace("\r", "\n").split("\n")
    return [(line + ends[n % 3]).encode() for n, line in enumerate(lines)]


@pytest.mark.parametrize("name", NAMED.names)
def test_any_cut_gives_the_same(name):
    data = b"".join(_everything(4))
    results = []
    for size in (len(data), 997, 7):
        fed = Fed(name, 4)
        for at in range(0, len(data), size):
            fed(data[at : at + size])
        fed.end()
        parser = fed.parser
        results.append((fed.numbers, parser.error, parser.warning, parser.resources, sorted(parser.files_all)))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", NAMED.names)
def test_floods_and_nonsense_are_survived(name):
    """Shapes that would run long in a careless pattern: ends of nearly every rule, repeated."""
    fed = Fed(name, 4)
    seeds = (
        b"\x00\xff\xfe\x1b[",
        b"% ",
        b"Writing a.a.",
        b"9" * 5000,
        b"Rendering .frame ",
        b"JOB progr: ",
        b" 0.",
        b"#",
    )
    seeds += (b"PROGRESS: (", b"\x1b[" + b"0" * 40, b"Block 1/0 x rendered by GPU", b"1 of 0 part", b"Saved: ' ", b"[")
    for seed in seeds:
        fed((seed * (65536 // len(seed) + 1))[:65536])
        fed(b"\n")
    fed.end()
    assert 0 <= fed.parser.percent <= 100 and 0 <= fed.parser.frame <= fed.parser.numframes


def test_a_hundred_megabytes_are_survived():
    fed = Fed("hbatch_mantra", 2)
    noise = (b"mantra: geometry loaded from somewhere on the disk, as it does so often in these logs\n" * 800)[:65536]
    fed(b"RopNode.render: frame 1\n")
    for _ in range(100 * 1024 * 1024 // len(noise)):
        fed(noise)
    fed(b"\nALF_PROGRESS 50%\n")
    assert fed.numbers == (0, 50, 25)
