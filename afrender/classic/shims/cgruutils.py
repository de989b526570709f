"""The name ``cgruutils`` of classic modules."""

from afrender.classic.utils import createFolder, toStr

__all__ = ["createFolder", "toStr"]
