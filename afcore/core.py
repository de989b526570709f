"""The only door to the farm: a command goes in, what happened comes out.

Rules of this file:
- ``apply`` is the only mutator.  It never waits, reads a clock, rolls a dice or opens a file.
- Reject first, then speak: a rule may refuse only before its first event.  Whatever breaks afterwards is a ``Bug``,
  and the farm must not be used any more.
- Each event is evolved before its rule goes on, then told to whoever derives something from it.
"""

from typing import Any

from afcore import commands
from afcore.commands import Command
from afcore.consequences import CONSEQUENCES
from afcore.deadlines import Deadlines
from afcore.effects import DropRun, StartRun, StopRun, TuneRender
from afcore.envelope import Envelope
from afcore.errors import Bug, Rejected
from afcore.events import BranchAdded, Event, FarmFounded, JobDeleted, PoolAdded, RunFinished
from afcore.evolve import HANDLERS
from afcore.history import job_rows, run_row
from afcore.image import FarmImage, digest
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.outcome import Outcome
from afcore.queued import Queued
from afcore.rules import (
    access,
    append,
    hosts,
    jobs,
    order,
    pools,
    renders,
    runs,
    submit,
    sysjob,
    tasks,
    time,
    tree,
    trynext,
    undo,
    wol,
)
from afcore.rules.base import Context, Rule
from afcore.rules.reactions import REACTIONS
from afcore.saving import Saving
from afcore.schedule.solver import Scheduler
from afcore.story import Story
from afcore.undo import UndoLog

__all__ = ["RULES", "Core"]

RULES: dict[type, Rule] = {
    commands.SubmitJob: submit.submit_job,
    commands.SetJobs: jobs.set_jobs,
    commands.SetBlocks: jobs.set_blocks,
    commands.PauseJobs: jobs.pause_jobs,
    commands.StartJobs: jobs.start_jobs,
    commands.StopJobs: jobs.stop_jobs,
    commands.RestartJobs: jobs.restart_jobs,
    commands.DeleteJobs: jobs.delete_jobs,
    commands.ChangeTasks: tasks.change_tasks,
    commands.TryNext: trynext.try_next,
    commands.ResetErrorHosts: tasks.reset_error_hosts,
    commands.MoveJobs: order.move_jobs,
    commands.AppendBlocks: append.append_blocks,
    commands.AppendTasks: append.append_tasks,
    commands.AddPool: pools.add_pool,
    commands.DeletePools: pools.delete_pools,
    commands.DeleteBranches: pools.delete_branches,
    commands.DeleteUsers: pools.delete_users,
    commands.MoveRenders: pools.move_renders,
    commands.DescribeFarm: hosts.describe_farm,
    commands.ChangePoolServices: pools.change_pool_services,
    commands.ChangeRenderServices: pools.change_render_services,
    commands.RestoreRenders: pools.restore_renders,
    commands.HealRenders: pools.heal_renders,
    commands.EjectTasks: pools.eject_tasks,
    commands.SleepRenders: wol.sleep_renders,
    commands.WakeRenders: wol.wake_renders,
    commands.ExitRenders: wol.exit_renders,
    commands.PowerRenders: wol.power_renders,
    commands.FailInstruction: wol.fail_instruction,
    commands.AddUser: tree.add_user,
    commands.SetUsers: tree.set_users,
    commands.SetPools: tree.set_pools,
    commands.SetBranches: tree.set_branches,
    commands.SetRenders: renders.set_renders,
    commands.DeleteRenders: renders.delete_renders,
    commands.UndoOperation: undo.undo_operation,
    commands.RegisterRender: renders.register_render,
    commands.LoseRender: renders.lose_render,
    commands.DeregisterRender: renders.deregister_render,
    commands.ReportRun: runs.report_run,
    commands.MeasureRender: runs.measure_render,
    commands.Solve: runs.solve,
    commands.Tick: time.tick,
    commands.AcceptRestart: time.accept_restart,
}
"""The rule of every command."""

_REPEATED = (StartRun, StopRun, DropRun, TuneRender)


