"""Figures of the past as rows: the same that ``afcmd statistics`` shows. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from afcore.errors import ConnectionLost, Rejected, TheirFault
from afnet.api.site import configuration

__all__ = ["statistics"]


def statistics(
    *,
    by: str = "total",
    per: str = "",
    since: str = "30d",
    until: str = "now",
    under: str = "",
    order: str = "runs",
    most: int = 100,
    timeout: float = 60.0,
    **where: str,
) -> list[dict[str, Any]]:
    """Return figures of finished runs and deleted jobs, a dict for each row.

    ``by`` is total, user, service, host, folder, pool or job; ``per`` empty, hour, day, week or month; ``since`` and
    ``until`` are times like ``2026-01-31 03:12``, ``7d`` (ago), ``today``, ``now``. ``where`` names what alone counts:
    ``user="ann", folder="/shows/a"``. Times in rows are seconds; ``start`` is unix seconds.

    Raises Rejected for what cannot be asked, ConnectionLost when no server answers, TheirFault for a strange answer.
    """
    arguments: dict[str, Any] = {
        "by": by, "per": per, "since": since, "until": until, "under": under, "order": order, "most": most, **where,
    }  # fmt: skip
    tried = []
    for host, port in configuration().servers():
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        request = urllib.request.Request(
            f"http://{shown}/api/op/statistics.show",
            data=json.dumps(arguments).encode("utf-8"),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                rows: list[dict[str, Any]] = json.loads(answer.read().decode("utf-8"))["rows"]
                return rows
        except urllib.error.HTTPError as error:
            raise _refusal(error, shown) from None
        except (OSError, urllib.error.URLError) as error:
            tried.append(f"{shown} ({getattr(error, 'reason', None) or error})")
        except (ValueError, KeyError):
            raise TheirFault(f"{shown} answered something that is no answer of a farm") from None
    raise ConnectionLost(
        "No farm server answers at " + (", ".join(tried) or "any address: none is configured") + ".",
        hint="is afserver running there, and do servers or af_servername name it?",
    )


def _refusal(error: urllib.error.HTTPError, shown: str) -> Exception:
    try:
        told = json.loads(error.read().decode("utf-8"))
        told = told.get("error", told)
        problems = "; ".join(f"{each['path']} {each['what']}" for each in told.get("problems", ()))
        return Rejected(problems or told["sentence"], hint=told.get("hint", ""), code=told["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return TheirFault(f"{shown} answered {error.code} {error.reason}")
