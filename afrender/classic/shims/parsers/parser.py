"""The base class of classic parsers."""

from afrender.classic.parser import parser

__all__ = ["parser"]
