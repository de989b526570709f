"""Command to events: one function per command, reading the farm and never writing it."""
