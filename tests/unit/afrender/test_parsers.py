"""What parsers make of output, and what the agent makes of parsers."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afcore.states import RunStatus
from afrender.parsers.base import Parser
from afrender.parsers.generic import generic
from afrender.process.spawn import Exit
from afrender.reader import Applications, Reader
from tests.unit.afrender.test_agent import spec


def reader(parser: str = "generic", frames: int = 1) -> Reader:
    made = Applications().prepare(msgspec.structs.replace(spec(), parser=parser, frames=frames, frame_end=frames))
    assert isinstance(made, Reader)
    return made


def test_progress_over_several_frames():
    read = reader(frames=4)
    steps = []
    for line in (b"FRAME: 1\n", b"PROGRESS: 50%\n", b"FRAME: 2\nPROGRESS: 0%\n", b"PROGRESS: 33.3%\n", b"FRAME: 3\n"):
        read.feed(line, 1)
        percent, frame, percent_frame = read.progress
        steps.append((frame, percent_frame, percent))
    assert steps == [(0, 0, 0), (0, 50, 12), (1, 0, 25), (1, 33, 33), (2, 0, 50)]


@given(st.lists(st.integers(0, 300), max_size=12))
def test_progress_is_the_same_however_the_output_was_cut(cuts):
    data = "".join(f"FRAME: {n}\rPROGRESS: {n * 7 % 100}%\n[é] PROGRESS: {n}%\r\n" for n in range(1, 9)).encode()
    read = reader(frames=8)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    kept = b"".join(read.feed(data[a:b], 1) for a, b in zip(edges, edges[1:], strict=False))
    kept += read.finish(Exit(0), stopped=0)
    assert kept == data
    assert read.progress == ((7 * 100 + 8) // 8, 7, 8)


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("[ PARSER ERROR ]", RunStatus.PARSER_ERROR),
        ("[ parser error ]", RunStatus.PARSER_ERROR),
        ("[ PARSER FATAL ERROR ]", RunStatus.PARSER_FATAL),
        ("[ PARSER FINISHED SUCCESS ]", RunStatus.PARSER_SUCCESS),
        ("[ PARSER WARNING ]", None),
        ("[ PARSER BAD RESULT ]", None),
    ],
)
def test_marks_of_the_generic_parser(line, verdict):
    read = reader()
    read.feed(f"some text {line}\n".encode(), 1)
    assert read.verdict is verdict
    assert read.warning is ("WARNING" in line)
    bad = "BAD" in line
    expected = verdict if verdict in (RunStatus.PARSER_ERROR, RunStatus.PARSER_FATAL) else RunStatus.SUCCESS
    assert read.judge(Exit(0)).status is (RunStatus.PARSER_BAD_RESULT if bad else expected)
    assert read.judge(Exit(3)).status is RunStatus.ERROR


def test_progress_drawn_into_a_line_is_seen_before_it_ends():
    read = reader("nuke", frames=2)
    steps = []
    for piece in (b"Writing /my prj/a.0001.exr .1", b".2.3", b".4\nWriting /my prj/a.0002.exr", b" .1.2"):
        read.feed(piece, 1)
        percent, frame, percent_frame = read.progress
        steps.append((frame, percent_frame, percent))
    assert steps == [(0, 10, 5), (0, 30, 15), (0, 40, 20), (1, 20, 60)]


def test_a_parser_that_raises_at_an_unfinished_line_fails_its_task(monkeypatch):
    class broken(Parser):
        reads_partial = True

        def peek(self, line):
            raise ZeroDivisionError("no frames")

    broken.reads_partial = True
    applications = Applications()
    monkeypatch.setattr(applications._parsers, "find", lambda name: broken)
    read = applications.prepare(msgspec.structs.replace(spec(), parser="broken"))
    assert b"ZeroDivisionError" in read.feed(b"one", 1)
    assert read.verdict is RunStatus.PARSER_ERROR


def test_activity_and_report_are_the_last_ones_said(tmp_path):
    read = reader()
    read.feed(b"ACTIVITY: left\nACTIVITY: right\nREPORT: 3 GB\n", 1)
    read.feed(b"more\n", 1)
    assert (read.activity, read.report, read.last_line) == ("right", "3 GB", "more")


def test_files_are_noted_when_they_are_there(tmp_path):
    (tmp_path / "a.exr").write_text("")
    parser = generic()
    parser.setTaskInfo({"wdir": str(tmp_path), "frames_num": 2})
    parser.parse(
        mode="RUN", pid=1, data="@IMAGE@a.exr\n@IMAGE@a.exr\n@IMAGE@none.exr\n@IMAGE!@" + str(tmp_path / "a.exr")
    )
    assert parser.files == [str(tmp_path / "a.exr")]
    assert parser.files_onthefly == [str(tmp_path / "a.exr")]
    parser.parse(mode="RUN", pid=1, data="Image: b.exr\n")
    assert (parser.frame, parser.percent) == (1, 50)


def test_values_out_of_range_are_brought_into_it():
    class Wild(Parser):
        pass

    parser = Wild()
    parser.numframes, parser.frame, parser.percentframe = 4, 9, 250
    parser.calculate()
    assert (parser.frame, parser.percentframe, parser.percent) == (4, 100, 100)


def test_output_is_kept_as_it_comes_while_the_parser_waits_for_the_end_of_its_line():
    read = reader("generic")
    assert [read.feed(piece, 1) for piece in (b"PROG", b"RESS: 5", b"0%\rwait", b"ing")] == [
        b"PROG", b"RESS: 5", b"0%\rwait", b"ing",
    ]  # fmt: skip
    assert read.progress[0] == 50 and read.last_line == "waiting"
    assert read.finish(Exit(0, signal=0), stopped=0) == b""


def test_a_parsers_text_replaces_the_output(monkeypatch):
    class shout(Parser):
        def do(self, i_args):
            return i_args["data"].upper() if i_args["mode"] == "RUN" else f"[{i_args['mode']}]"

    applications = Applications()
    monkeypatch.setattr(applications._parsers, "find", lambda name: shout)
    read = applications.prepare(msgspec.structs.replace(spec(), parser="shout"))
    assert read.feed(b"one\ntwo", 1) == b"ONE\n"
    assert read.finish(Exit(0, signal=15), stopped=1000.5) == b"[-15:1000]"


def own_parser(monkeypatch, deed, **changes) -> Reader:
    """A reader whose parser does ``deed(parser, arguments)`` with each portion."""

    class studio(Parser):
        def do(self, i_args):
            return deed(self, i_args)

    applications = Applications()
    monkeypatch.setattr(applications._parsers, "find", lambda name: studio)
    made = applications.prepare(msgspec.structs.replace(spec(), parser="studio", **changes))
    assert isinstance(made, Reader)
    return made


@pytest.mark.parametrize(
    ("member", "value", "told"),
    [
        ("percent", 40, lambda read: read.progress == (40, 0, 0)),
        ("frame", 3, lambda read: read.progress == (0, 3, 0)),
        ("percentframe", 70, lambda read: read.progress == (0, 0, 70)),
        ("progress_changed", True, lambda read: read.changed),
        ("warning", True, lambda read: read.warning and read.judge(Exit(0)).status is RunStatus.SUCCESS),
        ("error", True, lambda read: read.verdict is RunStatus.PARSER_ERROR),
        ("fatalerror", True, lambda read: read.verdict is RunStatus.PARSER_FATAL),
        (
            "badresult",
            True,
            lambda read: (read.verdict, read.judge(Exit(0)).status) == (None, RunStatus.PARSER_BAD_RESULT),
        ),
        ("finishedsuccess", True, lambda read: read.verdict is RunStatus.PARSER_SUCCESS),
        ("activity", "left view", lambda read: read.activity == "left view"),
        ("resources", "triangles:155000000", lambda read: read.resources == "triangles:155000000"),
        ("log", "2 textures are missing", lambda read: b"2 textures are missing" in read.finish(Exit(0), stopped=0)),
        ("report", "12 MB/s", lambda read: read.report == "12 MB/s"),
    ],
)
def test_what_a_parsers_own_do_sets_is_told(monkeypatch, member, value, told):
    def deed(parser, arguments):
        parser.progress_changed = False
        if "now" in arguments["data"]:
            setattr(parser, member, value)

    read = own_parser(monkeypatch, deed)
    read.feed(b"not yet\n", 1)
    assert not read.changed and not told(read)
    read = own_parser(monkeypatch, deed)
    read.feed(b"now\n", 1)
    assert told(read)


def test_the_end_is_told_decoded_and_as_the_system_has_it(monkeypatch):
    seen = []
    deed = lambda parser, arguments: seen.append((arguments["mode"], arguments["exit_code"], arguments["raw_status"]))  # noqa: E731
    for end in (Exit(3), Exit(0, signal=9), Exit(0)):
        read = own_parser(monkeypatch, deed)
        read.feed(b"x\n", 1)
        read.finish(end, stopped=0)
    running = ("RUN", None, None)
    assert seen == [running, ("3:0", 3, 768), running, ("-9:0", -9, 9), running, ("0:0", 0, 0)]


def test_the_reading_of_the_machine_is_shown_to_parsers(monkeypatch):
    seen = []
    read = own_parser(monkeypatch, lambda parser, arguments: seen.append(arguments["resources"]))
    read.feed(b"x\n", 1)
    read.host = '{"host_resources": {"cpu_num": 8}}'
    read.feed(b"x\n", 1)
    assert seen == ["{}", '{"host_resources": {"cpu_num": 8}}']


def test_a_parser_that_raises_fails_its_task_with_name_and_place(monkeypatch):
    class broken(Parser):
        def do(self, i_args):
            if i_args["data"]:
                raise ZeroDivisionError("no frames")

    applications = Applications()
    monkeypatch.setattr(applications._parsers, "find", lambda name: broken)
    read = applications.prepare(msgspec.structs.replace(spec(), parser="broken"))
    kept = read.feed(b"one\n", 1)
    assert kept.startswith(b"one\n") and b"Traceback" in kept and b'"broken"' in kept
    assert read.verdict is RunStatus.PARSER_ERROR
    assert "broken" in read.sentence and "no frames" in read.sentence
    assert read.feed(b"two\n", 1) == b"two\n"
    assert read.judge(Exit(0)).status is RunStatus.PARSER_ERROR


def test_an_unknown_parser_and_none_run_without_progress():
    for name in ("", "none", "houdini_of_tomorrow"):
        read = reader(name)
        assert read.feed(b"PROGRESS: 50%\n", 1) == b"PROGRESS: 50%\n"
        assert read.progress == (0, -1, -1)
        assert read.changed


def test_a_parser_that_cannot_be_made_is_told_in_the_log(monkeypatch):
    applications = Applications()
    monkeypatch.setattr(applications._parsers, "find", lambda name: int("x"))
    read = applications.prepare(spec())
    assert "ValueError" in read.notes[0]
