"""A real farm for tests with real programs."""

from tests.e2e.conftest import farm_process, new_farm

__all__ = ["farm_process", "new_farm"]
