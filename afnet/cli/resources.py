"""What hosts measure, as a table: the old verb ``rrlist``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from afcore.masks import Mask
from afnet.cli.asking import ask
from afnet.cli.show import as_json
from afnet.cli.text import table, terminal_width

if TYPE_CHECKING:
    from afnet.client.blocking import BlockingClient

__all__ = ["resource_rows", "show_resources"]

_HEAD = ("NAME", "CPU %", "LOAD", "MEMORY MB", "SWAP MB", "DISK GB", "NET KB/s", "GPU %", "TASKS")


def resource_rows(rows: list[dict[str, Any]], mask: str) -> list[dict[str, Any]]:
    """Return name, tasks and measures of the renders whose name begins as ``mask`` says; all for an empty one."""
    wanted = Mask(mask, mode="find")
    return [
        {"name": row["name"], "running": row["running"], "max_tasks": row["max_tasks"], **row["resources"]}
        for row in rows
        if wanted.matches(row["name"])
    ]


def _cells(row: Mapping[str, Any]) -> list[str]:
    def of(part: str, whole: str) -> str:
        return f"{row.get(part, 0):.0f}/{row.get(whole, 0):.0f}" if row.get(whole) else "-"

    used = {
        "memory": row.get("mem_total_mb", 0) - row.get("mem_free_mb", 0),
        "disk": row.get("hdd_total_gb", 0) - row.get("hdd_free_gb", 0),
    }
    load = row.get("cpu_loadavg") or ()
    return [
        row["name"],
        f"{100 - row['cpu_idle']:.0f}" if "cpu_idle" in row else "-",
        " ".join(f"{each:.1f}" for each in load) or "-",
        f"{used['memory']:.0f}/{row['mem_total_mb']:.0f}" if row.get("mem_total_mb") else "-",
        of("swap_used_mb", "swap_total_mb"),
        f"{used['disk']:.0f}/{row['hdd_total_gb']:.0f}" if row.get("hdd_total_gb") else "-",
        f"{row['net_recv_kbsec']:.0f} in {row.get('net_send_kbsec', 0):.0f} out" if "net_recv_kbsec" in row else "-",
        f"{row['gpu_gpu_util']:.0f}" if row.get("gpu_mem_total_mb") else "-",
        f"{row['running']}/{row['max_tasks'] if row['max_tasks'] >= 0 else '-'}",
    ]


def show_resources(client: "BlockingClient", mask: str, *, json: bool) -> int:
    """Print what hosts measure."""
    given: dict[str, Any] = {"limit": 1000}
    rows: list[dict[str, Any]] = []
    while True:
        reply = ask(client, "render.list", given)
        rows += reply["rows"]
        if reply["next"] is None:
            break
        given["after"] = reply["next"]
    found = resource_rows(rows, mask)
    if json:
        print(as_json({"rows": found, "next": None}))
    elif not found:
        print("No render's name begins so." if mask else "No render has registered.")
    else:
        print("\n".join(table(_HEAD, map(_cells, found), width=terminal_width())))
    return 0
