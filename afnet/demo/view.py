"""The demo's progress on a terminal: bars per block, a strip of cells per frame, and what each render does."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from afcore.states import TaskState
from afnet.demo.progress import BlockProgress, JobProgress

__all__ = ["WEIGHTS", "clock_text", "describe_retries", "draw", "plain_line", "strip"]

WEIGHTS = (4.0, 1.0, 3.0)  # how dear one task of simulation, frames and movie is, roughly
CELL = 4  # characters of one frame's cell, its gap included

_STYLES = {
    "waiting": "grey37",
    "ready": "grey70",
    "running": "bold black on cyan",
    "again": "bold black on yellow",
    "done": "black on green",
    "retried": "black on dark_orange",
    "error": "bold white on red",
}
_LEGEND = (
    ("waiting", "waits"),
    ("ready", "ready"),
    ("running", "running"),
    ("done", "done"),
    ("again", "failed, again"),
    ("retried", "done on retry"),
)


def clock_text(seconds: float | None) -> str:
    """Minutes and seconds, ``0:42``; ``-:--`` when not known."""
    if seconds is None:
        return "-:--"
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def _cell(progress: JobProgress, number: int, block: BlockProgress, task: int) -> tuple[str, str]:
    """Kind (a key of the styles) and three characters of one task."""
    state = block.state[task]
    failed = bool(block.errors[task]) or block.starts[task] > 1
    if state in (TaskState.RUNNING, TaskState.WAIT_RECONNECT):
        return ("again" if failed else "running"), f"{min(99, progress.percent_of(number, task)):2d}%"
    if state in (TaskState.DONE, TaskState.SKIPPED):
        return ("retried" if failed else "done"), f"{block.first + task:^3d}"
    if state == TaskState.ERROR:
        return "error", " ✗ "
    if failed:
        return "again", " ↻ "
    return ("ready" if state == TaskState.READY else "waiting"), " ○ " if state == TaskState.READY else " · "


def strip(progress: JobProgress, number: int, width: int) -> Text:
    """All tasks of a block as coloured cells, in rows that fit `width` characters."""
    block = progress.blocks[number]
    across = max(1, width // CELL)
    # Even rows look better than a full one and a rest.
    rows = -(-block.size // across)
    across = -(-block.size // rows) if rows else 1
    text = Text()
    for task in range(block.size):
        kind, letters = _cell(progress, number, block, task)
        text.append(letters, _STYLES[kind])
        text.append("\n" if task % across == across - 1 and task < block.size - 1 else " ")
    return text


def _bars(progress: JobProgress) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(style="bold")
    table.add_column(ratio=1)
    table.add_column(justify="right")
    table.add_column()
    for number, block in enumerate(progress.blocks):
        share = sum(progress.percent_of(number, task) for task in range(block.size)) / max(1, block.size)
        going = [run for run in progress.running.values() if run.block == number]
        if block.size and block.done == block.size:
            words = Text("done", "green")
        elif going:
            alone = going[0].activity if block.size == 1 else ""
            words = Text(alone or f"{len(going)} running", "cyan")
        else:
            words = Text("ready" if block.count(TaskState.READY) and not block.waiting else "waits", "grey50")
        words.truncate(34, overflow="ellipsis", pad=True)
        table.add_row(block.name, ProgressBar(total=100, completed=share), f"{block.done}/{block.size}", words)
    return table


def _renders(progress: JobProgress) -> Table:
    table = Table.grid(padding=(0, 2))
    for name in sorted(progress.renders):
        line = Text()
        for run in sorted(
            (run for run in progress.running.values() if run.render == name), key=lambda run: (run.block, run.task)
        ):
            block = progress.blocks[run.block] if run.block < len(progress.blocks) else None
            if block is None:
                continue
            what = block.name if block.size == 1 else f"frame {block.first + run.task}"
            line.append(f"{what} {run.percent}%", "cyan")
            line.append("   ")
        table.add_row(Text(name, "bold"), line if line.plain else Text("free", "grey50"))
    return table


def describe_retries(progress: JobProgress) -> list[str]:
    """One sentence per task that failed and was, or will be, started again."""
    sentences = []
    for retry in progress.retries:
        block = progress.blocks[retry.block]
        first = f" on {retry.renders[0]}" if retry.renders else ""
        then = "is waiting for its next try"
        if block.starts[retry.task] > 1:
            going = block.state[retry.task] == TaskState.RUNNING
            where = f" on {retry.renders[-1]}" if len(retry.renders) > 1 else ""
            then = f"{'runs' if going else 'was rendered'} again{where}"
        sentences.append(f"{block.name} {block.first + retry.task} failed{first} and {then}.")
    return sentences


def draw(progress: JobProgress, now: float, *, title: str, width: int) -> RenderableType:
    """The whole display for one moment."""
    parts: list[RenderableType] = [_bars(progress), Text()]
    for number, block in enumerate(progress.blocks):
        if block.size > 1:
            parts += [strip(progress, number, width - 4), Text()]
    legend = Text()
    for kind, word in _LEGEND:
        legend.append("  ", _STYLES[kind] if " on " in _STYLES[kind] else f"on {_STYLES[kind]}")
        legend.append(f" {word}  ", "grey50")
    parts += [legend, Text(), _renders(progress)]
    parts += [Text(f"↻ {sentence}", "yellow") for sentence in describe_retries(progress)]
    left = clock_text(progress.remaining(now, WEIGHTS))
    foot = Text(f"{progress.share(WEIGHTS):4.0%}   elapsed {clock_text(now - progress.started)}   left about {left}")
    parts += [foot]
    return Panel(Group(*parts), title=title, title_align="left", border_style="grey37", width=width)


def plain_line(progress: JobProgress, now: float) -> str:
    """The same as one line, for logs and pipes."""
    blocks = []
    for number, block in enumerate(progress.blocks):
        text = f"{block.name} {block.done}/{block.size}"
        if block.size == 1 and not block.done:
            text = f"{block.name} {progress.percent_of(number, 0)}%"
        blocks.append(text)
    runs = [
        f"{run.render}: {progress.blocks[run.block].name} {progress.blocks[run.block].first + run.task} {run.percent}%"
        for run in sorted(progress.running.values(), key=lambda run: (run.render, run.block, run.task))
        if run.block < len(progress.blocks)
    ]
    parts = [f"[{clock_text(now - progress.started)}]", ", ".join(blocks), "; ".join(runs)]
    return " | ".join(part for part in parts if part)
