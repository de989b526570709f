"""Painting of cells: states, names, numbers, strips and meters; nothing is allocated per task."""
