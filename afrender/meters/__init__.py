"""Custom meters: readings that a studio adds, one Python class each."""
