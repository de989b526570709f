"""What the tray says, as text: pure, so that every sentence is tested without a window."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["duration", "figures", "left", "load", "short", "story_line", "title", "tooltip", "what_rule_did", "whose"]

_WORDS = {
    "free": "Free",
    "busy": "Busy",
    "nimby": "nimby",
    "NIMBY": "NIMBY",
    "paused": "Paused",
    "offline": "No server",
    "sick": "Sick",
}


_WHY_NOT = {
    "paused": "paused at the farm, no tasks start",
    "sick": "tasks failed here, none start",
    "offline": "what runs here goes on",
}
"""Why nothing starts in states that no switch here ends."""


def short(text: str, most: int) -> str:
    """Return a text with its middle left out where it is too long: names of jobs differ at their ends."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def duration(seconds: float) -> str:
    """Return a duration in two units at most."""
    seconds = max(0, int(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} m" if hours < 1 else f"{hours} h {minutes % 60} m" if hours < 48 else f"{hours // 24} d"


def left(percent: float, spent: float) -> str:
    """Return how long a task still takes, as a range; empty when nobody can say."""
    if percent < 2 or percent >= 100 or spent < 5:
        return ""
    rest = spent * (100 - percent) / percent
    low, high = rest * 0.8, rest * 1.3
    if high < 60:
        return "less than 1 min left"
    first, last = max(1, round(low / 60)), max(1, round(high / 60))
    return f"{first} min left" if first == last else f"{first} – {last} min left"


def title(state: Mapping[str, Any]) -> str:
    """Return the state in words: ``Busy, 1 of 2``."""
    name = str(state.get("state", "offline"))
    count, most = len(state.get("tasks", ())), int(state.get("most", -1))
    if not count or name != "busy":
        return _WORDS[name]
    return f"{_WORDS[name]}, {count} of {most}" if most > 0 else f"{_WORDS[name]}, {count}"


def tooltip(state: Mapping[str, Any], most: int = 1000) -> str:
    """Return what the icon says: the state's word first; of what runs at most so many letters of its name."""
    first = _WORDS[str(state.get("state", "offline"))]
    tasks = state.get("tasks", ())
    if not tasks:
        return f"{first}: {state.get('name', 'no agent')}"
    task = tasks[0]
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    name = short(f"{task['job']} {task['block']} {task['task']}", most)
    return f"{first}: {name} for {task['user']}, {task['percent']} %{more}"


def load(state: Mapping[str, Any]) -> str:
    """Return the line below the title: the machine, and what may start on it."""
    reading = state.get("reading", {})
    words = [str(state.get("name", ""))]
    if state.get("state") == "nimby":
        return f"{words[0]} · only {state.get('user', 'your')}'s tasks start"
    if state.get("state") == "NIMBY":
        return f"{words[0]} · no tasks start"
    if state.get("state") in _WHY_NOT:
        return " · ".join(word for word in (words[0], _WHY_NOT[state["state"]]) if word)
    if reading.get("cpu_num"):
        words.append(f"{reading['cpu_num']} cores")
    if reading.get("gpu_string"):
        words.append(str(reading["gpu_string"]).replace("NVIDIA ", "").replace("GeForce ", ""))
    return " · ".join(words)


def whose(task: Mapping[str, Any], now: float) -> str:
    """Return whose a task is, how long it runs and how long still."""
    spent = now - float(task["began"])
    words = [f"for {task['user']}", duration(spent), left(float(task["percent"]), spent)]
    return ", ".join(part for part in words if part)


def story_line(at: float, key: Sequence[int], text: str) -> str:
    """Return a line of the agent's log: when, which task (none: the agent itself), and what."""
    who = "job {} block {} task {} run {}".format(*key) if key else "agent"
    return f"{time.strftime('%H:%M:%S', time.localtime(at))}  {who:<32} {text}"


def what_rule_did(rule: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a rule did and since when, and why and when it ends; clock times are those on the wall."""
    first = f"{rule['state']} since {_clock(rule['since'])}"
    ends = rule.get("ends")
    return first, str(rule["sentence"]) + (f" That is at about {_clock(ends)}." if ends else "")


def _clock(at: float) -> str:
    return time.strftime("%H:%M", time.localtime(at))


def _rate(kib: float) -> str:
    return f"{kib / 1024:.0f}" if kib >= 10 * 1024 else f"{kib / 1024:.1f}"


def figures(reading: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures beside the plots ``cpu``, ``mem``, ``net`` and ``gpu``; no ``gpu`` without a device."""
    if not reading:
        return {}
    total = reading.get("mem_total_mb", 0) / 1024
    used = total - reading.get("mem_free_mb", 0) / 1024
    user = reading.get("cpu_user", 0) + reading.get("cpu_nice", 0)
    result = {
        "cpu": f"user {user} · sys {reading.get('cpu_system', 0)} %",
        "mem": f"{used:.0f} of {total:.0f} GB",
        "net": f"in {_rate(reading.get('net_recv_kbsec', 0))} · out {_rate(reading.get('net_send_kbsec', 0))} MB/s",
    }
    if reading.get("gpu_mem_total_mb"):
        old = reading.get("old", {}).get("gpu")
        memory = f"{reading['gpu_mem_used_mb'] / 1024:.0f} of {reading['gpu_mem_total_mb'] / 1024:.0f} GB"
        result["gpu"] = f"{reading['gpu_gpu_util']} %, {reading['gpu_gpu_temp']} °C, {memory}"
        if old:
            result["gpu"] += f" ({duration(old)} ago)"
    return result
