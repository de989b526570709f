"""The icon and panel at a workstation: a process of its own that shows what the agent tells, and passes on orders."""
