"""Operations on renders, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afwatch.ops.pending import Pending
from afwatch.session import Session

__all__ = ["delete", "set_parameters"]


def set_parameters(session: Session, *, names: Sequence[str], parameters: dict[str, Any]) -> Pending:
    """Edit parameters of renders (``nimby``, ``NIMBY``, ``paused``, ``priority``, …)."""
    return session.ask("render.set", names=list(names), parameters=parameters)


def delete(session: Session, *, names: Sequence[str]) -> Pending:
    """Forget renders that are offline."""
    return session.ask("render.delete", names=list(names))
