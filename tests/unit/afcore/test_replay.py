"""Coming back: the short way of replay makes the same farm as the long one."""

from __future__ import annotations

import msgspec
import pytest

from afcore.codec import columns_of, decode_entries, entry_of, table_of
from afcore.commands import AddPool, AddUser, ChangeTasks, DeleteJobs, DescribeFarm, RegisterRender, Tick
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.events import FACTS, READINGS
from afcore.evolve import HANDLERS, evolve
from afcore.farmfile import parse_farm
from afcore.hostpatterns import described
from afcore.invariants import check
from afcore.model.farm import Farm
from afcore.model.tasks import TaskTable, pack_indices, unpack_indices
from afcore.outcome import Outcome
from afcore.recount import recount
from afcore.replay import Replay, recover
from afcore.states import Role, TaskState
from tests.unit.afcore.plays import FarmPlay, block, job
from tests.unit.afcore.regrow import golden_journals


def test_every_event_has_one_handler() -> None:
    assert set(HANDLERS) == {*FACTS, *READINGS}
    tags = [kind.__struct_config__.tag for kind in (*FACTS, *READINGS)]
    assert len(set(tags)) == len(tags)


def whole_story(farm: FarmPlay) -> None:
    """Let a bit of everything happen."""
    sim = farm.submit(job(block("sim", 1, 4), block("frames", 1, 4, tasks_depend_mask="sim"), branch="/show"))
    farm.submit(job(name="comp", depend_mask="shot"))
    gone = farm.submit(job(block(first=1, last=2), name="gone"))
    farm.register("host1", cores=2)
    farm.register("host2", cores=1)
    for key in farm.solve():
        farm.report(key)
    farm.solve()
    farm.do(ChangeTasks(sim.id, "restart"))
    farm.do(DeleteJobs([gone.id]))
    for key in list(farm.core.farm.runs):
        farm.report(key)
    farm.solve()


def test_replay_makes_what_evolve_made(farm: FarmPlay) -> None:
    whole_story(farm)
    slow = Farm()
    for entry in decode_entries(bytes([0xDD]) + len(farm.entries).to_bytes(4, "big") + b"".join(farm.entries)):
        for event in entry.events:
            evolve(slow, event, entry.at)
    assert check(slow) == []
    assert Core(slow).digest() == farm.core.digest() == farm.replayed().digest()


def test_recount_changes_nothing_of_a_farm_that_is_well(farm: FarmPlay) -> None:
    whole_story(farm)
    before = farm.core.digest()
    recount(farm.core.farm)
    assert farm.core.digest() == before and check(farm.core.farm) == []


def test_recount_mends_what_was_derived(farm: FarmPlay) -> None:
    whole_story(farm)
    before = farm.core.digest()
    state = farm.core.farm
    state.users[1].running_tasks = 99
    state.jobs[2].blocks[0].tasks.counts[0] = 5
    state.renders[1].used_capacity = -1
    assert len(check(state)) >= 3
    recount(state)
    assert farm.core.digest() == before


def test_a_recovered_farm_goes_on_writing_what_changed(farm: FarmPlay) -> None:
    whole_story(farm)
    image = farm.core.snapshot()
    core = recover(image, [])
    assert core.snapshot().jobs == {}
    farm.do(ChangeTasks(2, "skip"))
    core = recover(image, [bytes([0x91]) + farm.entries[-1]])
    assert core.digest() == farm.core.digest()
    assert set(core.snapshot().jobs) == {2}


def test_a_journal_in_pieces(farm: FarmPlay) -> None:
    whole_story(farm)
    core = recover(None, [bytes([0x91]) + entry for entry in farm.entries])
    assert core.digest() == farm.core.digest()
    assert len(core.snapshot().jobs) == 2 and core.snapshot().jobs == {}


def test_a_deleted_job_is_told_to_the_store_after_a_recovery(farm: FarmPlay) -> None:
    shot = farm.submit()
    image = farm.core.snapshot()
    farm.do(DeleteJobs([shot.id]))
    core = recover(image, [bytes([0x91]) + farm.entries[-1]])
    assert core.snapshot().deleted == [shot.id] and core.snapshot().deleted == []


