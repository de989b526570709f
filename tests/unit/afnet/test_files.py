"""Files of runs: kept in pieces, resumed, bounded, found again, removed with their job."""

import os
import zlib
from pathlib import Path
from queue import SimpleQueue

import pytest

from afcore.errors import NotFound
from afnet.server.files import FileStore
from afnet.server.packs import ENTRY, find_entries
from afnet.wire.messages import FileAccepted, FileChunk

Answers = SimpleQueue[list[tuple[int, FileAccepted]]]


class Kept:
    """A store with the answers it gave."""

    def __init__(self, folder: Path, *, budget: int = 1 << 30, largest: int = 1 << 20, segment: int = 1 << 26) -> None:
        self.answers: Answers = SimpleQueue()
        self.finished: list[int] = []
        self.store = FileStore(
            folder,
            budget=budget,
            largest_file=largest,
            answer=self.answers.put,
            finished_jobs=lambda: list(self.finished),
            segment_size=segment,
        )

    def start(self, *jobs: int) -> None:
        self.store.start(jobs)

    def send(self, *chunks: FileChunk) -> list[FileAccepted]:
        for chunk in chunks:
            self.store.keep(7, chunk)
        got: list[FileAccepted] = []
        while len(got) < len(chunks):
            for session, answer in self.answers.get(timeout=60):
                assert session == 7
                got.append(answer)
        return got


@pytest.fixture
def kept(tmp_path: Path):
    holders: list[Kept] = []

    def make(**words: int) -> Kept:
        holder = Kept(tmp_path / "files", **words)
        holders.append(holder)
        return holder

    yield make
    for holder in holders:
        if holder.store._thread.is_alive():
            holder.store.stop()


def chunk(task: int, data: bytes, *, offset: int = 0, run: int = 1, last: bool = True, **more: object) -> FileChunk:
    return FileChunk(2, 0, task, run, "log", offset, data, last=last, **more)  # type: ignore[arg-type]


def test_a_log_in_pieces_comes_back_whole_and_in_parts(kept) -> None:
    holder = kept()
    holder.start(2)
    text = b"".join(b"line %d\n" % number for number in range(1000))
    half = len(text) // 2
    first, second = holder.send(
        chunk(5, zlib.compress(text[:half]), compressed=True, last=False), chunk(5, text[half:], offset=half)
    )
    assert (first.offset, first.done) == (half, False)
    assert (second.offset, second.done) == (len(text), True)
    whole = holder.store.read(2, 0, 5, limit=1 << 20)
    assert (whole.run, whole.size, whole.data, whole.complete) == (1, len(text), text, True)
    assert holder.store.read(2, 0, 5, offset=half - 3, limit=10).data == text[half - 3 : half + 7]
    assert holder.store.read(2, 0, 5, offset=-4).data == text[-4:]


def test_the_newest_run_is_the_default_and_older_ones_stay(kept) -> None:
    holder = kept()
    holder.start(2)
    holder.send(chunk(1, b"first"), chunk(1, b"second", run=2), chunk(256, b"other"))
    assert holder.store.read(2, 0, 1).data == b"second"
    assert holder.store.read(2, 0, 1, run=1).data == b"first"
    assert holder.store.read(2, 0, 256).data == b"other"
    with pytest.raises(NotFound, match="task 9"):
        holder.store.read(2, 0, 9)


def test_an_upload_is_resumed_by_another_start_of_the_server(kept) -> None:
    first = kept()
    first.start(2)
    first.send(chunk(3, b"one ", last=False))
    first.store.stop()
    second = kept()
    second.start(2)
    (wrong,) = second.send(chunk(3, b"three", offset=8))
    assert (wrong.offset, wrong.done) == (4, False), "it says how far it has the file"
    (right,) = second.send(chunk(3, b"two", offset=4))
    assert right.done
    assert second.store.read(2, 0, 3).data == b"one two"


