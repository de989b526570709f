"""``python -m afrender.tray FOLDER``: the tray of the agent whose folder that is."""

from __future__ import annotations

import sys

from afrender.tray.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
