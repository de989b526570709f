"""The classic mask, its words and the bar of 128 characters."""

import pytest

from afcore.states import TaskFlag, TaskState
from afnet.classic.states import BAR_LENGTH, Bit, block_bits, from_bits, job_bits, progress_bar, state_text, to_bits


@pytest.mark.parametrize("state", TaskState)
def test_every_state_comes_back_from_its_mask(state: TaskState) -> None:
    assert from_bits(to_bits(state, 0)) == (state, TaskFlag(0))


@pytest.mark.parametrize(
    ("state", "flags", "text"),
    [
        (TaskState.WAIT_DEP, TaskFlag(0), " WDP"),
        (TaskState.READY, TaskFlag.RETRIED, " RDY RER"),
        (TaskState.READY, TaskFlag.TRY_NEXT, " RDY TRY"),
        (TaskState.RUNNING, TaskFlag.RETRIED | TaskFlag.WARNING, " RUN WRN"),
        (TaskState.SKIPPED, TaskFlag(0), " DON SKP"),
        (TaskState.DONE, TaskFlag.PARSER_SUCCESS | TaskFlag.POST_FAILED, " DON PSC"),
        (TaskState.ERROR, TaskFlag.PARSER_ERROR | TaskFlag.BAD_RESULT | TaskFlag.BAD_FILES, " ERR PER PBR"),
        (TaskState.WAIT_RECONNECT, TaskFlag(0), " WRC"),
        (TaskState.SUSPENDED, TaskFlag(0), " SUS"),
    ],
)
def test_the_words_of_states_and_flags(state: TaskState, flags: TaskFlag, text: str) -> None:
    assert state_text(to_bits(state, flags)) == text


def test_a_mask_with_several_states_is_what_matters_most() -> None:
    assert from_bits(Bit.RUN | Bit.DON | Bit.SKP) == (TaskState.SKIPPED, TaskFlag(0))
    assert from_bits(Bit.RDY | Bit.RER | Bit.WRN) == (TaskState.READY, TaskFlag.RETRIED | TaskFlag.WARNING)
    assert from_bits(0) == (TaskState.READY, TaskFlag(0))


def counts(**some: int) -> list[int]:
    return [some.get(state.name.lower(), 0) for state in TaskState]


@pytest.mark.parametrize(
    ("numbers", "waiting", "text"),
    [
        (counts(ready=2), False, " RDY"),
        (counts(ready=2), True, " WDP"),
        (counts(running=1, ready=2, error=1), False, " RDY RUN ERR"),
        (counts(done=3, skipped=1), False, " DON SKP"),
        (counts(done=3, skipped=1), True, " DON SKP"),
        (counts(done=3, suspended=1), False, " SUS"),
        (counts(), False, ""),
    ],
)
def test_blocks_are_what_any_of_their_tasks_is(numbers: list[int], waiting: bool, text: str) -> None:
    assert state_text(block_bits(numbers, running=0, waiting=waiting, warnings=False)) == text


def test_jobs_are_what_any_of_their_blocks_is() -> None:
    def job(*blocks: int, offline: bool = False, jobs: bool = False, time: bool = False, ppa: bool = False) -> str:
        bits = job_bits(
            blocks, offline=offline, waits_for_jobs=jobs, waits_for_time=time, waits_for_approval=ppa
        )
        return state_text(bits)

    assert job(Bit.DON, Bit.DON) == " DON"
    assert job(Bit.DON, Bit.RUN | Bit.RDY) == " RDY RUN"
    assert job(Bit.DON, Bit.RDY, offline=True) == " RDY OFF"
    assert job(Bit.RDY, jobs=True) == " WDP"
    assert job(Bit.RDY, time=True, ppa=True) == " WTM PPA"
    assert job() == ""


def bar(states: list[TaskState], flags: list[int] | None = None) -> str:
    return progress_bar(bytes(states), bytes(flags or [0] * len(states)))


def test_the_bar_has_a_slice_for_each_task_or_of_them() -> None:
    assert bar([]) == " " * BAR_LENGTH
    assert bar([TaskState.DONE, TaskState.READY]) == "D" * 64 + "r" * 64
    many = [TaskState.DONE] * 128_000
    many[64_500] = TaskState.RUNNING
    assert bar(many) == "D" * 64 + "R" + "D" * 63
    for size in (1, 3, 127, 128, 129, 1000):
        assert bar([TaskState.SUSPENDED] * size) == "U" * BAR_LENGTH


def test_each_character_shows_what_matters_most() -> None:
    rising = [
        (TaskState.DONE, 0, "D"),
        (TaskState.SUSPENDED, 0, "U"),
        (TaskState.SKIPPED, 0, "S"),
        (TaskState.DONE, TaskFlag.WARNING, "G"),
        (TaskState.READY, 0, "r"),
        (TaskState.READY, TaskFlag.TRY_NEXT, "T"),
        (TaskState.WAIT_DEP, 0, "W"),
        (TaskState.RUNNING, 0, "R"),
        (TaskState.RUNNING, TaskFlag.WARNING, "N"),
        (TaskState.READY, TaskFlag.RETRIED, "Y"),
        (TaskState.ERROR, 0, "E"),
        (TaskState.WAIT_RECONNECT, 0, "C"),
    ]
    for place, (_, _, letter) in enumerate(rising):
        upto = rising[: place + 1] * 128
        upto.sort(key=lambda entry: 0)
        found = bar([state for state, _, _ in upto], [flags for _, flags, _ in upto])
        assert letter in found and set(found) <= {entry[2] for entry in rising[: place + 1]}
        # All of them in each of the 128 slices: only the last shows.
        assert found == letter * BAR_LENGTH
