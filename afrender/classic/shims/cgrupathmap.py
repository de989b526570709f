"""The name ``cgrupathmap`` of classic modules."""

from afrender.classic.pathmap import PathMap

__all__ = ["PathMap"]
