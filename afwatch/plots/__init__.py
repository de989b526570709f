"""Plots: rings of live readings, pictures of them for cells, and pages of history drawn by pyqtgraph."""
