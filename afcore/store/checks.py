"""What every store asks of the batches and snapshots it is given, and which past it may drop."""

from collections.abc import Sequence

import msgspec

from afcore.errors import Bug, Corrupt, Fenced, TooNew
from afcore.store.base import BODY_FORMAT, Batch, Retention, Snapshot

__all__ = ["Manifest", "check_batches", "check_follows", "check_format", "check_snapshot", "choose_base"]

DAY = 86400.0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a complete snapshot without reading it."""

    seq: int
    at: float
    size: int
    """Bytes of its own parts."""
    journal: int
    """Bytes of journal ever written up to it."""


def check_batches(batches: Sequence[Batch], *, epoch: int, last_seq: int) -> None:
    """Refuse batches of another leader (Fenced) and numbers that do not follow on (Bug)."""
    for batch in batches:
        if batch.epoch != epoch:
            raise Fenced(
                f"batch {batch.seq} was made under epoch {batch.epoch}, and the farm is led under epoch {epoch}",
                hint="this server must stop; start it again to let it take part",
            )
        if batch.seq != last_seq + 1:
            raise Bug(f"batch {batch.seq} does not follow batch {last_seq}")
        last_seq = batch.seq


def check_snapshot(snapshot: Snapshot, *, last_seq: int) -> None:
    """Refuse a snapshot of a state that is not committed."""
    if snapshot.seq > last_seq:
        raise Bug(f"snapshot {snapshot.seq} is of a state after the newest committed batch {last_seq}")


def check_follows(seq: int, before: int) -> None:
    """Raise Corrupt unless batch ``seq`` is the one after ``before``."""
    if seq != before + 1:
        raise Corrupt(
            f"the journal has no batch {before + 1}: after {before} comes {seq}",
            hint="put back the newest copy of the data folder; nothing was changed in this one",
        )


def check_format(written: int, what: str, *, newest: int = BODY_FORMAT) -> None:
    """Raise TooNew when ``what`` was encoded by a newer version than the one that writes ``newest``."""
    if written > newest:
        raise TooNew(
            f"{what} has format {written}, and this version reads up to {newest}",
            hint="start the newer version of Afwatch that wrote it",
        )


def choose_base(manifests: Sequence[Manifest], retention: Retention, *, now: float, journal: int) -> int:
    """Return the number of the snapshot up to which the past may be dropped; 0 when nothing is to be.

    ``manifests`` are the complete snapshots, oldest first; ``journal`` is the bytes of journal ever written. The base
    is the newest snapshot that is old enough, or one so new that what is left fits the size; it is itself kept. While
    the oldest snapshot is neither, the journal before it is kept too: it is the past that was asked for.
    """
    base = -1
    for place, manifest in enumerate(manifests):
        if manifest.at <= now - retention.days * DAY:
            base = place
    while base < len(manifests) - 1:
        before = manifests[base].journal if base >= 0 else 0
        if journal - before + sum(later.size for later in manifests[max(base, 0) :]) <= retention.size:
            break
        base += 1
    return manifests[base].seq if base >= 0 else 0
