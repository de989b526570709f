"""``python -m tests.sim``: play worlds, one (``SEED``) or many (``FIRST:LAST``), and say what happened how often.

``--digests`` prints the digest of each world, ``--json`` the counts for another program.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import time

from tests.sim.history import Broken
from tests.sim.tally import Tally


def main() -> int:
    """Play; return 1 when a promise was broken, 2 when something never happened in a thousand worlds."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Play farms that are not there.")
    parser.add_argument("seeds", help="a seed, or FIRST:LAST (the last one is not played)")
    parser.add_argument("--json", action="store_true", help="counts for another program")
    parser.add_argument("--digests", action="store_true", help="the digest of each world")
    options = parser.parse_args()
    first, _, last = options.seeds.partition(":")
    logging.disable(logging.WARNING)
    gc.disable()
    tally = Tally()
    began = time.perf_counter()
    for seed in range(int(first), int(last or int(first) + 1)):
        try:
            digest = tally.play(seed)
        except Broken as broken:
            print(f"seed {seed}: {broken}\nplay it again: python -m tests.sim {seed}", file=sys.stderr)
            if not last:
                raise
            return 1
        if options.digests:
            print(seed, digest)
        if not seed % 25:
            gc.collect()
    if options.json:
        print(tally.text())
    elif not options.digests:
        print("\n".join(tally.lines()))
        print(f"\n{time.perf_counter() - began:.1f} seconds")
    never = tally.never() if tally.worlds >= 1000 else []
    if never:
        print("\n".join(never), file=sys.stderr)
    return 2 if never else 0


if __name__ == "__main__":
    raise SystemExit(main())
