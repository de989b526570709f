"""Instants as people write them, also in the nights in which the clocks are changed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from afcore.errors import BadSpec
from afnet.moments import parse_instant, say_instant

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 7, 10, 15, 30, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-01-31 03:12", "2026-01-31 03:12:00 CET"),
        ("2026-01-31T03:12:05", "2026-01-31 03:12:05 CET"),
        ("2026-01-31", "2026-01-31 00:00:00 CET"),
        ("2026-07-09 12:00+00:00", "2026-07-09 14:00:00 CEST"),
        ("03:12", "2026-07-10 03:12:00 CEST"),
        ("Yesterday 18:00", "2026-07-09 18:00:00 CEST"),
        ("yesterday", "2026-07-09 00:00:00 CEST"),
        ("today", "2026-07-10 00:00:00 CEST"),
        ("now", "2026-07-10 15:30:00 CEST"),
        ("20min", "2026-07-10 15:10:00 CEST"),
        ("2h ago", "2026-07-10 13:30:00 CEST"),
        ("1w", "2026-07-03 15:30:00 CEST"),
        ("1783690200", "2026-07-10 15:30:00 CEST"),
    ],
)
def test_what_people_write(text: str, said: str) -> None:
    found = parse_instant(text, now=NOW, zone=BERLIN)
    assert (say_instant(found.at, BERLIN), found.note) == (said, "")


@pytest.mark.parametrize("text", ["", "fnord", "25:00", "2026-02-30", "2026-13-01", "yesterday noon", "9999-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadSpec) as refused:
        parse_instant(text, now=NOW, zone=BERLIN, name="FROM")
    assert refused.value.problems[0].path == "FROM" and "is no time" in refused.value.problems[0].what


def test_the_hour_that_comes_twice() -> None:
    found = parse_instant("2026-10-25 02:30", now=NOW, zone=BERLIN)
    assert say_instant(found.at, BERLIN) == "2026-10-25 02:30:00 CEST"
    assert "came twice" in found.note
    other = found.note.partition('"')[2].rstrip('".')
    second = parse_instant(other, now=NOW, zone=BERLIN)
    assert say_instant(second.at, BERLIN) == "2026-10-25 02:30:00 CET" and second.at == found.at + 3600


def test_the_hour_that_never_was() -> None:
    found = parse_instant("2026-03-29 02:30", now=NOW, zone=BERLIN)
    assert say_instant(found.at, BERLIN) == "2026-03-29 03:30:00 CEST" and "skipped 02:30" in found.note
