"""What a person is told of their jobs: once, when it happens, and as they chose."""

from __future__ import annotations

from afwatch.notices import Notices
from tests.unit.afwatch.rows import job_row


def test_what_was_over_before_we_came_is_not_told() -> None:
    notices = Notices()
    assert notices.take([job_row(1, state="done"), job_row(2, ERROR=3)], "jo", complete=True) == []
    assert notices.take([job_row(2, ERROR=4)], "jo", complete=True) == []


def test_an_end_is_told_once_and_again_after_a_restart() -> None:
    notices = Notices()
    notices.take([job_row(1), job_row(2)], "jo", complete=True)
    (failed,) = notices.take([job_row(1, ERROR=1)], "jo", complete=True)
    assert (failed.job, failed.text, failed.bad) == (1, "1 task failed.", True)
    assert notices.failed == {1}
    (done,) = notices.take([job_row(1, state="done", DONE=3)], "jo", complete=True)
    assert done.text == "is done." and notices.failed == set() and notices.done == {1}
    notices.take([job_row(1)], "jo", complete=True)
    assert len(notices.take([job_row(1, ERROR=2)], "jo", complete=True)) == 1
    notices.looked()
    assert not notices.failed and not notices.done


def test_what_was_chosen_comes_back() -> None:
    first = Notices()
    first.choose(job_row(2, user="jo"), "jo", False)
    first.choose(job_row(3, user="anna"), "jo", True)
    second = Notices()
    second.come_back(first.chosen())
    assert not second.is_wanted(job_row(2, user="jo"), "jo") and second.is_wanted(job_row(3, user="anna"), "jo")
    second.come_back({"wanted": ["x"], "unwanted": 3})
    assert second.chosen() == first.chosen()


def test_only_mine_and_what_i_chose() -> None:
    notices = Notices()
    mine, other = job_row(1), job_row(2, user="anna")
    notices.take([mine, other], "jo", complete=True)
    assert notices.is_wanted(mine, "jo") and not notices.is_wanted(other, "jo")
    notices.choose(mine, "jo", False)
    notices.choose(other, "jo", True)
    told = notices.take([job_row(1, ERROR=1), job_row(2, user="anna", ERROR=1)], "jo", complete=True)
    assert [notice.job for notice in told] == [2]
    notices.forget([2])
    assert notices.failed == set() and notices.wanted == set()
