"""``python -m benchmarks [name …] [--runs=N]``: every module of this package that has targets is a benchmark."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.harness import main


def _find() -> dict[str, object]:
    found = {}
    for info in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda info: info.name):
        if info.name in ("__main__", "harness"):
            continue
        module = importlib.import_module(f"benchmarks.{info.name}")
        if hasattr(module, "TARGETS") and hasattr(module, "run"):
            found[info.name] = module
    return found


if __name__ == "__main__":
    sys.exit(main(_find(), sys.argv[1:], Path(__file__).with_name("results.json")))  # type: ignore[arg-type]
