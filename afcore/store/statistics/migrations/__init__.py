"""One module per version, ``vNNNN``."""
