"""The command line: built from the registry, strict, and readable."""

from __future__ import annotations

import io
import json
import sys
import zlib
from argparse import ArgumentParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from afcore.errors import BadSpec
from afcore.rows import JobRow
from afcore.settings import SETTINGS
from afcore.states import TaskState
from afnet.cli import text
from afnet.cli.main import main
from afnet.cli.parse import UsageError, build_parser, given_arguments, parse
from afnet.cli.show import empty_sentence, exit_word, kept_lines, sentence, table_for
from afnet.cli.tasks import read_columns, state_ranges
from afnet.cli.text import ago, describe, short_time, table
from afnet.cli.watch import is_settled
from afnet.registry import OPERATIONS


def typed(*words: str) -> dict[str, Any]:
    options = parse(words)
    operation = OPERATIONS[options.operation]
    return operation.bind(given_arguments(operation, options))


_OTHERWISE = ("config.", "session.login", "past.")
"""Operations with words of their own: ``afcmd config``, ``login``, ``at``, ``changes``."""


@pytest.fixture(scope="module")
def whole() -> ArgumentParser:
    """The whole command line."""
    return build_parser()


@pytest.mark.parametrize("name", [each for each in OPERATIONS if not each.startswith(_OTHERWISE)])
def test_every_operation_has_its_command_with_help(
    name: str, whole: ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        whole.parse_args([*OPERATIONS[name].words, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert OPERATIONS[name].help in shown
    for argument in OPERATIONS[name].arguments:
        if argument.kind == "secret":
            assert f"--{argument.name}" not in shown, "others may see a command line"
        elif argument.kind != "parameters":
            assert argument.help in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("job restart 2 5-7 --only error", {"ids": [2, 5, 6, 7], "only": "error", "pause": False}),
        ("task skip 2 0 1-3 9", {"job": 2, "block": 0, "tasks": [(1, 3), (9, 9)], "only": ""}),
        ("job skip 2 --blocks 0,1", {"job": 2, "blocks": [0, 1], "only": ""}),
        (
            "pool set / /fast --capacity 5000 --max-tasks 3 --paused no",
            {"paths": ["/", "/fast"], "parameters": {"capacity_host": 5000, "max_tasks_host": 3, "paused": False}},
        ),
        (
            "job set 2 --hosts-mask r.* --set user_list=[1,2] --set note=text",
            {"ids": [2], "parameters": {"hosts_mask": "r.*", "user_list": [1, 2], "note": "text"}},
        ),
        ("render set r1 --NIMBY yes", {"names": ["r1"], "parameters": {"NIMBY": True}}),
        (
            "--server h:1 job list --json --user ann",
            {"user": "ann", "state": "", "limit": 100, "after": 0, "system": False},
        ),
    ],
)
def test_what_is_typed_becomes_arguments(words: str, expected: dict[str, Any]) -> None:
    assert typed(*words.split()) == expected


def test_a_job_is_read_from_a_file_or_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"name": "x"}), encoding="utf-8-sig")
    assert typed("submit", str(path)) == {"job": {"name": "x"}}
    path.write_text(json.dumps({"job": {"name": "x"}}))
    assert typed("job", "submit", "--pause", str(path)) == {"job": {"name": "x", "offline": True}}
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"name": "piped"}')))
    assert typed("submit", "-") == {"job": {"name": "piped"}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("jab list", 'did you mean "job"'),
        ("job delte 2", 'did you mean "delete"'),
        ("--server h:1 job wacth 2", 'did you mean "watch"'),
        ("zebra", "afcmd --help"),
        ("job show x", 'must be a whole number, not "x"'),
        ("job list --limt 3", 'job list has no option "--limt"; did you mean "--limit"'),
        ("job list more", 'job list takes nothing more, not "more"'),
        ("task", "afcmd task: what should be done"),
        ("--timeout -1 job list", "more than 0"),
        ("--timeout nan job list", "more than 0"),
        ("job set 2 --set priority", "NAME=VALUE"),
        ("pool set /", "nothing to change"),
        ("job list --limit", "expected one argument"),
    ],
)
def test_what_is_typed_wrong_is_told(words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        typed(*words.split())


def test_numbers_that_are_none_are_problems_with_their_names() -> None:
    with pytest.raises(BadSpec) as caught:
        typed("job", "delete", "2", "x-3")
    assert caught.value.problems[0].path == "ids"


def test_tables_align_and_cannot_be_broken_by_what_they_show() -> None:
    lines = table(["ID", "NAME"], [["7", "a\nb\x1b[31m"], ["12", "long name"]])
    assert lines == ["ID  NAME", " 7  a b [31m", "12  long name"]
    row = {"seq": 1, "job": 2, "id_block": 0, "id_task": 1, "run": 1, "status": "success", "exit_status": 0,
           "hostname": "r1", "username": "ann", "blockname": "b", "taskname": "t", "done_ms": 5000,
           "started_ms": 3500}  # fmt: skip
    assert "1.5s" in table_for("history.runs", [row])[1]
    assert table_for("history.runs", [], header=False) == []


def test_details_leave_out_what_says_nothing() -> None:
    lines = describe({"id": 2, "version": 9, "annotation": "", "runs": [], "time_done": 0.0, "paused": False})
    assert lines == ["id         2", "time_done  -", "paused     no"]


def test_details_are_words_before_codes() -> None:
    row = {"state": 1, "words": ["online", "NIMBY"], "max_tasks": -1,
           "resources": {"cpu_num": 2, "cpu_loadavg": [1, 2]},
           "interfaces": [{"name": "eth0", "ips": ["10.0.0.1", "::1"]}, {"name": "wlan", "ips": []}]}  # fmt: skip
    assert describe(row) == [
        "state       online, NIMBY",
        "max_tasks   -",
        "resources",
        "  cpu_num      2",
        "  cpu_loadavg  1, 2",
        "interfaces",
        "  eth0  10.0.0.1, ::1",
        "  wlan  -",
    ]


def test_tables_fit_the_terminal_by_cutting_their_widest_texts() -> None:
    rows = [[1, "a" * 100, "short", text.Moment(0)], [22, "名前" * 20, "x", text.Moment(5.0)]]
    lines = table(["ID", "NAME", "USER", "WHEN"], rows, width=60)
    assert [text._length(line) <= 60 for line in lines] == [True] * 3
    assert "a…" in lines[1] and "…" in lines[2] and lines[1].endswith("  -")
    assert "short" in lines[1] and lines[0].index("USER") == lines[1].index("short")
    whole = table(["ID", "NAME", "USER", "WHEN"], rows)
    assert "a" * 100 in whole[1] and ":" in whole[2], "nothing is cut where no person looks"


def test_todays_times_are_short() -> None:
    now = 1_700_000_000.0
    assert [len(short_time(then, now)) for then in (now - 1, now - 200_000, 0)] == [8, 10, 1]


def test_what_was_done_is_a_sentence() -> None:
    assert sentence("job.restart", {"jobs": 1, "tasks": 34, "stopping": 2}) == (
        "Restarted: 1 job, 34 tasks, 2 running tasks are being stopped."
    )
    assert sentence("branch.set", {"branches": 1}) == "Changed: 1 branch."
    assert sentence("job.reset-error-hosts", {"blocks": 2}) == "Done: 2 blocks."
    assert sentence("x.y", {}) == "Done."


def test_what_is_empty_says_so_and_what_to_do() -> None:
    assert "afcmd submit" in empty_sentence("job.list", {})
    assert empty_sentence("job.list", {"user": "ann", "limit": 5}) == "Nothing is like that: user ann."
    assert empty_sentence("job.list", {"after": 5}) == "There is nothing more."


def test_exit_codes_and_signals() -> None:
    assert [exit_word(status) for status in (0, 7, -9, -999)] == ["0", "7", "SIGKILL", "signal 999"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"name": "\\ud800"}', "half of a character"),
        ("[" * 100_000, "nested too deeply"),
        ('{"job": 5}', "must hold one job"),
    ],
)
def test_files_that_hold_no_job_are_told_by_name(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(content)
    with pytest.raises(BadSpec) as caught:
        typed("submit", str(path))
    assert caught.value.problems[0].path == str(path) and words in caught.value.problems[0].what


def test_numbers_nothing_can_hold_are_refused() -> None:
    for words in ("job show 99999999999999999999999", "job delete 99999999999999999999999"):
        with pytest.raises(BadSpec, match="too large"):
            typed(*words.split())


def test_lengths_of_time_in_two_units() -> None:
    assert [ago(seconds) for seconds in (0, 59, 61, 3700, 90000)] == ["0s", "59s", "1m01s", "1h01m", "1d01h"]


def test_columns_are_joined_and_shown_as_ranges() -> None:
    pieces = [
        {"block": 0, "columns": {"state": zlib.compress(bytes([4, 4]))}},
        {"block": 0, "columns": {"state": zlib.compress(bytes([4, 1]))}},
        {"block": 1, "columns": {"state": zlib.compress(bytes([6]))}},
    ]
    columns = read_columns({"columns": pieces})
    assert state_ranges(columns[0]["state"]) == [(0, 2, TaskState.DONE), (3, 3, TaskState.READY)]
    assert state_ranges(columns[1]["state"]) == [(0, 0, TaskState.ERROR)]


@pytest.mark.parametrize(
    ("state", "counts", "settled"),
    [
        ("done", [0, 0, 0, 0, 3, 0, 0, 0], True),
        ("running", [0, 0, 1, 0, 1, 0, 1, 0], False),
        ("error", [0, 0, 0, 0, 1, 0, 1, 0], True),
        ("error", [2, 0, 0, 0, 0, 0, 1, 0], True),
        ("ready", [0, 1, 0, 0, 0, 0, 1, 0], False),
        ("paused", [0, 2, 0, 0, 0, 0, 0, 0], False),
    ],
)
def test_watching_ends_when_nothing_more_comes_by_itself(state: str, counts: list[int], settled: bool) -> None:
    row = JobRow(2, 1, "n", "u", "/", state, 99, 0, counts, 0, 0, 0.0, 0.0, 0.0, [])
    assert is_settled(row) is settled


def test_every_setting_is_printed_with_its_value_and_where_it_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"af_priority": 42, "OS_linux": {"zombie_time": 7}}')
    monkeypatch.setenv("AF_HEARTBEAT_SEC", "3")
    assert main(["config", "--config", str(config), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows.keys() == SETTINGS.keys()
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["config", "--config", str(config)]) == 0
    shown = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert shown["af_priority"][1:] == ["42", str(config)]
    assert shown["heartbeat_sec"][1:] == ["3.0", "s", "environment"]
    assert shown["af_serverport"][1:] == ["51000", "port", "default"]
    if sys.platform == "linux":
        assert shown["zombie_time"][1:] == ["7.0", "s", str(config)]


def test_a_path_is_tried_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"pathsmap": [["/Volumes/prj/", "/ps/prj/"], ["/Volumes/", "/all/"]]}')
    assert main(["path", "--config", str(config), 'nuke -x "/Volumes/prj/a.nk"']) == 0
    assert capsys.readouterr().out.splitlines() == [
        'on the farm   nuke -x "/ps/prj/a.nk"', 'here          nuke -x "/Volumes/prj/a.nk"   (as it is)',
    ]  # fmt: skip
    assert main(["path", "--config", str(config), "/ps/prj/a.nk", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["server"], shown["client"]) == ("/ps/prj/a.nk", "/Volumes/prj/a.nk")
    config.write_text("{}")
    assert main(["path", "--config", str(config), "/ps/prj/a.nk"]) == 0
    assert "no path map" in capsys.readouterr().out


def test_how_long_runs_are_kept_is_said_under_their_list() -> None:
    for days, said in ((365.0, "for 365 days"), (1.0, "for 1 day"), (0.5, "for 0.5 days"), (0.0, "for ever")):
        assert kept_lines("history.runs", {"keep_days": days}) == [f"Runs are kept {said} (history_keep_days)."]
    assert kept_lines("job.list", {"rows": []}) == kept_lines("history.runs", {"rows": []}) == []
