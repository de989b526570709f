"""What a line of output costs each shipped parser: processor time, every line a portion of its own.

The lines are those of the logs that the tests keep. An agent usually reads many lines at once, which is cheaper; that
figure is given beside it.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from afrender import parsers
from afrender.named import Named
from afrender.parsers.base import Parser
from benchmarks.harness import CheckFailed, Target

NAME = "parsers"
TARGETS = (Target("median_us_per_line", most=5.0), Target("slowest_us_per_line", most=5.0))

LOGS = Path(__file__).parents[1] / "tests" / "data" / "logs"
LINES = 20_000


def _lines() -> list[str]:
    lines = []
    for log in sorted(LOGS.glob("*.log")):
        text = log.read_text("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        lines += [line + "\n" for line in text.split("\n")]
    if len(lines) < 100:
        raise CheckFailed(f"there are only {len(lines)} lines in {LOGS}")
    return lines


def _cost(kind: type[Parser], portions: list[str], lines: int) -> float:
    """Processor time of reading ``portions`` over and over, in microseconds a line."""
    parser = kind()
    parser.setTaskInfo({"frames_num": 100})
    times = LINES // lines + 1
    begin = time.process_time()
    for _ in range(times):
        for portion in portions:
            parser.parse(mode="RUN", pid=1, data=portion)
    return (time.process_time() - begin) / (times * lines) * 1e6


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    lines = _lines()
    named = Named(parsers)
    single: dict[str, float] = {}
    blocks: dict[str, float] = {}
    for name in named.names:
        kind = named.find(name)
        if kind is None:
            raise CheckFailed(f"there is no parser {name}")
        single[name] = _cost(kind, lines, len(lines))
        blocks[name] = _cost(kind, ["".join(lines)], len(lines))
    slowest = max(single, key=lambda name: single[name])
    print(f"  slowest: {slowest} with {single[slowest]:.2f} us a line; {len(single)} parsers, {len(lines)} lines")
    return {
        "median_us_per_line": statistics.median(single.values()),
        "slowest_us_per_line": single[slowest],
        "median_us_per_line_in_blocks": statistics.median(blocks.values()),
        "slowest_us_per_line_in_blocks": max(blocks.values()),
    }
