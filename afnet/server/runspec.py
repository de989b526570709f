"""What an agent is told to run: the core's fields of a run as a message."""

from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.runspec import run_fields
from afnet.wire.messages import RunSpec

__all__ = ["make_run_spec"]


def make_run_spec(farm: Farm, key: RunKey, on: int = 0) -> RunSpec | None:
    """Return everything an agent needs for a run, or for its service on the captured render ``on``.

    None when the run has ended in the meantime, or does not hold that render any more.
    """
    run = farm.runs.look(key)
    if run is None or (on and on not in run.hosts):
        return None
    return RunSpec(**run_fields(farm, key, on))
