"""Whose turn it is and where it may run: reads the farm, starts nothing by itself."""
