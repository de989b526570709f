"""What an agent is told to run: the core's fields of a run as a message."""

from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.runspec import run_fields
from afnet.wire.messages import RunSpec

__all__ = ["make_run_spec"]


def make_run_spec(farm: Farm, key: RunKey) -> RunSpec | None:
    """Return everything an agent needs for a run; None when the run has ended in the meantime."""
    return RunSpec(**run_fields(farm, key)) if key in farm.runs else None
