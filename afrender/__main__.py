"""``python -m afrender`` is ``afrender``."""

from __future__ import annotations

import sys

from afrender.main import main

sys.exit(main())
