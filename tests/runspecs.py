"""Runs as the farm tells them to an agent: the one place that knows all their fields."""

from __future__ import annotations

from typing import Any

from afnet.wire.messages import RunSpec

__all__ = ["run_spec"]


def run_spec(job: int = 2, block: int = 0, task: int = 0, run: int = 1, **more: Any) -> RunSpec:
    """Return a run of a numeric task with one frame; ``more`` are fields that shall be otherwise."""
    fields: dict[str, Any] = {
        "job_name": "job",
        "block_name": "block",
        "task_name": f"task {task}",
        "user_name": "ann",
        "service": "generic",
        "parser": "generic",
        "command": "true",
        "task_command": "",
        "working_directory": "",
        "environment": {},
        "files": [],
        "task_files": [],
        "numeric": True,
        "frame_start": task,
        "frame_end": task,
        "frame_inc": 1,
        "frames": 1,
        "flags": 1,
        "capacity": 1000,
    }
    return RunSpec(job, block, task, run, **{**fields, **more})
