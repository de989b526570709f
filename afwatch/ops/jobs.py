"""Operations on jobs, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afwatch.ops.pending import Pending
from afwatch.session import Session

__all__ = ["delete", "pause", "restart", "restart_errors", "set_parameters", "skip", "start", "stop"]


def pause(session: Session, *, ids: Sequence[int]) -> Pending:
    """Start nothing more of jobs; running tasks go on."""
    return session.ask("job.pause", ids=list(ids))


def start(session: Session, *, ids: Sequence[int]) -> Pending:
    """Let paused jobs run again."""
    return session.ask("job.start", ids=list(ids))


def stop(session: Session, *, ids: Sequence[int]) -> Pending:
    """Pause jobs and stop their running tasks."""
    return session.ask("job.stop", ids=list(ids))


def restart(session: Session, *, ids: Sequence[int]) -> Pending:
    """Make every task of jobs ready again."""
    return session.ask("job.restart", ids=list(ids))


def restart_errors(session: Session, *, ids: Sequence[int]) -> Pending:
    """Make the failed tasks of jobs ready again."""
    return session.ask("job.restart", ids=list(ids), only="error")


def skip(session: Session, *, job: int, only: str = "") -> Pending:
    """Skip tasks of one job: they count as done."""
    return session.ask("job.skip", job=job, only=only)


def delete(session: Session, *, ids: Sequence[int]) -> Pending:
    """Stop and remove jobs with their logs."""
    return session.ask("job.delete", ids=list(ids))


def set_parameters(session: Session, *, ids: Sequence[int], parameters: dict[str, Any]) -> Pending:
    """Edit parameters of jobs by the names of the registry."""
    return session.ask("job.set", ids=list(ids), parameters=parameters)
