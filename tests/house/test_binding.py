"""The Qt binding counts references to True correctly; a broken one ends the process after some thousand signals."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own, so that no other test holds Qt, and a crash is an exit code.
EMIT = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Bell(QObject):
    rung = Signal(bool)

app = QCoreApplication([])
heard = []
bell = Bell()
bell.rung.connect(heard.append)
bell.rung.emit(True)
heard.clear()
before = sys.getrefcount(True)
for _ in range(1000):
    bell.rung.emit(False)
after = sys.getrefcount(True)
print(len(heard), after - before)
"""


def test_a_thousand_signals_keep_true() -> None:
    run = subprocess.run([sys.executable, "-c", EMIT], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    heard, drift = map(int, run.stdout.split())
    assert heard == 1000
    assert abs(drift) < 100, f"True gained {drift} references in 1,000 signals: this PySide6 must not be used"
