"""The system job on a real farm: commands before and after jobs, and what became of those that fail."""

from __future__ import annotations

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


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
    agent.wait(timeout=30)
    farm.ask("job.delete", ids=[job])
    farm.ask("job.delete", ids=[farm.submit({**frames, "command_post": "echo no such scene; exit 3"}, offline=True)])
    # Nobody is there to run them, and the server dies.
    farm.kill_server()
    farm.start_server()
    assert farm.job(1)["blocks"][0]["queued"] == 1
    farm.start_agent("r2")
    wait_for(lambda: "after" in book.read_text(), what="the command after the job", seconds=30)
    assert book.read_text().splitlines() == ["before", "work", "after bob"]

    def failed() -> list[str]:
        return [row["what"] for row in farm.ask("job.log", job=1, limit=10)["rows"] if "failed" in row["what"]]

    wait_for(lambda: any("no such scene" in what for what in failed()), what="the output in the log", seconds=30)
    assert "post_commands: echo of" in failed()[-1] and "exit 3" in failed()[-1]
    printed = farm.afcmd("job", "log", "1").stdout
    assert "no such scene" in printed
    assert farm.job(1)["blocks"][0]["counts"][1] == 0, "nobody else could try it, so it is gone"
    refused = farm.afcmd("job", "delete", "1")
    assert refused.returncode != 0 and "system job" in refused.stderr
