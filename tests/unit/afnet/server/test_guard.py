"""Which requests a browser may have been tricked into."""

import pytest

from afnet.server.guard import browser_refusal


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost"},
        {"host": "127.0.0.1:51000"},
        {"host": "[::1]:51000"},
        {"host": "LOCALHOST:80", "origin": "http://localhost:80"},
    ],
)
def test_programs_and_the_farms_own_pages_pass(headers: dict[str, str]) -> None:
    assert browser_refusal(headers) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "farm.evil.example:51000"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1:51000", "origin": "http://evil.example"},
        {"host": "127.0.0.1:51000", "origin": "null"},
        {"host": "127.0.0.1:51000", "origin": "http://127.0.0.1:8000"},
    ],
)
def test_strangers_are_told_who_they_are(headers: dict[str, str]) -> None:
    assert headers.get("origin", headers["host"]) in browser_refusal(headers)