def test_a_piece_that_comes_twice_counts_once(kept) -> None:
    holder = kept()
    holder.start(2)
    holder.send(chunk(3, b"one ", last=False), chunk(3, b"two", offset=4), chunk(3, b"one ", last=False))
    assert holder.store.read(2, 0, 3).data == b"one two"


def test_a_log_is_cut_with_a_note_and_an_empty_one_costs_nothing(kept, tmp_path: Path) -> None:
    holder = kept(largest=1000)
    holder.start(2)
    (empty,) = holder.send(chunk(0, b""))
    assert empty.done
    assert not (tmp_path / "files" / "2").exists()
    answers = holder.send(chunk(1, b"x" * 900, last=False), chunk(1, b"y" * 900, offset=900, last=False))
    assert answers[1].done, "the agent may forget the rest"
    log = holder.store.read(2, 0, 1)
    assert log.data.startswith(b"x" * 900) and b"cut here: a log may have 1000 bytes" in log.data


def test_files_go_with_their_job_and_strange_folders_at_the_start(kept, tmp_path: Path) -> None:
    first = kept()
    first.start(2)
    first.send(chunk(1, b"hello"))
    first.store.stop()
    second = kept()
    second.start(3)  # job 2 was deleted in between
    (answer,) = second.send(chunk(1, b"again"))
    assert answer.done
    second.store.remove_job(2)
    second.send(FileChunk(3, 0, 0, 1, "log", 0, b"of another", last=True))
    assert not (tmp_path / "files" / "2").exists()
    assert second.store.kept > 0


def test_the_budget_takes_finished_jobs_first_then_the_oldest_segments(kept, tmp_path: Path) -> None:
    holder = kept(budget=60_000, segment=10_000)
    holder.start(2, 3)
    noise = [bytes((number * 7 + place * place) % 251 for place in range(240)) for number in range(400)]
    holder.finished = [3]
    holder.send(FileChunk(3, 0, 0, 1, "log", 0, noise[0], last=True))
    for task, data in enumerate(noise):
        holder.send(chunk(task, data))
    assert not (tmp_path / "files" / "3").exists()
    assert holder.store.kept <= 60_000
    assert holder.store.read(2, 0, 399).data == noise[399]
    with pytest.raises(NotFound):
        holder.store.read(2, 0, 0)


def test_other_files_of_a_run_do_not_mix_with_its_log(kept) -> None:
    holder = kept()
    holder.start(2)
    holder.send(chunk(1, b"the log"), FileChunk(2, 0, 1, 1, "thumb.png", 0, b"picture", last=True))
    assert holder.store.read(2, 0, 1).data == b"the log"
    assert holder.store.read(2, 0, 1, name="thumb.png").data == b"picture"


def named(task: int, name: str, data: bytes, *, offset: int = 0, run: int = 1, last: bool = True) -> FileChunk:
    return FileChunk(2, 0, task, run, name, offset, data, last=last)


def test_files_of_a_task_are_listed_and_read_by_an_id_that_stays(kept) -> None:
    first = kept()
    first.start(2)
    first.send(
        named(1, "old.jpg", b"of the first run"), chunk(1, b"log", run=2),
        named(1, "a b.jpg", b"first ", run=2, last=False), named(1, "a b.jpg", b"half", offset=6, run=2),
        named(1, "notes.txt", b"x" * 999, run=2), named(1, "cut.jpg", b"no end", run=2, last=False),
    )  # fmt: skip
    rows = first.store.list_files(2, 0, 1)
    assert [(row.run, row.name, row.size) for row in rows] == [(2, "a b.jpg", 10), (2, "notes.txt", 999)]
    assert [row.name for row in first.store.list_files(2, 0, 1, run=1)] == ["old.jpg"]
    first.store.stop()
    second = kept()
    second.start(2)
    assert second.store.read_file(rows[0].id) == (rows[0], b"first half")
    assert second.store.read_file(rows[1].id)[1] == b"x" * 999
    for wrong in ("", "2.0.1.2.00000000", "../2", "2.0.1.2." + "0" * 80, rows[0].id + "\n"):
        with pytest.raises(NotFound):
            second.store.read_file(wrong)
    second.store.remove_job(2)
    second.send(FileChunk(3, 0, 0, 1, "log", 0, b"of another", last=True))
    with pytest.raises(NotFound):
        second.store.read_file(rows[0].id)


