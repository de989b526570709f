"""What the doctor makes of a clock, a disk and certificates that no test can have for real."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from afnet.client.servers import Address
from afnet.server import posture
from afnet.server.authority import Authority, authority_folder, make_authority
from afnet.server.postureagents import look_at_agents, look_at_nodes

NOW = 1_800_000_000.0
YEAR = 365 * 86400.0


def levels(found: object) -> list[str]:
    return [one.level for one in found]  # type: ignore[attr-defined]


def test_a_clock_behind_the_farm_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "afwatch.db").touch()
    os.utime(tmp_path / "afwatch.db", (NOW, NOW))
    assert levels(posture.look_at_clock(tmp_path, now=NOW - 3600, many=False)) == ["wrong"]
    for kept, many, level in ((True, True, "ok"), (False, True, "weak"), (False, False, "note"), (None, True, "ok")):
        monkeypatch.setattr(posture, "_is_kept_right", lambda kept=kept: kept)
        assert levels(posture.look_at_clock(tmp_path, now=NOW, many=many)) == [level]


def test_little_room_is_weak_and_none_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((100 << 30, "ok"), (1 << 30, "weak"), (1 << 20, "wrong")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: shutil._ntuple_diskusage(0, 0, free))  # type: ignore[attr-defined]
        found = list(posture.look_at_disk([("data", tmp_path / "not" / "there"), ("the same disk", tmp_path)]))
        assert levels(found) == [level]


def test_the_end_of_certificates_is_told(tmp_path: Path) -> None:
    make_authority(tmp_path, now=NOW).rename(authority_folder(tmp_path))
    Authority(authority_folder(tmp_path)).server_context(["localhost"], now=NOW)
    assert "wrong" not in levels(posture.look_at_keys(tmp_path, now=NOW))
    late = [one for one in posture.look_at_keys(tmp_path, now=NOW + 29.5 * YEAR) if "counts until" in one.sentence]
    assert levels(late) == ["weak"]
    over = [one for one in posture.look_at_keys(tmp_path, now=NOW + 31 * YEAR) if "counted until" in one.sentence]
    assert levels(over) == ["wrong", "wrong"]
    (authority_folder(tmp_path) / "server.pem").write_text("nothing")
    assert any("is no certificate" in one.sentence for one in posture.look_at_keys(tmp_path, now=NOW))


def test_addresses_of_the_internet_are_weak() -> None:
    listen = [Address("127.0.0.1", 1), Address("192.168.1.5", 1), Address("8.8.8.8", 1), Address("farm.example", 1)]
    found = list(posture.look_at_addresses(listen, running=True, authority=True))
    assert levels(found) == ["ok", "ok", "ok", "weak", "note"]


def test_agents_of_other_versions_are_told_with_their_names() -> None:
    rows = [
        {"name": f"r{number}", "engine": engine, "words": words}
        for number, (engine, words) in enumerate(
            [("afwatch 1.2.0", ["online"]), ("afwatch 1.10.0", ["busy"]), ("afwatch 1.1.9", ["online"]),
             ("afwatch 1.0.0", ["offline"]), ("afwatch development", ["online"]), ("3.4.1", ["online"])]
        )
    ]  # fmt: skip
    found = list(look_at_agents(rows, version="1.2.0"))
    assert [(one.level, one.sentence.rpartition(": ")[2]) for one in found] == [
        ("weak", "r2"), ("note", "r1"), ("ok", "1"),
    ]  # fmt: skip


def test_nodes_whose_certificates_end_and_whose_tasks_share_their_user_are_told() -> None:
    def node(name: str, state: str = "paired", days: float = 1000, tasks_as: str = "others") -> dict[str, object]:
        told = {"connected": bool(tasks_as), "tasks_as": tasks_as.strip()}
        return {"name": name, "state": state, "expires": NOW + days * 86400, **told}

    rows = [
        node("a"), node("b", days=30, tasks_as=""), node("c", "expired", -1, ""), node("d", "revoked", 10, ""),
        node("e", "waits", 0, ""), node("f", tasks_as=" "), *(node(f"s{n}", tasks_as="self") for n in range(10)),
    ]  # fmt: skip
    found = {(one.level, one.sentence.rpartition(": ")[2]) for one in look_at_nodes(rows, now=NOW)}
    assert found == {
        ("weak", "c"), ("weak", "b"), ("weak", "s0, s1, s2, s3, s4, s5, s6, s7 and 2 more"), ("note", "f"),
        ("ok", "1"), ("ok", "12"), ("note", "e"),
    }  # fmt: skip
    assert list(look_at_nodes([], now=NOW)) == []
