"""A farm on PostgreSQL, and what it does while its database is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from afcore.errors import Rejected
from tests.e2e.processes import FarmProcess
from tests.store.cluster import Cluster, binaries
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgres,
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed (make test says how)"),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    assert programs is not None
    made = Cluster(programs)
    try:
        yield made
    finally:
        made.remove()


def test_running_work_goes_on_and_nothing_is_promised_while_it_is_away(
    cluster: Cluster, new_farm: Callable[[], FarmProcess]
) -> None:
    farm = new_farm()
    database = ("--database", cluster.url(cluster.new_database()))
    farm.start_server(*database)
    farm.start_agent()
    gate = farm.folder / "gate"
    command = f"{farm.mark('begin')}; while [ ! -e {gate} ]; do sleep 0.05; done; {farm.mark('end')}"
    id = farm.submit({"frame_first": 0, "frame_last": 5, "command": command})
    # Not "the farm says that they run": it says so before that is on the disk and the agent has heard of it.
    wait_for(lambda: farm.counts("begin") == {"0": 1, "1": 1}, what="two tasks to begin")
    cluster.stop("immediate")
    gate.touch()
    wait_for(lambda: sum(farm.counts("end").values()) == 2, what="the running tasks to end")
    wait_for(lambda: farm.ask("server.status")["trouble"], what="the server to notice")
    with pytest.raises(Rejected) as refused:
        farm.ask("job.pause", ids=[id])
    assert refused.value.code == "unavailable" and refused.value.sentence
    shown = farm.afcmd("job", "show", str(id))
    assert shown.returncode == 0 and "warning" in shown.stderr
    assert farm.counts("begin") == {"0": 1, "1": 1}, "nothing new starts"
    cluster.start()
    farm.wait_job(id)
    assert farm.counts("begin") == farm.counts("end") == {str(frame): 1 for frame in range(6)}
    farm.kill_server()
    farm.start_server(*database)
    # Screens are ahead of the disk: what was shown done may have to be reported again, and is.
    farm.wait_job(id)
    runs = farm.ask("history.runs", job=id)["rows"]
    assert sorted((run["id_task"], run["status"]) for run in runs) == [(task, "success") for task in range(6)]
