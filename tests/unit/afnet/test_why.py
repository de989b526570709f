"""``afcmd why``: what it takes, what it prints, and commands that can be typed as they stand."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from afcore import commands
from afcore.why.answer import why
from afnet.cli.parse import UsageError, given_arguments, parse
from afnet.cli.typed import command_line
from afnet.cli.why import why_lines
from afnet.registry import OPERATIONS
from tests.unit.afcore.plays import FarmPlay, block, job


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("job.start", {"ids": [5]}),
        ("job.set", {"ids": [5], "parameters": {"max_running_tasks": -1, "hosts_mask": "", "time_wait": 0}}),
        ("job.set", {"ids": [5], "parameters": {"pools": {}, "need_os": "", "ppa": False}}),
        ("block.set", {"job": 5, "blocks": [1], "parameters": {"tickets": {"NUKE 13": 0}, "need_properties": "12"}}),
        ("task.try-next", {"job": 5, "block": 0, "tasks": [[3, 3], [5, 9]]}),
        ("pool.set-ticket", {"path": "/a b", "ticket": "NUKE", "count": 3, "max_hosts": -1}),
        ("pool.set-ticket", {"path": "/", "ticket": "MEM", "count": 3, "host": True}),
        ("render.set", {"names": ["it's"], "parameters": {"NIMBY": False, "services": ["a", "b"]}}),
        ("render.eject-tasks", {"names": ["r1"]}),
        ("job.reset-error-hosts", {"job": 5, "blocks": [0]}),
    ],
)
def test_a_command_line_means_what_it_was_made_of(operation: str, arguments: dict[str, Any]) -> None:
    words = shlex.split(command_line(operation, arguments))
    assert words[0] == "afcmd"
    options = parse(words[1:])
    assert options.operation == operation
    found = OPERATIONS[operation]
    assert found.make_command(given_arguments(found, options)) == found.make_command(arguments)


def test_why_takes_ids_in_one_word() -> None:
    named = {"5": {"job": 5}, "5/1": {"job": 5, "block": 1}, "5/1/12": {"job": 5, "block": 1, "task": 12}}
    for what, ids in named.items():
        assert given_arguments(OPERATIONS["job.why"], parse(["why", what])) == ids
    for wrong in ("x", "5/1/2/3", "5//1", "-"):
        with pytest.raises(UsageError, match="5/0/12"):
            given_arguments(OPERATIONS["job.why"], parse(["why", wrong]))


def test_the_answer_reads_from_the_sentence_to_the_command() -> None:
    farm = FarmPlay()
    for number in range(9):
        farm.register(f"r{number}", cores=1)
    farm.submit(job(block(last=40), name="sim", user="ben"))
    farm.submit(job(block(last=4, need_memory=9000), name="comp"))
    farm.do(commands.SetRenders(["r8"], {"NIMBY": True}))
    farm.solve()
    lines = why_lines(why(farm.core.farm, farm.core.scheduler, farm.at, job=3))
    assert lines[0].startswith('Task 0 "frame 1" of block 0 "frames" of job 3 "comp" is ready')
    assert any("too little free memory" in line and "r0, r1, r2, r3, r4, r5 and 2 more" in line for line in lines)
    lines = why_lines(why(farm.core.farm, farm.core.scheduler, farm.at, job=2), width=60)
    assert max(map(len, lines)) <= 60
    typed = [line.strip() for line in lines if line.startswith("  afcmd ")]
    assert typed
    for line in typed:
        parse(shlex.split(line)[1:])
