"""The parser of Houdini that renders with Redshift."""

from __future__ import annotations

from afrender.parsers.hbatch import hbatch
from afrender.parsers.redshift import redshift

__all__ = ["hbatch_redshift"]


class hbatch_redshift(redshift):
    """Redshift tells frames itself; Houdini's lines about them would count each twice."""

    str_warning = hbatch.str_warning
    str_error = hbatch.str_error
