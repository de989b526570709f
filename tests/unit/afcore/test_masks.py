"""Masks: the observed answers of the reference in both modes."""

from __future__ import annotations

import pytest

from afcore.masks import Mask, mask_problem

HOSTS = ["solve01", "solve02", "solve11"]


@pytest.mark.parametrize(
    ("pattern", "mode", "matched"),
    [
        ("solve0", "find", ["solve01", "solve02"]),
        ("solve0", "list", ["solve01", "solve02"]),
        ("olve0", "find", []),
        ("solve01 solve11", "find", ["solve01", "solve11"]),
        ("solve01|solve02;x,y:z", "find", ["solve01", "solve02"]),
        ("solve0", "regex", []),
        ("solve0.*", "regex", ["solve01", "solve02"]),
        ("", "regex", HOSTS),
        ("", "find", HOSTS),
        (" ; ", "find", HOSTS),
    ],
)
def test_which_hosts_a_mask_means(pattern: str, mode: str, matched: list[str]) -> None:
    assert [host for host in HOSTS if Mask(pattern, mode=mode).matches(host)] == matched
    others = [host for host in HOSTS if host not in matched]
    excluding = Mask(pattern, mode=mode, exclude=True)
    assert [host for host in HOSTS if excluding.matches(host)] == (HOSTS if excluding.empty else others)


def test_contains_masks_look_anywhere() -> None:
    assert Mask("small big", mode="find", contains=True).matches("gpu big")
    assert not Mask("small big", mode="find", contains=True).matches("gpu")
    assert Mask("b.g", contains=True).matches("gpu big")
    assert Mask("SOLVE0.", ignore_case=True).matches("solve01")


@pytest.mark.parametrize(("pattern", "position"), [("a(b", 1), ("*a", 0), ("a[", 1), ("(?P<1>a)", 4)])
def test_a_broken_regular_expression_is_told_with_its_position(pattern: str, position: int) -> None:
    assert mask_problem(pattern).endswith(f"at position {position}")
    assert mask_problem(pattern, mode="find") == ""


def test_sound_and_odd_masks() -> None:
    assert mask_problem("render.*") == ""
    assert mask_problem("[[a]") == ""
    assert mask_problem("a{9999999999999999999}").startswith('"a{99')
    assert "…" in mask_problem("(" + "a" * 100)
