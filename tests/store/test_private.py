"""The farm's database is its owner's alone, also in a folder that others may enter."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from afcore.store.opening import open_store


@pytest.mark.skipif(os.name != "posix", reason="modes of files are a matter of POSIX")
def test_nobody_else_reads_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        store = open_store("", data=data, now=1_700_000_000.0)
        try:
            list(store.load().batches)
            names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir() if path.is_file()}
        finally:
            store.close()
    finally:
        os.umask(before)
    assert any(name.endswith(".db") for name in names)
    assert {name for name, mode in names.items() if mode & 0o077} == set(), names
