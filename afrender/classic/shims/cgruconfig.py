"""The name ``cgruconfig`` of classic modules."""

from afrender.classic.config import VARS

__all__ = ["VARS"]