def test_the_first_picture_is_the_thumbnail_of_its_job(kept) -> None:
    holder = kept()
    holder.start(2)
    holder.send(named(4, "notes.txt", b"no picture"))
    assert holder.store.thumbnail(2) is None
    holder.send(named(4, "frame.0004.exr.jpg", b"four"), named(1, "frame.0001.exr.jpg", b"one"))
    found = holder.store.thumbnail(2)
    assert found is not None and (found.name, found.size) == ("frame.0004.exr.jpg", 4)


def test_names_with_paths_and_files_too_large_are_refused_and_forgotten(kept) -> None:
    holder = kept(largest=1 << 24)
    holder.start(2)
    big = b"x" * (3 << 20)
    for wrong in (named(1, "../evil.jpg", b"x"), named(1, "n" * 201, b"x"), named(1, "a\nb", b"x")):
        (answer,) = holder.send(wrong)
        assert answer.done
    holder.send(named(1, "big.jpg", big, last=False))
    (answer,) = holder.send(named(1, "big.jpg", big, offset=len(big)))
    assert answer.done, "the agent may forget it"
    assert holder.store.list_files(2, 0, 1) == []


def test_a_piece_that_becomes_far_more_than_it_says_is_not_kept(kept) -> None:
    holder = kept(largest=1 << 30)
    holder.start(2)
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    assert len(bomb) < 1 << 17
    (answer,) = holder.send(chunk(1, bomb, compressed=True))
    assert answer.done, "the agent may forget it"
    with pytest.raises(NotFound):
        holder.store.read(2, 0, 1)
    # Half a piece is none either.
    holder.send(chunk(2, zlib.compress(b"x" * 1000)[:-6], compressed=True))
    with pytest.raises(NotFound):
        holder.store.read(2, 0, 2)
    holder.send(chunk(3, zlib.compress(b"x" * 1000), compressed=True))
    assert holder.store.read(2, 0, 3).data == b"x" * 1000


def test_a_torn_index_is_cut_at_the_next_start(kept, tmp_path: Path) -> None:
    first = kept()
    first.start(2)
    first.send(chunk(1, b"whole"))
    first.store.stop()
    index = tmp_path / "files" / "2" / "0-0.index"
    index.write_bytes(index.read_bytes() + b"torn")
    second = kept()
    second.start(2)
    second.send(chunk(2, b"after"))
    assert index.stat().st_size == 2 * ENTRY.size
    assert second.store.read(2, 0, 1).data == b"whole"
    assert second.store.read(2, 0, 2).data == b"after"


def test_a_disk_that_refuses_is_asked_again_and_nothing_is_promised(
    kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_logs
) -> None:
    expected_logs("cannot be written")
    monkeypatch.setattr("afnet.server.files._RETRY", 0.01)
    holder = kept()
    holder.start(2)
    holder.send(chunk(1, b"before"))
    full = [True]
    really = os.write

    def write(descriptor: int, data: bytes) -> int:
        if full and full.pop():
            raise OSError(28, "No space left on device")
        return really(descriptor, data)

    monkeypatch.setattr("afnet.server.packs.os.write", write)
    (answer,) = holder.send(chunk(2, b"after"))
    assert answer.done
    assert holder.store.read(2, 0, 2).data == b"after"


def test_searching_is_not_misled_by_numbers_that_look_like_others(tmp_path: Path) -> None:
    index = tmp_path / "0-0.index"
    index.write_bytes(b"".join(ENTRY.pack(task, 1, 7, 7, 7, 0, 2) for task in (1, 7, 0)))
    assert [entry.task for _, entry in find_entries(tmp_path, 0, 7)[1]] == [7]
