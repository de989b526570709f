"""What jobs and blocks have in common for a submitter: how many tasks at once, and on which renders."""

from __future__ import annotations

from typing import Any

__all__ = ["Limited"]


class Limited:
    """A job or a block; ``data`` holds what was set, under the names of the farm's JSON."""

    data: dict[str, Any]

    def setMaxRunningTasks(self, value: int) -> None:
        """Set how many tasks may run at once; negative numbers change nothing."""
        if value >= 0:
            self.data["max_running_tasks"] = value

    def setMaxRunTasksPerHost(self, value: int) -> None:
        """Set how many tasks may run at once on one render; negative numbers change nothing."""
        if value >= 0:
            self.data["max_running_tasks_per_host"] = value

    def setHostsMask(self, value: str) -> None:
        """Set the mask of renders that may run its tasks."""
        self.data["hosts_mask"] = value

    def setHostsMaskExclude(self, value: str) -> None:
        """Set the mask of renders that may not run its tasks."""
        self.data["hosts_mask_exclude"] = value

    def setNeedProperties(self, value: str) -> None:
        """Set the properties of which a render must have one."""
        self.data["need_properties"] = value
