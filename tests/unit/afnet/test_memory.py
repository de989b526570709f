"""What a program that frees much keeps for the next time is what it asked for."""

import subprocess
import sys

import pytest

_FAULTS = """
import ctypes, resource, sys
from afnet.server.memory import keep_little
if not hasattr(ctypes.CDLL(None), "mallopt"):
    sys.exit(77)
keep_little(*map(int, sys.argv[1:]))
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = bytearray(b"x") * (8 << 20)
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
_PAGES = (8 << 20) // 4096


def faults(*words: str) -> int:
    done = subprocess.run([sys.executable, "-c", _FAULTS, *words], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the C library of this system is not told")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told")
def test_megabytes_that_may_be_kept_are_not_fetched_page_by_page_again() -> None:
    assert faults(str(32 << 20)) < _PAGES // 20
