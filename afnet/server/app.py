"""The composition root of the server: what there is, who knows whom, and in which order it starts and stops.

Start: database (locked, loaded) - core (recovered) - writer - files - runner, which is told first that the server came
back - door.  Stop: door - runner - snapshot - readings - writer - files - database.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afcore.codec import encode_entry
from afcore.commands import AcceptRestart
from afcore.config import Config
from afcore.core import Core
from afcore.effects import Effect
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.errors import AfError, ConfigError, StoreError
from afcore.events import Event
from afcore.invariants import check
from afcore.outcome import Entry
from afcore.replay import recover
from afcore.rows import NoticeRow
from afcore.servicetable import SERVICES
from afcore.states import Role
from afcore.store.base import Recovered, Store
from afcore.store.ledger import AuditRow
from afcore.store.memory import MemoryStore
from afcore.store.writer import Writer, WriterState
from afcore.systemcommand import SYSTEM_JOB
from afnet.client.servers import Address
from afnet.server.announcing import Announcer
from afnet.server.audit import Audit
from afnet.server.board import Board
from afnet.server.budgets import RequestBudget
from afnet.server.caller import Limits
from afnet.server.callers import Callers
from afnet.server.clock import Clock
from afnet.server.coming import ComingLogs
from afnet.server.defaults import defaults_of
from afnet.server.desk import ClassicDesk
from afnet.server.door import Door
from afnet.server.dump import write_dump
from afnet.server.fanout import Fanout
from afnet.server.farmfile import changed_settings, refusal, reload_command, start_command
from afnet.server.files import FileStore
from afnet.server.follow import Followers
from afnet.server.keeping import Keeper, past_kept, retention_of
from afnet.server.latehttp import LateHttp
from afnet.server.latestatistics import LateStatistics
from afnet.server.listen import connections_allowed
from afnet.server.memory import give_back
from afnet.server.metrics import Figures
from afnet.server.networks import read_networks
from afnet.server.notices import Notices
from afnet.server.pages import ClassicPages
from afnet.server.past import Past
from afnet.server.quarantine import Quarantine, put_offline
from afnet.server.queries import Queries
from afnet.server.reception import Reception
from afnet.server.renders import Renders
from afnet.server.requests import Requests
from afnet.server.resources import ResourceHistory
from afnet.server.runner import Answer, Runner
from afnet.server.secured import Secured
from afnet.server.tally import Tally
from afnet.wire.messages import FileAccepted, Welcome

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["VERSION", "FarmServer", "build_server"]

VERSION = "0.1.0"

_log = logging.getLogger(__name__)

_CHECK_AFTER = 0.5
"""Seconds after the start at which the recovered farm is checked."""

_SNAPSHOT_TIME = 20.0
"""Seconds that the stop waits for its snapshot; without it the next start reads the journal instead."""


def build_server(
    config: Config,
    *,
    clock: Clock,
    store: Store,
    data: Path,
    listen: Sequence[Address],
    loop: asyncio.AbstractEventLoop,
) -> "FarmServer":
    """Recover the farm from ``store`` and put a server around it; nothing listens before ``start``.

    Raises StoreError when the store holds what cannot be read.
    """
    gc.disable()
    recovered = store.load()
    audit = Audit()
    core = recover(
        recovered.snapshot,
        (batch.body for batch in recovered.batches),
        defaults=defaults_of(config),
        on_act=audit.note,
    )
    gc.freeze()
    gc.enable()
    # The two young generations are enough: what gets old here lives long and is free of cycles.
    gc.set_threshold(20_000, 20, 1_000_000)
    server = FarmServer(config, clock, store, recovered, core, audit, data=data, listen=listen, loop=loop)
    recovered.snapshot = None  # it is in the farm now; here it would only cost memory
    give_back()
    return server


class FarmServer:
    """One server with everything in it (and the runner's ``Observer``)."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        store: Store,
        recovered: Recovered,
        core: Core,
        audit: Audit,
        *,
        data: Path,
        listen: Sequence[Address],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._config = config
        self._clock = clock
        self._store = store
        self._recovered = recovered
        self._data = data
        self._loop = loop
        self._started = 0.0
        self._exit = 0
        self._over: asyncio.Future[None] = loop.create_future()
        self._checking: asyncio.TimerHandle | None = None
        self.http = LateHttp(self._build_http, loop)
        self.core = core
        farm = core.farm
        self.tally = Tally(farm)
        self.board = Board(farm, first_version=int(clock.now() * 1000), scheduler=lambda: self.core.scheduler)
        self.audit = audit
        self.writer = Writer(
            store,
            on_committed=lambda seq: self._on_loop(partial(self.runner.on_committed, seq)),
            on_failed=lambda error: self._on_loop(partial(self._store_failed, error)),
            on_away=lambda error: self._on_loop(partial(self._store_away, error)),
            on_back=lambda: self._on_loop(self._store_back),
        )
        self.runner = Runner(
            core,
            clock=clock,
            loop=loop,
            writer=self.writer,
            observer=self,
            encode=encode_entry,
            epoch=recovered.epoch,
            last_seq=store.last_seq,
        )
        self.quarantine = Quarantine(data)
        self.runner.refusal = self.quarantine.refusal
        self.runner.solving_paused = self.quarantine.paused(clock.now())
        self.reception = Reception(
            recovered, self.runner, config, now=clock.now, loop=loop, end=self._rights_ended
        )
        self.secured = Secured(
            config, data, listen, recovered.kept, self.runner, self.reception.auditor, now=clock.now
        )
        self.secured.nodes.on_ended = self._rights_ended
        authority = self.secured.authority
        self._announcer = Announcer(
            config, fingerprint=authority.fingerprint if authority else "", foreign=config["foreign_addresses"]
        )
        self.keeper = Keeper(
            core,
            self.runner,
            self.writer,
            clock,
            events=config["snapshot_events"],
            size=config["snapshot_bytes"],
            retention=lambda: retention_of(self._config, self.statistics.followed),
            snapshot_seq=recovered.snapshot.seq if recovered.snapshot is not None else 0,
            on_loop=self._on_loop,
            call_later=loop.call_later,
        )
        self.files = FileStore(
            data / "files",
            budget=config["files_budget"],
            largest_file=config["log_bytes_max"] + 4096,
            answer=self._files_accepted,
            finished_jobs=self._finished_jobs,
        )
        self.resources = ResourceHistory(
            farm,
            data / "resources",
            keep_days=config["resources_keep_days"],
            keep_bytes=config["resources_keep_bytes"],
            now=clock.now,
            loop=loop,
        )
        self.statistics = LateStatistics(
            lambda kind: kind(
                config, data=data, farm=farm, identity=recovered.farm, store=store, board=self.board,
                noted=self.reception.noted, forget=self.writer.put_forget, now=clock.now, loop=loop,
            ),
            wanted=bool(config["statistics_database"] or config["af_db_conninfo"])
            or not isinstance(store, MemoryStore),
            loop=loop,
        )  # fmt: skip
        self.past = Past(
            farm, store, defaults=lambda: defaults_of(self._config), keep=lambda: past_kept(self._config),
            settled=self._settled, now=clock.now, loop=loop,
        )  # fmt: skip
        coming = ComingLogs(loop.call_later)
        self.queries = Queries(
            farm,
            files=self.files,
            coming=coming,
            store=store,
            audit=self.audit,
            status=self.status,
            traffic=lambda: self.door.traffic.rows(),
            settings=lambda: [each._asdict() for each in self._config.explain()],
            now=clock.now,
            loop=loop,
            why=self._why,
            resources=self.resources.answer,
            runs_kept=lambda: self._config["history_keep_days"],
        )
        self.queries.offer("statistics.show", self.statistics.show, self.statistics.readers)
        self.requests = Requests(self.runner, self.queries, services=frozenset((*SERVICES, *config["services"])))
        self.requests.own = {
            "farm.reload": self._reload_farm,
            "config.reload": self._reload_config,
            "server.resume": self._resume,
            **self.reception.accounts.operations,
            **self.statistics.operations,
            **self.secured.operations,
            **self.past.operations,
        }
        self.renders = Renders(farm, self.runner, remove_files=self.files.remove_job, coming=coming, loop=loop)
        self.requests.seats = self.renders.at
        self.requests.budget = RequestBudget(config["peer_requests_per_second"], clock=loop.time)
        self.fanout = Fanout(farm, self.board, now=clock.now, loop=loop)
        self.followers = Followers(farm, self.queries, agent_of=self.renders.running_on)
        self.notices = Notices(self._notices_now, first_version=int(clock.now() * 1000))
        self.callers = Callers(
            farm,
            welcome=self._welcome,
            renders=self.renders,
            requests=self.requests,
            fanout=self.fanout,
            notices=self.notices,
            followers=self.followers,
            files=self.files,
            coming=coming,
        )
        self.pages = ClassicPages(config["af_http_serve_dir"], front=config["classic_front_page"])
        self.classic = ClassicDesk(
            farm,
            self.requests,
            clock,
            audit=audit,
            store=store,
            board=self.board,
            followers=self.followers,
            pages=self.pages,
            version=f"afserver {VERSION}",
            port=lambda: self.door.addresses[0].port,
        )
        self.door = Door(
            listen,
            on_native=self.callers,
            on_classic=self.classic.answer,
            recognise=self.reception.people.recognise,
            guests=read_networks(config["classic_networks"], source=config.source("classic_networks")),
            names=frozenset(config["server_names"]),
            limits=Limits(
                first_byte_time=config["first_byte_timeout"],
                connections_per_address=config["peer_connections_max"],
                connections=connections_allowed(),
            ),
            tls=self.secured.context,
            recognise_node=self.secured.nodes.recognise,
            foreign=frozenset(config["foreign_addresses"]),
        )
        self.secured.nodes.connected = self.door.peers.nodes

    # Life

    def bind(self) -> None:
        """Take the ports; ConfigError with a sentence when one is taken."""
        self.door.bind()

    async def start(self) -> None:
        """Start everything; on return the server answers."""
        self._started = self._clock.now()
        self.bind()
        self.reception.open(self.door.addresses)
        self.writer.start()
        self.statistics.start()
        self.files.start(list(self.core.farm.jobs))
        self.runner.post(AcceptRestart(), SYSTEM_PRINCIPAL)
        for command in self.quarantine.offline():
            self.runner.post(command, SYSTEM_PRINCIPAL, partial(put_offline, command))
        if self.runner.solving_paused:
            _log.critical("%s. `afcmd server resume` lets it go on.", self.runner.solving_paused)
            self._notices_changed()
        described = start_command(self._config, self.core.farm.description)
        if described is not None:
            self.runner.post(described, SYSTEM_PRINCIPAL, self._farm_loaded)
        self.door.on_http = self.http
        await self.door.open()
        self.http.start()
        self._announcer.start(self.door.addresses)
        # Callers are not kept waiting for it, and it is true at any moment.
        self._checking = self._loop.call_later(_CHECK_AFTER, self._check)

    def _rights_ended(self, test: Callable[[str, str], bool], reason: str) -> None:
        self.door.end(test, reason)

    def _check(self) -> None:
        for violation in check(self.core.farm):
            _log.error("after the recovery something is not as it must be: %s", violation)

    def _build_http(self) -> "web.Application":
        from afnet.server.http import build_http
        from afnet.server.webpages import FarmSources

        budget = self.requests.budget
        sources = FarmSources(
            farm=self.core.farm, fanout=self.fanout, now=self._clock.now, resources=self.resources.answer,
            take=budget.take if budget is not None else lambda origin: None, front=not self.pages.front,
            seats=self.requests.seats, followers=self.followers, lag=self.statistics.lag,
            warning=self._warning, complete=self.board.complete,
            on_rights_ended=self.door.rights_watched.append,
        )  # fmt: skip
        return build_http(
            self.requests,
            version=VERSION,
            figures=self.figures,
            principal_of=self.door.principal_of,
            largest_body=self._config["message_bytes_max"],
            classic_pages=self.pages,
            recognise=self.reception.people.recognise,
            guests=self.door.guests,
            is_distant=self.door.is_distant,
            names=frozenset(self._config["server_names"]),
            pairing=self.secured.pairing,
            web_pages=sources,
        )

    async def wait(self) -> int:
        """Wait until somebody asks the server to stop; return the exit code."""
        await self._over
        return self._exit

    def ask_to_stop(self, exit_code: int = 0) -> None:
        """End ``wait``; the first reason counts."""
        if not self._over.done():
            self._exit = exit_code
            self._over.set_result(None)

    async def stop(self) -> None:
        """Stop in order: nothing that was acknowledged is lost, nothing new is taken."""
        if self._checking is not None:
            self._checking.cancel()
        await self._loop.run_in_executor(None, self._announcer.stop)
        await self.door.close()
        await self.reception.close()
        self.classic.monitors.close()
        await self.http.stop()
        if self._exit == 0 and self.writer.state is WriterState.READY:
            await self._last_snapshot()
        self.keeper.stop()
        await self.statistics.stop()
        self.runner.stop()
        self.resources.cancel()
        await self._loop.run_in_executor(None, self.past.stop)
        await self._loop.run_in_executor(None, self.resources.stop)
        await self._loop.run_in_executor(None, self.writer.stop)
        await self._loop.run_in_executor(None, self.files.stop)
        self._store.close()

    async def _last_snapshot(self) -> None:
        written: asyncio.Future[None] = self._loop.create_future()

        def done(error: StoreError | None) -> None:
            if not written.done():
                written.set_result(None)

        if self.keeper.take(done):
            await asyncio.wait([written], timeout=_SNAPSHOT_TIME)

    def _on_loop(self, function: Callable[[], Any]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    # Observer

    def happened(self, events: list[Event], initiator: str) -> None:
        """Screens first: they need not wait for the disk."""
        self.tally.note(events, self._clock.now())
        self.resources.note(events)
        if self.board.watched:
            self.board.mark(events, initiator)
            self.fanout.changed()
        self.statistics.happened(events)

    def acted(self, entry: Entry, action: str) -> AuditRow | None:
        """A person or a node did something."""
        if entry.role < Role.NODE:
            self.audit.note(entry)
        return self.reception.auditor.of_entry(entry, action)

    def release(self, effects: list[Effect]) -> None:
        """Effects that are durable."""
        self.renders.release(effects)

    def released(self) -> None:
        """The end of what one commit let out."""
        self.renders.send_gathered()

    def committed(self, seq: int, facts: int, size: int) -> None:
        """A batch is durable."""
        self.keeper.committed(facts, size)
        self.statistics.committed()

    def broken(self, error: BaseException, envelope: Envelope[Any] | None) -> None:
        """The core broke: write down what it was about, and stop."""
        now = self._clock.now()
        path = write_dump(self._data, now, error, envelope, version=VERSION, committed_seq=self.runner.committed_seq)
        stop = self.quarantine.add(now, path, error, envelope, self.core)
        about = ", ".join([*(f"job {id}" for id in stop.jobs), *(f"render {name}" for name in stop.renders)])
        _log.critical(
            "The server made a mistake and stops: %s; see %s. Its next start refuses this %s%s",
            error, path, stop.command, about and f" and puts offline: {about}", exc_info=error,
        )  # fmt: skip
        self.ask_to_stop(3)

    # The store

    def _store_failed(self, error: StoreError) -> None:
        _log.critical("%s The server stops. %s", error.sentence, error.hint)
        self.ask_to_stop(4)

    def _store_away(self, error: StoreError) -> None:
        _log.warning("%s: until it is back nothing new starts and nothing is acknowledged", error)
        self.runner.on_away(error)
        self._notices_changed()

    def _store_back(self) -> None:
        _log.warning("The database is back.")
        self.runner.on_back()
        self._notices_changed()

    # What others ask

    def _notices_now(self) -> list[NoticeRow]:
        away, paused = self.runner.away, self.runner.solving_paused
        notices = [] if not paused else [NoticeRow(1, f"{paused}.", "`afcmd server resume` lets it go on.")]
        if away is not None:
            notices.append(NoticeRow(2, f"{away.sentence}; until it is back nothing new starts.", away.hint))
        return notices

    def _warning(self) -> str:
        return " ".join(each.sentence for each in self._notices_now())

    def _notices_changed(self) -> None:
        self.notices.changed()
        self.classic.monitors.warn(self._warning())

    def _settled(self, function: Callable[[], None]) -> None:
        """Call ``function`` when what was applied so far is durable; at once while the database is away."""
        if self.runner.away is None:
            self.runner.after_commit(function)
        else:
            function()

    def _farm_loaded(self, reply: Any, error: AfError | None) -> None:
        if error is not None:
            _log.error("the farm file is not loaded, the farm stays as it was: %s", error)

    def _resume(self, given: dict[str, Any], principal: Principal, answer: Answer) -> None:
        was = self.runner.solving_paused
        self.quarantine.resume(self._clock.now())
        self.runner.resume_solving()
        self._notices_changed()
        what = "let the farm start tasks again"
        self.reception.noted(principal, "server.resume", what, answer, {"resumed": bool(was)})

    def _reload_farm(self, given: dict[str, Any], principal: Principal, answer: Answer) -> None:
        self.requests.post(reload_command(self._config), principal, answer, action="farm.reload")

    def _reload_config(self, given: dict[str, Any], principal: Principal, answer: Answer) -> None:
        try:
            new = self._config.read_again()
        except ConfigError as error:
            raise refusal(error) from None
        rows = changed_settings(self._config, new)
        self._config = new
        self.core.adopt(defaults_of(new))
        self.requests.offer(frozenset((*SERVICES, *new["services"])))
        self.door.guests = read_networks(new["classic_networks"], source=new.source("classic_networks"))
        self.runner.wake()
        self._loop.run_in_executor(None, self.pages.reload)
        _log.info("%s read the configuration again: %d settings changed", principal.name, len(rows))
        names = ", ".join(row["name"] for row in rows) or "nothing"
        what = f"read the configuration again: {names} changed"
        self.reception.noted(principal, "config.reload", what, answer, {"rows": rows, "next": None})

    def _files_accepted(self, answers: list[tuple[int, FileAccepted]]) -> None:
        self._on_loop(partial(self.callers.files_accepted, answers))

    def _finished_jobs(self) -> list[int]:
        done = [(job.time_done, job.id) for job in list(self.core.farm.jobs.values()) if job.time_done]
        return [id for _, id in sorted(done)]

    def _welcome(self) -> Welcome:
        return Welcome(
            0,
            f"afserver {VERSION}",
            self._recovered.farm,
            self._recovered.epoch,
            time=self._clock.now(),
            servers=self.secured.told(self.door.addresses),
        )

    def figures(self, loop_lag: float) -> Figures:
        """Return what metrics are made from."""
        runner = self.runner
        return Figures(
            farm=self.core.farm,
            tally=self.tally,
            up=self._clock.now() - self._started,
            loop_lag=loop_lag,
            batches_open=runner.closed_seq - runner.committed_seq,
            commit_age=runner.commit_age(),
            database_up=runner.away is None,
            connections=len(self.door.peers),
            subscriptions=len(self.fanout),
            commands=runner.applied,
            files_bytes=self.files.kept,
            statistics=self.statistics.lag(),
        )

    def _why(self, **about: int) -> dict[str, Any]:
        """Say why a task does not start."""
        from afcore.why.answer import why  # late: a server that starts need not wait for it

        away = self.runner.away
        paused = self.runner.solving_paused
        reason = paused if away is None else away.sentence
        held = f"nothing starts anywhere: {reason}" if reason else ""
        answer = why(self.core.farm, self.core.scheduler, self._clock.now(), held=held, **about)
        if away is None and paused and answer["waits"]:
            answer["hint"] = "`afcmd server resume` lets the farm start tasks again."
        return answer

    def status(self) -> dict[str, Any]:
        """Return how the server is, as builtins."""
        farm = self.core.farm
        away: AfError | None = self.runner.away
        return {
            "server": f"afserver {VERSION}",
            "process": os.getpid(),
            "farm": self._recovered.farm,
            "epoch": self._recovered.epoch,
            "up_seconds": round(self._clock.now() - self._started, 1),
            "addresses": [str(address) for address in self.door.addresses],
            "data": str(self._data),
            "jobs": len(farm.jobs) - (SYSTEM_JOB in farm.jobs),
            "tasks": sum(block.tasks.size for id, job in farm.jobs.items() if id != SYSTEM_JOB for block in job.blocks),
            "running": len(farm.runs),
            "renders": len(farm.renders),
            "renders_connected": len(self.renders),
            "connections": len(self.door.peers),
            "closed_late": self.door.lingering.closed,
            "subscriptions": len(self.fanout),
            "commands": self.runner.applied,
            "batch": self.runner.committed_seq,
            "snapshot_batch": self.keeper.snapshot_seq,
            "files_bytes": self.files.kept,
            "database": self.writer.state.value,
            "solving": not self.runner.solving_paused,
            "trouble": self.runner.solving_paused if away is None else away.sentence,
        }
