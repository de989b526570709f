"""Names made in a stretch are the names that the farm makes one by one."""

from __future__ import annotations

import pytest

from afcore.frames import FrameRange, numeric_task_name
from afcore.rows import BlockRow
from afwatch.models.filters import parse_query
from afwatch.models.tasknames import NameTest, NumericNames


@pytest.mark.parametrize("pattern", ("", "tile_@###@.exr", "@#@", "a @##@-@##@", "x;@#@;@#@", "plain"))
@pytest.mark.parametrize(("first", "last", "per", "increment"), ((1, 50, 1, 1), (-5, 40, 3, 2), (990, 1010, 1, 4)))
def test_names_are_those_of_the_farm(pattern: str, first: int, last: int, per: int, increment: int) -> None:
    row = BlockRow(0, "b", "generic", 0, [], 0, 0, 0, 0, False, 0.0, 0.0, 0, frame_first=first, frame_last=last,
                   frames_per_task=per, frames_inc=increment, flags=1, tasks_name=pattern)  # fmt: skip
    frames = FrameRange.repaired(first, last, per, increment)
    wanted = [numeric_task_name(pattern, frames.task(task), increment) for task in range(frames.tasks)]
    names = NumericNames(row)
    assert names.names(range(frames.tasks)) == wanted == [names.name(task) for task in range(frames.tasks)]
    for terms, passes in (
        (((("1", "7"), False), (("4",), True)), lambda name: ("1" in name or "7" in name) and "4" not in name),
        (((("1",), False),), lambda name: "1" in name),
        (((("1",), True),), lambda name: "1" not in name),
    ):
        passing = [task for task, name in enumerate(wanted) if passes(name)]
        assert names.passing(range(frames.tasks), NameTest(terms)) == passing


def test_only_numeric_blocks_are_named_here() -> None:
    row = BlockRow(0, "b", "generic", 0, [], 0, 0, 0, 0, False, 0.0, 0.0, 0)
    assert not NumericNames.suits(row)
    assert parse_query("name~x", ["name"]).terms[0].field == "name"
