"""The agent's mind, as plays: what it is told, and what it asks for."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from afcore.errors import Bug
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import Acknowledge, Drop, Registered, Report, Start, Stop
from afrender.agent import PROGRESS_PERIOD, Agent
from afrender.states import TRANSITIONS, RunState, final_status
from afrender.stimuli import (
    Connected,
    Enrol,
    Forget,
    Keep,
    Kill,
    Leave,
    Left,
    Lost,
    Measure,
    ProcessExited,
    ProcessRefused,
    ProcessStarted,
    ProgressSeen,
    Restored,
    Say,
    Spawn,
    Terminate,
    Tick,
    VerdictReached,
)
from tests.runspecs import run_spec as spec

KEY = RunKey(2, 0, 0, 1)
NEXT = RunKey(2, 0, 0, 2)
OTHER = RunKey(2, 0, 1, 1)


class Play:
    """An agent whose time goes on by itself, checked after everything it is told."""

    def __init__(self, *, online: bool = True, **options: object) -> None:
        self.agent = Agent(**options)  # type: ignore[arg-type]
        self.now = 100.0
        if online:
            self.online()

    def online(self, **settings: float) -> list[object]:
        self.tell(Connected("farm"))
        return self.tell(Registered(7, heartbeat=settings.pop("heartbeat", 5.0), **settings))

    def tell(self, stimulus: object) -> list[object]:
        self.now += 0.001
        actions = self.agent.receive(stimulus, self.now)
        assert self.agent.check() == []
        return list(actions)

    def running(self, key: RunKey = KEY) -> None:
        assert self.tell(Start([spec(*key)])) == [Spawn(spec(*key))]
        assert self.tell(ProcessStarted(key, 4000 + key.task, 1000.0)) == []

    def finished(self, key: RunKey = KEY, **more: object) -> Report:
        told: dict[str, object] = {"judged": RunStatus.SUCCESS, "exit_status": 0, **more}
        keep, *rest = self.tell(ProcessExited(key, **told))  # type: ignore[arg-type]
        assert isinstance(keep, Keep)
        assert rest == ([Say(keep.report)] if self.agent.render else [])
        return keep.report


def test_a_task_from_start_to_acknowledgement():
    play = Play()
    play.running()
    play.now += 3
    report = play.finished(warning=True, report="done", resources="triangles:5", log_size=12)
    assert report == Report(
        *KEY,
        status=RunStatus.SUCCESS,
        exit_status=0,
        started=1000.0,
        duration=report.duration,
        warning=True,
        report="done",
        resources="triangles:5",
        log_size=12,
    )
    assert report.duration == pytest.approx(3, abs=0.01)
    assert play.tell(Acknowledge([KEY])) == [Forget([KEY], log=False)]
    assert play.agent.runs == {}
    assert play.tell(Acknowledge([KEY])) == []
    assert [entry.text.split(":")[0] for entry in play.agent.story(KEY)] == [
        "room made",
        "process started",
        "process exited",
        "acknowledged",
    ]


def test_a_start_that_it_has_already_is_ignored():
    play = Play()
    play.running()
    assert play.tell(Start([spec()])) == []
    play.finished()
    assert play.tell(Start([spec()])) == []


def test_an_order_to_stop_terminates_and_is_reported_as_stopped():
    play = Play(grace=4.0)
    play.running()
    assert play.tell(Stop(*KEY)) == [Terminate(KEY, 4.0)]
    assert play.tell(Stop(*KEY)) == []
    assert play.finished(judged=RunStatus.KILLED, exit_status=-15).status == RunStatus.STOPPED


def test_an_order_to_stop_before_the_process_lives():
    play = Play()
    play.tell(Start([spec()]))
    assert play.tell(Stop(*KEY)) == []
    assert play.tell(ProcessStarted(KEY, 5, 0.0)) == [Terminate(KEY, play.agent._grace)]


def test_an_order_to_stop_what_is_not_here_is_answered():
    play = Play()
    (said,) = play.tell(Stop(*KEY))
    assert isinstance(said, Say) and said.report.status == RunStatus.NEVER_STARTED
    play.tell(Lost())
    assert play.tell(Stop(*KEY)) == []


def test_the_parsers_verdict_ends_the_process_and_names_the_status():
    play = Play()
    play.running()
    assert play.tell(VerdictReached(KEY, RunStatus.PARSER_ERROR, "bad texture")) == [Terminate(KEY, 10.0)]
    play.tell(Stop(*KEY))
    report = play.finished(judged=RunStatus.KILLED, exit_status=-15, sentence="signal 15")
    assert (report.status, report.errors_text) == (RunStatus.PARSER_ERROR, "bad texture")
    assert play.tell(VerdictReached(KEY, RunStatus.PARSER_ERROR, "late")) == []


def test_a_process_that_does_not_start_is_reported_with_the_sentence():
    play = Play()
    play.tell(Start([spec()]))
    keep, said = play.tell(ProcessRefused(KEY, RunStatus.FAILED_TO_START, "no such folder", 1000.0, log_size=3))
    assert keep.report == said.report
    assert (keep.report.status, keep.report.errors_text) == (RunStatus.FAILED_TO_START, "no such folder")


def test_losing_the_server_ends_nothing_and_reports_wait_for_its_return():
    play = Play()
    play.running()
    play.running(RunKey(2, 0, 1, 1))
    assert play.tell(Lost()) == []
    report = play.finished()
    assert play.tell(Connected("farm")) == [Enrol([KEY, RunKey(2, 0, 1, 1)])]
    assert play.tell(Registered(7)) == [Say(report)]
    assert play.tell(Lost()) == []
    play.tell(Connected("farm"))
    assert play.tell(Registered(7)) == [Say(report)], "said again until it is acknowledged"


def test_a_dropped_run_is_killed_and_nobody_hears_of_it_again():
    play = Play()
    play.running()
    assert play.tell(Drop([KEY])) == [Kill(KEY)]
    assert play.tell(Drop([KEY])) == []
    play.tell(Lost())
    assert play.tell(Connected("farm")) == [Enrol([])]
    assert play.tell(ProcessExited(KEY, RunStatus.KILLED, -9)) == [Forget([KEY], log=True)]
    assert play.agent.runs == {}


def test_a_dropped_report_is_deleted():
    play = Play()
    play.running()
    play.finished()
    assert play.tell(Drop([KEY])) == [Forget([KEY], log=True)]


def test_the_next_run_of_a_task_waits_until_the_former_has_ended():
    play = Play()
    play.running()
    assert play.tell(Start([spec(*NEXT)])) == [Kill(KEY)]
    assert play.agent.runs[NEXT] is RunState.WAITING
    actions = play.tell(ProcessExited(KEY, RunStatus.KILLED, -9))
    assert actions == [Forget([KEY], log=True), Spawn(spec(*NEXT))]


def test_the_next_run_of_a_task_starts_at_once_when_only_a_report_is_left():
    play = Play()
    play.running()
    play.finished()
    assert play.tell(Start([spec(*NEXT)])) == [Forget([KEY], log=True), Spawn(spec(*NEXT))]
    assert play.tell(Start([spec(*KEY)])) == [], "an older run comes late"


def test_a_waiting_run_can_be_stopped_dropped_or_overtaken():
    play = Play()
    play.running()
    play.tell(Start([spec(*NEXT)]))
    third = RunKey(2, 0, 0, 3)
    assert play.tell(Start([spec(*third)])) == [Forget([NEXT], log=True)]
    keep, said = play.tell(Stop(*third))
    assert keep.report.status == RunStatus.STOPPED and isinstance(said, Say)
    assert play.tell(ProcessExited(KEY, RunStatus.KILLED, -9)) == [Forget([KEY], log=True)]


def test_another_farm_does_not_get_reports_and_runs_of_this_one():
    play = Play()
    play.running()
    play.running(RunKey(2, 0, 1, 1))
    play.finished(RunKey(2, 0, 1, 1))
    play.tell(Lost())
    assert play.tell(Connected("other")) == [Kill(KEY), Forget([RunKey(2, 0, 1, 1)], log=True)]
    assert play.tell(ProcessExited(KEY, RunStatus.KILLED, -9)) == [Forget([KEY], log=True), Enrol([])]
    assert play.agent.farm == "other"


def test_reports_of_an_earlier_life_are_said_and_forgotten():
    report = Report(*KEY, status=1, exit_status=0, started=5.0, duration=1.0)
    play = Play(online=False, farm="farm")
    assert play.tell(Restored([report])) == []
    assert play.tell(Connected("farm")) == [Enrol([KEY])]
    assert play.tell(Registered(7)) == [Say(report)]
    assert play.tell(Acknowledge([KEY])) == [Forget([KEY], log=False)]


def test_progress_is_told_a_moment_later_and_once():
    play = Play()
    play.running()
    beat = play.agent.deadline()
    play.tell(ProgressSeen(KEY))
    play.tell(ProgressSeen(KEY))
    deadline = play.agent.deadline()
    assert deadline == pytest.approx(play.now - 0.001 + PROGRESS_PERIOD)
    play.now = deadline
    assert play.tell(Tick()) == [Measure([KEY], host=False)]
    assert play.agent.deadline() == beat
    assert play.tell(Tick()) == []


def test_the_heartbeat_takes_all_news_along_and_comes_again():
    play = Play()
    play.running()
    play.now = play.agent.deadline()
    play.tell(ProgressSeen(KEY))
    assert play.tell(Tick()) == [Measure([KEY], host=True)]
    assert play.agent.deadline() == pytest.approx(play.now + 5)
    play.tell(Lost())
    assert play.agent.deadline() is None


def test_signs_of_life_come_within_the_silence_that_the_farm_allows_and_measure_when_it_is_time():
    play = Play(online=False)
    play.online(heartbeat=1.0, resources_period=3.0, zombie_time=1.5)
    began, measured = play.now, []
    while play.now < began + 6.2:
        play.now = play.agent.deadline()
        (asked,) = play.tell(Tick())
        assert asked.keys == []
        if asked.host:
            measured.append(round(play.now - began))
    assert play.agent.deadline() - play.now == pytest.approx(0.5, abs=0.01)
    assert measured == [3, 6]


def test_news_from_before_the_server_was_lost_are_told_when_it_is_back():
    play = Play()
    play.running()
    play.tell(Lost())
    play.tell(ProgressSeen(KEY))
    assert play.agent.deadline() is None
    play.online()
    assert play.tell(Tick()) == [Measure([KEY], host=False)]


def test_what_was_told_before_a_server_was_lost_is_told_again_to_the_one_that_comes_back():
    play = Play()
    play.running()
    play.running(OTHER)
    play.tell(ProgressSeen(KEY))
    play.now = play.agent.deadline()
    assert play.tell(Tick()) == [Measure([KEY], host=False)]
    play.tell(Lost())
    play.online()
    assert play.tell(Tick()) == [Measure([KEY], host=False)], "of the other there is nothing to tell"
    assert play.tell(Tick()) == []
    play.finished()
    play.tell(Lost())
    play.online()
    assert play.tell(Tick()) == [], "a report says how far it came"


def test_leaving_ends_all_tasks_and_takes_no_more():
    play = Play()
    play.running()
    play.running(RunKey(2, 0, 1, 1))
    play.finished(RunKey(2, 0, 1, 1))
    assert play.tell(Leave("asked")) == [Terminate(KEY, 10.0)]
    assert play.tell(Start([spec(task=5)])) == []
    keep, said, left = play.tell(ProcessExited(KEY, RunStatus.KILLED, -15))
    assert keep.report.status == RunStatus.RENDER_LEFT and left == Left("asked")
    assert play.tell(Leave("again")) == []


def test_leaving_with_nothing_to_do_is_at_once():
    assert Play(online=False).tell(Leave("asked")) == [Left("asked")]


def test_it_leaves_when_there_was_no_task_for_as_long_as_its_pool_says():
    play = Play(online=False)
    play.online(exit_no_task_time=60.0, heartbeat=0.0)
    play.running()
    assert play.agent.deadline() is None
    play.finished()
    play.tell(Acknowledge([KEY]))
    play.now = play.agent.deadline()
    (left,) = play.tell(Tick())
    assert isinstance(left, Left)


def test_a_process_nobody_knows_is_a_bug():
    with pytest.raises(Bug):
        Play().tell(ProcessStarted(KEY, 1, 0.0))
    with pytest.raises(Bug):
        Play().tell(object())
    play = Play()
    play.running()
    with pytest.raises(Bug):
        play.tell(ProcessStarted(KEY, 1, 0.0))


def test_final_status_counts_the_order_over_the_verdict_over_the_end():
    status = RunStatus
    assert final_status(status.ERROR, stopped=None, verdict=None) is status.ERROR
    assert final_status(status.KILLED, stopped=None, verdict=status.PARSER_SUCCESS) is status.PARSER_SUCCESS
    assert final_status(status.SUCCESS, stopped=status.STOPPED, verdict=None) is status.STOPPED


def test_every_state_but_the_last_can_be_left_and_dropped_runs_end_in_nothing():
    for state in RunState:
        ways = {after for (before, _), (after, _) in TRANSITIONS.items() if before is state}
        assert (ways - {state}) or state is RunState.GONE
        if state not in (RunState.GONE,):
            reached, todo = {state}, [state]
            while todo:
                before = todo.pop()
                for (at, _), (after, _) in TRANSITIONS.items():
                    if at is before and after not in reached:
                        reached.add(after)
                        todo.append(after)
            assert RunState.GONE in reached


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: the rules hold, and every run ends with its process."""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(online=False)
        self.spawned: set[RunKey] = set()
        self.started: set[RunKey] = set()
        self.runs = {0: 0, 1: 0}
        self.said: set[RunKey] = set()
        self.farms = 0

    def do(self, stimulus: object) -> None:
        for action in self.play.tell(stimulus):
            if isinstance(action, Spawn):
                key = RunKey(action.run.job, action.run.block, action.run.task, action.run.run)
                alive = {other[:3] for other in self.spawned | self.started}
                assert key[:3] not in alive, "two processes of one task"
                self.spawned.add(key)
            elif isinstance(action, Say):
                assert self.play.agent.render
            elif isinstance(action, Terminate | Kill):
                assert action.key in self.started

    keys = st.builds(RunKey, st.just(2), st.just(0), st.integers(0, 1), st.integers(1, 4))

    @rule(task=st.integers(0, 1))
    def start(self, task: int) -> None:
        self.runs[task] += 1
        self.do(Start([spec(task=task, run=self.runs[task])]))

    @rule(key=keys)
    def start_again(self, key: RunKey) -> None:
        if key.run <= self.runs[key.task]:
            self.do(Start([spec(*key)]))

    @rule(key=keys)
    def stop(self, key: RunKey) -> None:
        self.do(Stop(*key))

    @rule(key=keys)
    def drop(self, key: RunKey) -> None:
        self.do(Drop([key]))

    @rule(key=keys)
    def acknowledge(self, key: RunKey) -> None:
        self.do(Acknowledge([key]))

    @rule(key=keys, status=st.sampled_from([RunStatus.PARSER_ERROR, RunStatus.PARSER_SUCCESS]))
    def verdict(self, key: RunKey, status: RunStatus) -> None:
        self.do(VerdictReached(key, status))

    @rule(key=keys)
    def progress(self, key: RunKey) -> None:
        self.do(ProgressSeen(key))

    @precondition(lambda self: self.spawned)
    @rule(data=st.data())
    def started_or_refused(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.spawned)))
        self.spawned.discard(key)
        if data.draw(st.booleans()):
            self.started.add(key)
            self.do(ProcessStarted(key, 1, 0.0))
        else:
            self.do(ProcessRefused(key, RunStatus.FAILED_TO_START, "no", 0.0))

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def exited(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.started)))
        self.started.discard(key)
        self.do(ProcessExited(key, RunStatus.SUCCESS, 0))

    @rule(same=st.booleans())
    def connect(self, same: bool) -> None:
        self.do(Lost())
        self.farms += not same
        self.do(Connected(f"farm{self.farms}"))
        if not self.play.agent._enrol_when_empty:
            self.do(Registered(3))

    @rule()
    def lost(self) -> None:
        self.do(Lost())

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.play.now += seconds
        self.do(Tick())

    @invariant()
    def processes_are_known(self) -> None:
        assert set(self.play.agent.living) == self.spawned | self.started


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


