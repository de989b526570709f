"""Names that classic modules import; in a helper this folder is on the path of Python."""
