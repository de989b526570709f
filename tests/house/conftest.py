"""While the sources are looked at nobody looks for garbage among their syntax trees, and afterwards they are gone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.house import checks, files


@pytest.fixture(autouse=True, scope="module")
def _trees() -> Iterator[None]:
    """A million nodes are made and kept: four fifths of the time went into looking for garbage among them."""
    gc.disable()
    yield
    files.parsed.cache_clear()
    checks._walked.cache_clear()
    gc.enable()
