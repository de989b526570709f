"""The name ``afcmd`` of ``afnet.api.afcmd`` for scripts; put the folder above this one on PYTHONPATH to have it."""

from __future__ import annotations

import os
import sys

try:
    from afnet.api.afcmd import *  # noqa: F403
except ImportError:
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
    from afnet.api.afcmd import *  # noqa: F403
from afnet.api.afcmd import __all__  # noqa: F401
