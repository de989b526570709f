"""Tasks as other users of the operating system: who starts what, what it can read, and how it ends.

Two users that every such system has stand for people of the farm.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.manymachines import ManyMachines, NewFarm
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can start tasks as other users"),
]

TABLE = {"ann": "nobody", "bob": "daemon"}


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder in which everybody may write: those of pytest are for one user only."""
    folder = Path(tempfile.mkdtemp(prefix="afwatch-shared-", dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def settings(farm: FarmProcess, **more: object) -> str:
    """Write the agent's own configuration and return its name."""
    file = farm.folder / "agent.json"
    file.write_text(json.dumps({"run_as": [list(pair) for pair in TABLE.items()], **more}))
    return str(file)


def one(command: str, **more: object) -> dict[str, object]:
    return {"command": command, "frame_first": 1, "frame_last": 1, **more}


def test_tasks_run_as_the_users_of_the_table_and_read_nothing_of_the_agent(new_farm: NewFarm, shared: Path) -> None:
    many = ManyMachines(new_farm())
    many.start()
    farm = many.farm
    farm.environment.update(AF_TOKEN="af_shown_to_no_task", XDG_RUNTIME_DIR="/run/of-the-agent", STUDIO_TOOLS="/tools")
    farm.start_agent("r1", "--server", str(many.away), "--pair", many.code, "--config", settings(farm))
    many.wait_for_log("r1", "Registered")
    assert "can read its certificate" not in farm.log("r1.log")
    folder = Path(farm.environment["XDG_DATA_HOME"], "afwatch", "render", "r1")
    key = (folder / "credential" / "node.key").read_text()
    agent = farm.agents["r1"].pid
    for user, account in TABLE.items():
        out = shared / user
        look = (
            f"{{ id -un; id -G; env; pwd; ls -l /proc/self/fd; cat {folder}/credential/*; ls {folder}; "
            f"cat /proc/{agent}/environ; cat /proc/{agent}/mem; ls /proc/{agent}/fd; kill -0 {agent}; }} > {out} 2>&1;"
            " true"
        )
        farm.wait_job(farm.submit(one(look), user_name=user))
        seen = out.read_text()
        entry = pwd.getpwnam(account)
        lines = seen.splitlines()
        assert lines[0] == account
        assert "0" not in lines[1].split(), "no group of root"
        assert f"HOME={entry.pw_dir}" in lines and f"USER={account}" in lines and "STUDIO_TOOLS=/tools" in lines
        assert seen.count("ermission denied") >= 5 and "not permitted" in seen, seen
        for secret in ("shown_to_no_task", "of-the-agent", "PRIVATE KEY", many.code, key.splitlines()[1]):
            assert secret not in seen, secret


def test_whoever_is_not_in_the_table_gets_nothing_started(farm_process: FarmProcess, shared: Path) -> None:
    farm = farm_process
    farm.start_agent("r1", "--config", settings(farm))
    job = farm.submit(one(f"touch {shared}/never"), user_name="carol")
    wait_for(lambda: "error" in farm.job(job)["state"], what="the task to be refused", seconds=60)
    assert not (shared / "never").exists()
    assert 'starts nothing for the user "carol"' in str(farm.ask("task.log", job=job, block=0, task=0))


def test_commands_around_jobs_and_of_events_run_as_the_owner(farm_process: FarmProcess, shared: Path) -> None:
    farm = farm_process
    program = shared / "told"
    program.write_text(f"#!/bin/sh\nid -un > {shared}/event\n")
    program.chmod(0o755)
    farm.ask("user.add", name="bob")
    farm.start_agent("r1", "--config", settings(farm))
    wanted = {"events": {"JOB_DONE": {"methods": [str(program)]}}}
    job = farm.submit(
        one(f"id -un > {shared}/task"), user_name="bob", custom_data=json.dumps(wanted),
        command_pre=f"id -un > {shared}/pre", command_post=f"id -un > {shared}/post",
    )  # fmt: skip
    farm.wait_job(job)
    farm.ask("job.delete", ids=[job])
    names = ("pre", "task", "post", "event")
    wait_for(lambda: all((shared / name).exists() for name in names), what="all commands", seconds=60)
    wait_for(lambda: [(shared / name).read_text() for name in names] == ["daemon\n"] * 4, what="bob's user everywhere")


def test_tasks_of_other_users_are_ended_also_by_the_keeper(farm_process: FarmProcess, shared: Path) -> None:
    farm = farm_process
    farm.start_agent("r1", "--config", settings(farm))
    stubborn = "trap '' TERM; echo $$ > {0}; setsid sleep 1000 & sleep 1000; sleep 1000"

    def process(name: str) -> psutil.Process:
        wait_for(lambda: (shared / name).exists() and (shared / name).read_text().strip(), what=name, seconds=60)
        return psutil.Process(int((shared / name).read_text()))

    job = farm.submit(one(stubborn.format(shared / "first")), user_name="ann")
    first = process("first")
    assert first.username() == "nobody"
    family = [first, *first.children(recursive=True)]
    farm.ask("job.stop", ids=[job])
    wait_for(lambda: not any(each.is_running() for each in family), what="the tree to be gone", seconds=60)
    farm.ask("job.delete", ids=[job])
    farm.submit(one(stubborn.format(shared / "second")), user_name="bob")
    second = process("second")
    wait_for(lambda: len(second.children(recursive=True)) >= 2, what="its children")
    family = [second, *second.children(recursive=True)]
    farm.kill_agent("r1")
    wait_for(lambda: not any(each.is_running() for each in family), what="the keeper to end the tree", seconds=60)


def test_pictures_are_made_as_the_owner_by_ours_and_by_a_studios_command(
    farm_process: FarmProcess, shared: Path
) -> None:
    from tests.agent.images import paint, write_image

    farm = farm_process
    open_to_ann, hidden = write_image(shared / "a.png", paint()), write_image(shared / "secret.png", paint())
    shutil.chown(open_to_ann, "nobody")
    open_to_ann.chmod(0o600)
    hidden.chmod(0o600)
    farm.start_agent("r1", "--config", settings(farm))
    files = [str(hidden), str(open_to_ann)]
    job = farm.submit(one("true", files=files), user_name="ann")
    farm.wait_job(job)
    names = lambda: [row["name"] for row in farm.ask("task.files", job=job, block=0, task=0)["rows"]]  # noqa: E731
    wait_for(lambda: "a.png.jpg" in names(), what="the thumbnail of the image that ann may read", seconds=60)
    # They are made in this order: the other one would be there by now.
    assert "secret.png.jpg" not in names() and "No thumbnail" in farm.log("r1.log")
    farm.kill_agent("r1")
    command = "/bin/cp %(image)s %(thumbnail)s"
    farm.start_agent("r1", "--config", settings(farm, af_thumbnail_cmd=command))
    job = farm.submit(one("true", files=files[1:]), user_name="ann")
    farm.wait_job(job)
    wait_for(lambda: "a.png.jpg" in names(), what="the thumbnail of the studio's command", seconds=60)
    left = [each for each in Path(tempfile.gettempdir()).glob("afrender-*") if each.stat().st_uid == 65534]
    wait_for(lambda: not any(each.exists() for each in left), what="its folder to be gone")


@pytest.mark.parametrize(
    ("table", "words"),
    [([["ann", "no-such-user"]], "no user"), ([["ann", "root"]], "is root"), ([["*", "nobody"]], "")],
)
def test_a_table_that_can_not_be_stops_the_agent_with_a_sentence(
    farm_process: FarmProcess, table: list[list[str]], words: str
) -> None:
    farm = farm_process
    farm.start_agent("r1", "--config", settings(farm, run_as=table))
    if words:
        wait_for(lambda: farm.agents["r1"].poll() == 1, what="the agent to end", seconds=60)
        assert words in farm.log("r1.log") and "Traceback" not in farm.log("r1.log")
    else:
        farm.wait_job(farm.submit(one("test $(id -un) = nobody"), user_name="carol"))


def test_only_root_can_have_such_a_table() -> None:
    program = (
        "import os; os.setgid(65534); os.setuid(65534)\n"
        "from afrender.accounts import Accounts\n"
        "try:\n    Accounts([('ann', 'daemon')], source='agent.json')\n"
        "except Exception as error:\n    print(error)\n"
    )
    # Everything is imported before the user is another one, who may not be able to read this Python.
    program = "from afrender.accounts import Accounts\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "runs as root" in done.stdout, done.stderr
