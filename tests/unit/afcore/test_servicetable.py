"""The table of services answers with the parsers that the reference uses."""

from __future__ import annotations

import pytest

from afcore.servicetable import SERVICES, parser_of, service_names


@pytest.mark.parametrize(
    ("service", "parser"),
    [
        ("nuke", "nuke"),
        ("hbatch_mantra", "hbatch_mantra"),
        ("movgen", "generic"),
        ("maya", "none"),
        ("blender_internal", "none"),
        ("postcmd", "none"),
        ("no such service", "none"),
    ],
)
def test_parser_of_a_service(service: str, parser: str) -> None:
    assert parser_of(service) == parser


def test_names_are_sorted_and_described() -> None:
    assert service_names() == sorted(SERVICES) and len(SERVICES) == 52
    assert all(service.about for service in SERVICES.values())
