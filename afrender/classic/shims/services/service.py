"""The base class of classic services."""

from afrender.classic.service import service

__all__ = ["service"]

parser = "generic"