def test_entries_hold_who_and_facts_only() -> None:
    who = Principal("anna", Role.USER, "127.0.0.1")
    envelope = Envelope(AddUser("anna"), who, 5.0, "op1", "because")
    core = Core()
    entry = entry_of(envelope, core.apply(envelope))
    assert entry is not None
    assert (entry.at, entry.operation, entry.principal, entry.role, entry.origin, entry.cause) == (
        *(5.0, "op1", "anna", 10, "127.0.0.1", "because"),
    )
    assert entry_of(envelope, Outcome()) is None
    register = Envelope(RegisterRender("h", 1), SYSTEM_PRINCIPAL, 6.0)
    assert entry_of(register, core.apply(register)) is not None
    tick = Envelope(Tick(), SYSTEM_PRINCIPAL, 7.0)
    assert entry_of(tick, core.apply(tick)) is None


def test_damaged_bytes_are_told() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_entries(msgspec.msgpack.encode([[1.0, "", "", 0, "", "", [[9999]]]]))
    with pytest.raises(msgspec.DecodeError):
        decode_entries(b"\xc1")


def test_columns_come_back_whatever_the_byte_order() -> None:
    table = TaskTable(3, TaskState.DONE)
    table.starts[1], table.render[2] = 258, 70_000
    columns = columns_of(table)
    assert columns[4] == b"\0\0\2\1\0\0"
    again = table_of(columns)
    assert columns_of(again) == columns and again.counts == table.counts
    assert list(unpack_indices(b"\1\0\0\0\0\1\0\0")) == [1, 256]
    assert pack_indices(unpack_indices(b"\1\0\0\0")) == b"\1\0\0\0"


def test_an_unknown_name_of_a_later_version_is_passed_over(farm: FarmPlay) -> None:
    whole_story(farm)
    image = farm.core.snapshot()
    values = msgspec.msgpack.decode(image.farm)
    values["weather"] = "fine"
    values["users"][0]["mood"] = "good"
    image.farm = msgspec.msgpack.encode(values)
    assert recover(image, []).digest() == farm.core.digest()


def test_the_golden_journal_of_this_format_still_reads() -> None:
    kinds = set()
    for name, bodies, digest in golden_journals():
        core = recover(None, bodies)
        assert check(core.farm) == [], name
        assert core.digest() == digest, name
        kinds |= {type(event) for body in bodies for entry in decode_entries(body) for event in entry.events}
    assert set(FACTS) - kinds == set(), "the golden journals hold every kind of fact: tests/unit/afcore/regrow.py"


def test_replay_counts_no_run_twice() -> None:
    replay = Replay(Farm())
    replay.finish()
    assert replay.farm.runs == {}


def test_a_farm_comes_back_after_a_render_was_moved_where_runs_had_ended(farm: FarmPlay) -> None:
    farm.submit()
    render = farm.register(cores=1)
    farm.do(AddPool("/a"))
    (ended,) = farm.solve()
    image, written = farm.core.snapshot(), len(farm.entries)
    farm.do(AddUser("ben"))  # from here on replay knows what runs where
    farm.report(ended)
    farm.solve()
    description = described(parse_farm('<farm><pattern name="all"><mask>.*</mask></pattern></farm>'))
    farm.do(DescribeFarm(description))
    assert farm.core.farm.pools[render.pool].path != "/" and farm.core.farm.pools[render.pool].running_tasks == 1
    later = farm.entries[written:]
    body = bytes([0xDD]) + len(later).to_bytes(4, "big") + b"".join(later)
    assert recover(image, [body]).digest() == farm.core.digest()


def test_what_happens_to_one_job_leaves_the_runs_of_another_on_the_short_way(farm: FarmPlay) -> None:
    """The first rare event since an image builds what is derived: what replay has at hand must not be of before."""
    long = farm.submit(job(block(first=1, last=6)))
    farm.register("host1", cores=2)
    for key in farm.solve():
        farm.report(key)
    image = farm.core.snapshot()
    known = len(farm.entries)
    running = farm.solve()
    assert len(running) == 2
    farm.submit(job(name="other"))
    for key in running:
        farm.report(key)
    farm.do(ChangeTasks(long.id, "skip", [0], [], "ready"))
    assert long.blocks[0].time_done
    rest = farm.entries[known:]
    body = bytes([0xDD]) + len(rest).to_bytes(4, "big") + b"".join(rest)
    assert recover(image, [body]).digest() == farm.core.digest()
