"""Views of the farm as it was: what a question about the past is answered from, wherever that runs.

Rules of this file:
- One farm of the past is kept: pages of one view, and several views of one instant, cost one replay.
- The collector rests while a farm is made, and what was made is kept out of its looks.
"""

import gc
import time
from typing import TYPE_CHECKING, Any

import msgspec

from afcore.codec import decode_entries
from afcore.errors import Corrupt, NotFound, Rejected
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.replay import PastFarm, farm_then
from afcore.systemcommand import SYSTEM_JOB
from afnet.registry import PAST_VIEWS
from afnet.server import rowmaking
from afnet.server.farmqueries import FarmQueries
from afnet.server.pastevents import find_events

if TYPE_CHECKING:
    # The server's own process reads no database of the past: it is spared SQLAlchemy.
    from afcore.store.past import Kept, Moment, SqlPast, View

__all__ = ["PastViews", "check_instant", "moment_words"]


_KINDS = ("jobs", "renders", "users", "pools", "branches")


class PastViews:
    """Answers questions about a farm's past from its database."""

    def __init__(self, past: "SqlPast", defaults: Defaults) -> None:
        self._past = past
        self._defaults = defaults
        self._key: tuple[int, int, int] | None = None
        self._known: PastFarm | None = None

    def kept(self) -> dict[str, Any]:
        """Say which part of the past is there, as builtins."""
        with self._past.view() as view:
            return _kept(view.kept())

    def show(self, at: float, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer an operation of ``PAST_VIEWS`` as of an instant, with a word about the past in ``past``.

        Raises Rejected for an instant of which nothing is kept, and what the operation raises.
        """
        if name not in PAST_VIEWS:
            raise NotFound(f'"{name}" is no view of the past.', hint=f"There are {', '.join(PAST_VIEWS)}.")
        found, told = self._look(at)
        queries = self._queries(found.farm, at)
        try:
            reply = queries.read(name, arguments)
        finally:
            queries.forget()  # it refers to itself, and would keep the farm until the collector comes
        return {**(reply if isinstance(reply, dict) else {"reply": reply}), "past": told}

    def rows(self, at: float, kinds: list[str], *, system: bool) -> dict[str, Any]:
        """Return the rows of these kinds as of an instant, as the native protocol has them, with ``past`` as above."""
        found, told = self._look(at)
        rows: dict[str, list[Any]] = {}
        for kind in dict.fromkeys(kinds):
            if kind not in _KINDS:
                raise NotFound(f'There are no rows of kind "{kind}".', hint=f"There are {', '.join(_KINDS)}.")
            make = rowmaking.MAKERS[kind]
            ids = [id for id in rowmaking.all_ids(found.farm, kind) if system or kind != "jobs" or id != SYSTEM_JOB]
            rows[kind] = [make(found.farm, id, at) for id in ids]
        return {"rows": rows, "past": told}

    def events(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of what happened between two times (see ``find_events``), with ``past`` as above."""
        with self._past.view() as view:
            return {**find_events(view, asked), "past": _kept(view.kept())}

    def _look(self, at: float) -> tuple[PastFarm, dict[str, Any]]:
        """Return the farm of an instant, and what there is to say about that."""
        with self._past.view() as view:
            kept = view.kept()
            check_instant(kept, at)
            moment = view.find(at)
            found = self._farm(view, moment, at)
        return found, {**_kept(kept), "at": at, "changed": found.changed, "restarted": _restarted(moment)}

    def farm(self, at: float) -> Farm:
        """Return the farm of an instant. It is not to be changed."""
        with self._past.view() as view:
            return self._farm(view, view.find(at), at).farm

    def _farm(self, view: "View", moment: "Moment", at: float) -> PastFarm:
        following = moment.following
        entries = [] if following is None else decode_entries(following.body)
        # What was in a batch that was open then, up to the instant: entries are in the order of their times.
        count = next((place for place, entry in enumerate(entries) if entry.at > at), len(entries))
        key = (moment.base, moment.last, count)
        if self._known is None or key != self._key:
            self._known = self._key = None
            gc.disable()
            try:
                stored = view.snapshot(moment)
                bodies = (batch.body for batch in view.batches(moment))
                found = farm_then(stored, bodies, entries[:count], defaults=self._defaults)
            except (msgspec.ValidationError, msgspec.DecodeError, KeyError, ValueError) as error:
                raise Corrupt(f"the past cannot be read: {error}", hint="put back the newest copy of the data folder") \
                    from error  # fmt: skip
            finally:
                gc.enable()
            if not found.changed and stored is not None:
                found = found._replace(changed=stored.at)
            gc.freeze()
            self._known, self._key = found, key
        return self._known

    def _queries(self, farm: Farm, at: float) -> FarmQueries:
        def why(**about: int) -> dict[str, Any]:
            from afcore.core import Core  # late: only this question needs what decides
            from afcore.why.answer import why as ask

            return ask(farm, Core(farm).scheduler, at, held="", **about)

        return FarmQueries(farm, now=lambda: at, why=why)


def moment_words(at: float) -> str:
    """Return a time with the offset of this machine's zone, as people and programs read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))


def check_instant(kept: "Kept", at: float) -> None:
    """Raise Rejected when nothing of an instant is kept."""
    if not kept.until:
        raise Rejected("The farm has no past yet.", hint="Nothing has happened on it.", code="no_past")
    if at < kept.since:
        what = "there was no farm before" if kept.whole else "what was before is no longer kept"
        raise Rejected(
            f"The past is kept since {moment_words(kept.since)}: {what}.",
            hint="journal_keep_days and journal_keep_bytes say how much is kept." if not kept.whole else "",
            code="no_past",
        )


def _kept(kept: "Kept") -> dict[str, Any]:
    return {"since": kept.since, "until": kept.until, "whole": kept.whole}


def _restarted(moment: "Moment") -> float:
    """Return when the next server was started, where the one of this moment did nothing more; 0 otherwise."""
    following = moment.following
    return following.at if following is not None and moment.epoch and following.epoch != moment.epoch else 0.0
