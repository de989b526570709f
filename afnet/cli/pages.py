"""Long listings: page by page from the server, through a pager where a person reads them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from afnet.cli.asking import ask
from afnet.cli.show import as_json, empty_sentence, kept_lines, table_for
from afnet.cli.text import terminal_height, terminal_width

if TYPE_CHECKING:
    from afnet.client.blocking import BlockingClient

__all__ = ["print_pages"]

_CONTINUE = {"history.runs": "before", "audit.list": "before", "past.changes": "before"}
"""The argument that continues a listing, where it is not ``after``."""


def print_pages(client: "BlockingClient", name: str, given: dict[str, Any], *, json: bool) -> int:
    """Print every row of a listing, or one page of it when ``--limit`` was given."""
    single = "limit" in given
    argument = _CONTINUE.get(name, "after")
    if json:
        reply = ask(client, name, given)
        rows = list(reply["rows"])
        while not single and reply["next"] is not None:
            reply = ask(client, name, {**given, argument: reply["next"]})
            rows += reply["rows"]
        print(as_json({**reply, "rows": rows, "next": reply["next"]}))
        return 0
    lines = _lines(client, name, given, argument, single)
    height = terminal_height()
    if not height:
        for line in lines:
            print(line)
        return 0
    first = []
    for line in lines:
        first.append(line)
        if len(first) >= height - 1:
            return _through_pager(first, lines)
    print("\n".join(first))
    return 0


def _lines(client: "BlockingClient", name: str, given: dict[str, Any], argument: str, single: bool) -> Iterator[str]:
    arguments = {**given} if single else {**given, "limit": 1000}
    header = True
    while True:
        reply = ask(client, name, arguments)
        if header and not reply["rows"]:
            yield empty_sentence(name, given)
            yield from kept_lines(name, reply)
            return
        yield from table_for(name, reply["rows"], header=header, width=terminal_width())
        header = False
        if reply["next"] is None:
            yield from kept_lines(name, reply)
            return
        if single:
            yield f"There is more: --{argument} {reply['next']}"
            return
        arguments[argument] = reply["next"]


def _through_pager(first: list[str], lines: Iterator[str]) -> int:
    """Give lines to the person's pager as they come; without one, print them."""
    words = shlex.split(os.environ.get("PAGER", "")) or ["less", "-FRSX"]
    program = shutil.which(words[0])
    if program is None:
        for line in (*first, *lines):
            print(line)
        return 0
    with subprocess.Popen([program, *words[1:]], stdin=subprocess.PIPE, text=True) as pager:
        assert pager.stdin is not None
        try:
            for line in (*first, *lines):
                pager.stdin.write(line + "\n")
            pager.stdin.close()
        except BrokenPipeError:
            sys.stdout.flush()
    return 0
