"""The system job on a real farm: commands before and after jobs, and what became of those that fail."""

from __future__ import annotations

import json

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


OWN_SERVICE = """
import json
from afrender.services.events import events


class events_local(events):
    def method_command(self, method, names, data, told):
        if method != "book":
            return super().method_command(method, names, data, told)
        line = " ".join([*names, told["job"]["name"], *data["emails"]])
        return ["python3", "-c", "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))", data["book"], line]
"""


def test_a_studios_own_class_tells_of_events(farm_process: FarmProcess) -> None:
    farm, book = farm_process, farm_process.folder / "events"
    service = farm.folder / "modules" / "services" / "events_local.py"
    service.parent.mkdir(parents=True)
    service.write_text(OWN_SERVICE)
    farm.environment.update(AF_MODULES_FOLDER=str(farm.folder / "modules"), AF_SYSJOB_EVENTS_SERVICE="events_local")
    farm.stop_server()
    farm.start_server()
    assert farm.job(1)["blocks"][2]["service"] == "events_local"
    wanted = {"events": {name: {"methods": ["book"]} for name in ("JOB_DONE", "JOB_DELETED")}, "book": str(book)}
    farm.ask("user.add", name="bob")
    farm.ask("user.set", names=["bob"], parameters={"custom_data": json.dumps({"emails": ["bob@example.org"]})})
    frames = {"command": "true", "frame_first": 1, "frame_last": 1}
    job = farm.submit(frames, user_name="bob", custom_data=json.dumps(wanted))
    farm.start_agent()
    farm.wait_job(job)
    farm.ask("job.delete", ids=[job])
    wait_for(lambda: book.exists() and len(book.read_text().splitlines()) == 2, what="both events")
    told = sorted(book.read_text().splitlines())
    assert told == ["JOB_DELETED work bob@example.org", "JOB_DONE work bob@example.org"]


def test_commands_before_and_after_jobs_survive_a_kill_and_fail_with_their_output(farm_process: FarmProcess) -> None:
    farm, book = farm_process, farm_process.folder / "book"
    assert farm.job(1)["state"] == "ready"
    frames = {"command": f"echo work >> {book}", "frame_first": 1, "frame_last": 1}
    pre, post = f"echo before >> {book}", f"echo after $AF_USERNAME >> {book}"
    job = farm.submit(frames, command_pre=pre, command_post=post, user_name="bob")
    farm.start_agent()
    farm.wait_job(job)
    agent = farm.agents.pop("r1")
    agent.terminate()
    agent.wait(timeout=60)
    farm.ask("job.delete", ids=[job])
    farm.ask("job.delete", ids=[farm.submit({**frames, "command_post": "echo no such scene; exit 3"}, offline=True)])
    # Nobody is there to run them, and the server dies.
    farm.kill_server()
    farm.start_server()
    assert farm.job(1)["blocks"][0]["queued"] == 1
    farm.start_agent("r2")
    wait_for(lambda: "after" in book.read_text(), what="the command after the job")
    assert book.read_text().splitlines() == ["before", "work", "after bob"]

    def failed() -> list[str]:
        return [row["what"] for row in farm.ask("job.log", job=1, limit=10)["rows"] if "failed" in row["what"]]

    wait_for(lambda: any("no such scene" in what for what in failed()), what="the output in the log")
    assert "post_commands: echo of" in failed()[-1] and "exit 3" in failed()[-1]
    printed = farm.afcmd("job", "log", "1").stdout
    assert "no such scene" in printed
    assert farm.job(1)["blocks"][0]["counts"][1] == 0, "nobody else could try it, so it is gone"
    refused = farm.afcmd("job", "delete", "1")
    assert refused.returncode != 0 and "system job" in refused.stderr