class Core:
    """A farm with everything that decides about it."""

    def __init__(
        self,
        farm: Farm | None = None,
        *,
        epoch: int | None = None,
        scheduler: Scheduler | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """Take a farm (after a recovery), or begin an empty one.

        An empty farm is founded by its first command: its columns count seconds from ``epoch``, by default a minute
        before that command.  ``scheduler`` and ``deadlines`` are made from the farm unless they are given.
        """
        self.farm = Farm() if farm is None else farm
        self._epoch = epoch
        self.story = Story()
        self.undo = UndoLog()
        self.scheduler = Scheduler(self.farm) if scheduler is None else scheduler
        self.deadlines = Deadlines(self.farm) if deadlines is None else deadlines
        self.queued = Queued(self.farm)
        self._saved_version = 0
        self._deleted: list[int] = []
        self._saving: Saving | None = None
        self._told: list[int] = []
        """Jobs that the newest snapshot names as deleted: not yet certain to be written."""
        self._founding: list[Event] = []

    # Commands

    def apply(self, envelope: Envelope[Any]) -> Outcome:
        """Do what a command asks.

        Raises a ``Rejected`` when the farm says no: nothing has happened then.  Raises ``Bug`` when a rule breaks;
        after that this core must not be used.
        """
        command: Command = envelope.command
        name = type(command).__name__
        access.check(envelope.principal, command, self.farm)
        sysjob.guard(command)
        if not self.farm.branches:
            self._found(envelope)
        outcome = Outcome()
        context = Context(
            self.farm, envelope.at, envelope.principal, self.scheduler, self.deadlines, self.undo, self.queued
        )
        self.undo.begin(envelope)
        try:
            steps = RULES[type(command)](context, command)
            while True:
                step = next(steps)
                if isinstance(step, _REPEATED):
                    outcome.effects.append(step)
                else:
                    self._happen(step, envelope, outcome)
        except StopIteration as end:
            outcome.reply = end.value
            self.undo.end(self.farm)
        except Rejected as refused:
            if outcome.events:
                raise Bug(f"{name} was refused after it had begun: {refused}") from refused
            raise
        except Exception as error:
            raise Bug(f"{name} broke after {len(outcome.events)} events: {error!r}") from error
        if self._founding:
            outcome.events[:0] = self._founding
            self._founding = []
        self.farm.runs.settle()
        return outcome

    def _happen(self, event: Event, envelope: Envelope[Any], outcome: Outcome) -> None:
        """Let one event happen, and everything that comes from it."""
        farm, at = self.farm, envelope.at
        kind = type(event)
        if self._saving is not None:
            self._saving.before(event)
            if self._saving.whole:
                self._saving = None
        if kind is RunFinished:
            outcome.runs.append(run_row(farm, event, at, envelope.command))  # type: ignore[arg-type]
        elif kind is JobDeleted:
            outcome.jobs.extend(job_rows(farm, farm.jobs[event.job], at))  # type: ignore[union-attr]
            self._deleted.append(event.job)  # type: ignore[union-attr]
        self.undo.before(farm, event)
        reaction = REACTIONS.get(kind)
        following = None if reaction is None else reaction(farm, event, at)
        farm.version += 1
        HANDLERS[kind](farm, event, at)
        outcome.events.append(event)
        consequence = CONSEQUENCES.get(kind)
        if consequence is not None:
            effect = consequence(farm, event)
            if effect is not None:
                outcome.effects.append(effect)
        self.scheduler.note(event, at)
        self.deadlines.note(event, at)
        self.queued.note(event)
        self.story.note(event, envelope)
        if following is not None:
            for each in following:
                self._happen(each, envelope, outcome)

    def _found(self, envelope: Envelope[Any]) -> None:
        """Make the farm's root branch and root pool; the next outcome tells it."""
        outcome = Outcome()
        epoch = int(envelope.at) - 60 if self._epoch is None else self._epoch
        events: list[Event] = [
            FarmFounded(epoch),
            BranchAdded(1, "/", 0, {"create_childs": True}),
            PoolAdded(1, "/", 0),
        ]
        for event in events:
            self._happen(event, envelope, outcome)
        self._founding = outcome.events

    def adopt(self, defaults: Defaults) -> None:
        """Take the studio's settings anew: what they decide counts from now on.

        Of what is remembered beside the farm only that is built again which follows from a setting that changed.
        """
        before, self.farm.defaults = self.farm.defaults, defaults
        if defaults.capacity_per_core != before.capacity_per_core:
            # How much room each render has; no other setting decides who may start what.
            self.scheduler = Scheduler(self.farm)
        if defaults != before:
            self.deadlines = Deadlines(self.farm)

    # Time

    @property
    def wants_solve(self) -> bool:
        """Whether a ``Solve`` could start something now."""
        return self.scheduler.wanted

    def deadline(self) -> float | None:
        """Return when a ``Tick`` is due (unix seconds), or None when nothing depends on time."""
        times = [each for each in (self.scheduler.deadline(), self.deadlines.next()) if each is not None]
        return min(times, default=None)

    # Keeping

    def snapshot(self) -> FarmImage:
        """Return the farm as bytes: of jobs and columns only what changed since the last call.

        The first call after a start from nothing returns everything.  When writing fails, call ``unsaved`` so that
        the next one returns everything again.
        """
        return self.save().finish()

    def save(self) -> Saving:
        """Begin such an image, to be made step by step: it is of this moment, whatever happens until it is whole."""
        if self._saving is not None:
            self._saving.finish()
        self._saving = Saving(self.farm, since=self._saved_version, deleted=self._deleted)
        self._saved_version = self.farm.version
        self._told, self._deleted = self._deleted, []
        return self._saving

    def mark_saved(self, version: int, deleted: list[int]) -> None:
        """After a recovery: a store has everything up to ``Farm.version``, except that it has ``deleted`` still."""
        self._saved_version = version
        self._deleted = deleted

    def unsaved(self) -> None:
        """Forget that anything was written: the next snapshot is whole, with what the last one said was deleted."""
        self._saved_version = -1
        self._deleted = self._told + self._deleted
        self._told = []

    def digest(self) -> str:
        """Return a text that is the same for two farms exactly when everything true of them is."""
        return digest(self.farm)