def test_check_names_every_broken_rule():
    play = Play()
    play.running()
    play.running(RunKey(2, 0, 1, 1))
    play.finished(RunKey(2, 0, 1, 1))
    agent = play.agent
    assert agent.report(RunKey(2, 0, 1, 1)) is not None and agent.report(KEY) is None
    assert agent.report(RunKey(9, 9, 9, 9)) is None
    runs = agent._runs
    runs[RunKey(2, 0, 1, 1)].report = None
    runs[NEXT] = type(runs[KEY])(NEXT, None, RunState.STARTING)
    runs[RunKey(2, 0, 3, 1)] = type(runs[KEY])(RunKey(2, 0, 3, 1), None, RunState.GONE)
    agent._news[RunKey(5, 5, 5, 5)] = None
    said = "; ".join(agent.check())
    for words in ("live together", "report None", "gone but not forgotten", "nobody knows", "unknown", "otherwise"):
        assert words in said


def test_older_reports_of_a_task_do_not_hide_the_newest():
    reports = [Report(2, 0, 0, run, status=1, exit_status=0, started=5.0, duration=1.0) for run in (2, 1)]
    play = Play(online=False)
    play.tell(Restored(reports))
    play.online()
    assert play.tell(Start([spec(run=2)])) == [] and play.tell(Start([spec(run=1)])) == []
    assert play.tell(Start([spec(run=3)])) == [Forget([NEXT], log=True), Spawn(spec(run=3))]
