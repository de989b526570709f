"""A render: a host that runs tasks, what it offers and what it is doing."""

from dataclasses import dataclass, field
from typing import Any

from afcore.model.hostruns import HostRuns
from afcore.model.run import Run

__all__ = ["Render", "Run"]


@dataclass(slots=True, kw_only=True)
class Render:
    """One host by name; known for ever once it registered, until somebody deletes it."""

    id: int
    name: str
    pool: int
    user_name: str = ""
    state: int = 0
    """RenderState bits."""
    priority: int = 99
    capacity_host: int = -1
    """Own capacity in units; -1 asks the pools."""
    max_tasks_host: int = -1
    power_host: int = -1
    properties_host: str = ""
    services: list[str] = field(default_factory=list)
    services_disabled: list[str] = field(default_factory=list)
    tickets_host: dict[str, int] = field(default_factory=dict)
    """Host tickets of its own, name to count; the others ask the pools."""
    annotation: str = ""
    custom_data: str = ""
    hidden: bool = False
    session: int = 0
    """Number of its connection; 0 when it has none now."""
    engine: str = ""
    os: str = ""
    address: str = ""
    family: int = 4
    launched: float = 0.0
    instance: str = ""
    interfaces: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    resources: dict[str, Any] = field(default_factory=dict)
    registered: float = 0.0
    seen: float = 0.0
    """When it was last heard of; the zombie deadline counts from ``lost`` or from here.  A reading."""
    lost: float = 0.0
    """When its connection broke; 0 while it is connected.  A reading."""
    used_capacity: int = 0
    tickets_used: dict[str, int] = field(default_factory=dict)
    """How many of each ticket the runs here hold; derived, no zero entries."""
    runs: HostRuns = field(default_factory=HostRuns)
    """What runs here now, as master or as a captured host."""
    failed_users: list[int] = field(default_factory=list)
    """Whose tasks failed here since one last ended otherwise, by user id, the last one first."""
    task_changed: float = 0.0
    """When a task last started or ended here (ranking)."""
    wol_operation_time: float = 0.0
    """When it was last told to sleep or to be woken."""
    trouble: str = ""
    """Why it did not do what it was last told; empty when it did."""
    idle_since: float = 0.0
    """Since when its host does nothing, by the idle thresholds of its pools; 0 while it does.  A reading."""
    busy_since: float = 0.0
    """Since when its host works for somebody else, by their busy thresholds; 0 while it does not.  A reading."""
    overload_since: float = 0.0
    """Since when its agent says that it has too little of something; 0 while it does not.  A reading."""
    state_changed: float = 0.0
    """When its nimby was last changed: idle and busy count from there.  A reading."""
    version: int = 0
    """``Farm.version`` at its last change."""
