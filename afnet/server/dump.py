"""What a server writes down when its core broke: the mistake, where it was, and the message that it was about."""

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import msgspec

from afcore.envelope import Envelope

__all__ = ["write_dump"]

_log = logging.getLogger(__name__)


def write_dump(
    data: Path,
    at: float,
    error: BaseException,
    envelope: Envelope[Any] | None,
    *,
    version: str,
    committed_seq: int,
) -> Path:
    """Write a dump below the folder ``data`` and return its path; a disk that refuses it is a line in the log.

    ``at``: unix seconds; ``committed_seq``: number of the newest durable batch.
    """
    path = data / "dumps" / f"dump-{int(at * 1000)}.json"
    content = {
        "error": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "at": at,
        "committed_seq": committed_seq,
        "version": version,
        "envelope": None if envelope is None else msgspec.to_builtins(envelope, enc_hook=repr),
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, default=repr), encoding="utf-8")
    except OSError as problem:
        _log.error("the dump could not be written to %s: %s", path, problem)
    return path
