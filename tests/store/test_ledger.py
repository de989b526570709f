"""What every store promises about the facts of the server's shell and the audit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from afcore.store.base import Store
from afcore.store.ledger import FIRST_HASH, AuditQuery, AuditRow, KeptRow, find_break, link, safe_text
from tests.store.builders import batch
from tests.store.conftest import Place


def chained(count: int, **more: object) -> list[AuditRow]:
    """Rows of an audit, chained."""
    rows: list[AuditRow] = []
    before = FIRST_HASH
    for seq in range(1, count + 1):
        fields: dict[str, object] = {
            "who": ("ann", "bob")[seq % 2], "role": "user", "origin": "127.0.0.1", "operation": f"1-{seq}",
            "action": ("job.set", "job.restart", "account.role")[seq % 3], "what": f"Changed job {seq}: 100%_é.",
            "body": bytes((0, seq)), **more,
        }  # fmt: skip
        row = AuditRow(seq=seq, at_ms=1_700_000_000_000 + seq, **fields)  # type: ignore[arg-type]
        before = link(before, row)
        rows.append(msgspec.structs.replace(row, hash=before))
    return rows


def kept(store_found: Sequence[KeptRow]) -> dict[tuple[str, str], bytes | None]:
    return {(row.kind, row.key): row.body for row in store_found}


def test_facts_are_replaced_and_taken_away(place: Place) -> None:
    store = place.open()
    ann, bob = KeptRow(kind="account", key="ann", body=b"1"), KeptRow(kind="account", key="bob", body=b"2\0")
    token = KeptRow(kind="token", key="ann", body=b"t")
    store.commit([batch(1, store, kept=[ann, bob]), batch(2, store, kept=[token])])
    store.commit([batch(3, store, kept=[KeptRow(kind="account", key="ann", body=b"new")])])
    gone = KeptRow(kind="account", key="bob", body=None)
    store.commit([batch(4, store, kept=[gone, KeptRow(kind="account", key="nobody", body=None)])])
    store.close()
    assert kept(place.open().load().kept) == {("account", "ann"): b"new", ("token", "ann"): b"t"}


def test_the_audit_goes_on_where_it_was(place: Place) -> None:
    rows = chained(3)
    store = place.open()
    assert (store.load().audit_seq, store.load().audit_hash) == (0, FIRST_HASH)
    store.commit([batch(1, store, audit=rows[:1]), batch(2, store, audit=rows[1:])])
    store.close()
    found = place.open().load()
    assert (found.audit_seq, found.audit_hash) == (3, rows[-1].hash)


def test_the_audit_is_searched_and_reads_back_as_it_was_chained(store: Store) -> None:
    rows = chained(7)
    store.commit([batch(1, store, audit=rows)])
    history = store.history()
    try:
        assert history.audit_after(0) == rows
        assert history.audit_after(4, 2) == rows[4:6]

        def seqs(query: AuditQuery) -> list[int]:
            return [row.seq for row in history.audit(query).rows]

        assert seqs(AuditQuery()) == [7, 6, 5, 4, 3, 2, 1]
        assert seqs(AuditQuery(who="ann")) == [6, 4, 2]
        assert seqs(AuditQuery(action="job.")) == [7, 6, 4, 3, 1]
        assert seqs(AuditQuery(text="JOB 3")) == [3]
        assert seqs(AuditQuery(text="100%_é")) == [7, 6, 5, 4, 3, 2, 1]
        assert seqs(AuditQuery(text="%")) and not seqs(AuditQuery(text="j%b"))
        assert seqs(AuditQuery(since_ms=rows[2].at_ms, until_ms=rows[4].at_ms)) == [4, 3]
        page = history.audit(AuditQuery(), limit=3)
        assert page.next == 5 and history.audit(AuditQuery(), before=page.next, limit=9).next is None
    finally:
        history.close()


def test_whatever_is_changed_in_a_chain_is_found() -> None:
    rows = chained(5)
    assert find_break(rows) == (5, rows[-1].hash, "")
    assert find_break(rows[3:], seq=3, before=rows[2].hash)[2] == ""
    for name, value in (("who", "eve"), ("what", ""), ("at_ms", 1), ("body", b""), ("role", "god"), ("hash", "0" * 64)):
        changed = [*rows[:2], msgspec.structs.replace(rows[2], **{name: value}), *rows[3:]]
        seq, _, wrong = find_break(changed)
        assert seq == 2 and "Row 3" in wrong, name
    assert "missing" in find_break([*rows[:2], *rows[3:]])[2]
    # Whoever puts a whole row between must change all that follow.
    forged = msgspec.structs.replace(rows[2], what="nothing", hash="")
    forged = msgspec.structs.replace(forged, hash=link(rows[1].hash, forged))
    assert find_break([*rows[:2], forged, *rows[3:]])[0] == 3


def test_texts_are_made_safe_before_they_are_chained(place: Place) -> None:
    what = safe_text("a\0b\ud800c" + "x" * 9000, 4096)
    assert len(what) == 4096 and what.startswith("a\N{REPLACEMENT CHARACTER}b?c")
    rows = chained(1, what=what, who=safe_text("x" * 999))
    store = place.open()
    store.commit([batch(1, store, audit=rows)])
    history = store.history()
    assert history.audit_after(0) == rows
    history.close()
