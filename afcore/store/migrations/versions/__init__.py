"""One module per half: ``vNNNN_before`` and ``vNNNN_after``."""
