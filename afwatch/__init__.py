"""Who looks: the monitor window and what it shows."""
