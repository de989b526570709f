"""Turn a Refused message back into the error that the server raised."""

from afcore.errors import (
    AfError,
    BadSpec,
    Conflict,
    LimitReached,
    NotAllowed,
    NotFound,
    Problem,
    Rejected,
    VersionMismatch,
)
from afnet.wire.messages import Refused

__all__ = ["error_of"]

_BY_CODE: dict[str, type[Rejected]] = {
    **{kind.default_code: kind for kind in (Conflict, LimitReached, NotAllowed, NotFound, Rejected)},
    "not_signed_in": NotAllowed,
    "too_many": LimitReached,
}


def error_of(refused: Refused) -> AfError:
    """Return the error that ``refused`` stands for: a Rejected of the right kind, or VersionMismatch."""
    if refused.code == "version":
        return VersionMismatch(refused.sentence, hint=refused.hint)
    if refused.problems or refused.code == BadSpec.default_code:
        problems = [Problem(*problem) for problem in refused.problems]
        return BadSpec(problems, sentence=refused.sentence, hint=refused.hint, code=refused.code)
    kind = _BY_CODE.get(refused.code, Rejected)
    return kind(refused.sentence, hint=refused.hint, code=refused.code)
