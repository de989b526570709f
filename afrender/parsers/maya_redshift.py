"""The parser of Maya that renders with Redshift."""

from __future__ import annotations

from afrender.parsers.maya import maya
from afrender.parsers.redshift import redshift

__all__ = ["maya_redshift"]


class maya_redshift(maya, redshift):
    """Progress as Redshift tells it, errors of both."""
