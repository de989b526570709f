"""Every old name of afcmd against a real farm: what the classic command line did is done, and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from afnet.cli.main import main
from afnet.cli.verbs import SAME, VERBS, describe_verb
from afnet.cli.verbsdone import CLASSIC
from afnet.cli.verbshere import HERE
from afnet.registry import OPERATIONS
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

Say = Callable[..., str]

NOT_HERE = {"rexit", "rsleep", "rwake"}
"""Verbs whose operation may not be there."""


@pytest.fixture
def say(farm_process: FarmProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs afcmd in this process against the farm, which must end with ``code``, and returns what it printed."""
    monkeypatch.setenv("AF_SERVER", f"127.0.0.1:{farm_process.port}")
    monkeypatch.setenv("PAGER", "cat")

    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        found = main(list(words))
        printed = capsys.readouterr()
        assert found == code, (words, printed)
        return printed.out if code == 0 else printed.err

    return run


def test_every_verb_is_an_operation_or_has_its_own_way() -> None:
    own = {"cfm", "inv", "txt", "txtgen", "tmsg", *CLASSIC, *HERE, *SAME}
    for verb in VERBS.values():
        assert (verb.alias in OPERATIONS) or verb.name in own | NOT_HERE, verb.name
        assert not verb.alias or verb.name not in own, verb.name
    assert len(VERBS) > 65


CLASSIC_NAMES = """
    jlist jid jlog jprog jpri jtmax jhmask juser jpause jstart jstop jrestart jdel jweight tlog tout trestart
    rlist rrlist rpri rnimby rNIMBY rfree rpause runpause ruser reject rejnotmy rexit rdel rsleep rwake rsrvon
    rsrvoff plist plog ppri ppause punpause psrvadd psrvdel ulist ujobs uadd udel upri utmax uhmask mlist mlog
    mmsg cload stat cfm inv txt txtgen tmsg json v h fork rx tthr str path net numeric numcmd md5 db_check
    db_reset_all db_reset_jobs db_reset_tasks db_updatetables db_drivers
"""


def test_every_classic_name_is_there_and_explained() -> None:
    for name in CLASSIC_NAMES.split():
        assert name in VERBS, name
        usage, explained, *_ = describe_verb(name)
        assert usage.split()[:2] == ["afcmd", name] and len(explained) > 10, name


def test_a_day_with_the_old_names(farm_process: FarmProcess, say: Say) -> None:
    farm = farm_process
    id = farm.submit(
        {"command": "echo out @#@", "frame_first": 1, "frame_last": 3}, name="shot", user_name="ann", offline=True
    )
    other = farm.submit(
        {"command": "true", "frame_first": 1, "frame_last": 1}, name="other", user_name="bob", offline=True
    )

    # Jobs
    assert "shot" in say("jlist") and "shot" in say("jid", str(id)) and "submitted" in say("jlog", str(id))
    say("jpri", "sh.*", "42")
    say("jtmax", "shot", "2")
    say("jhmask", "shot", "old.*")
    say("juser", "shot", "bob")
    job = json.loads(say("jid", str(id), "--json"))["row"]
    assert (job["priority"], job["user"]) == (42, "bob")
    log = say("jlog", str(id))
    assert "max_running_tasks from -1 to 2" in log and "hosts_mask from '' to 'old.*'" in log
    assert json.loads(say("jid", str(other), "--json"))["row"]["priority"] == 99, "the mask meant the other job only"
    assert "No job has a name like" in say("jpri", "ot", "1", code=1)
    assert "whole number" in say("jpri", "shot", "high", code=2)
    assert "afcmd jpri NAME PRIORITY" in say("jpri", "shot", code=2)
    assert "shot" in say("jweight") and json.loads(say("--json", "jweight"))["rows"][0]["progress"] == 54
    say("jstart", "shot")

    # A render with an upper-case name in the command, as the classic one had it
    farm.start_agent("old01")
    wait_for(lambda: farm.job(id)["state"] == "done", what="the job to be done", seconds=60)
    assert "old01" in say("rlist") and "old01" in say("rrlist", "old") and "begins so" in say("rrlist", "x")
    assert say("tout", str(id), "0", "1") == "out 2\n"
    assert "old01" in say("tlog", str(id), "0", "1")
    assert len(json.loads(say("tlog", str(id), "0", "1", "--json"))["rows"]) == 1
    assert "done" in say("jprog", str(id))

    def render() -> dict[str, Any]:
        row: dict[str, Any] = farm.ask("render.show", name="old01")["row"]
        return row

    say("rpause", "OLD01")
    assert "paused" in render()["words"]
    say("trestart", str(id), "0", "1")
    assert farm.job(id)["state"] != "done"
    say("jstop", "shot")
    say("runpause", "old.*")
    say("rnimby", "old01")
    assert "nimby" in render()["words"]
    say("rNIMBY", "old01")
    assert "NIMBY" in render()["words"]
    say("rfree", "old01")
    say("rpri", "old01", "7")
    say("ruser", "old01", "ann")
    assert (render()["priority"], render()["user"]) == (7, "ann") and not {"nimby", "NIMBY"} & set(render()["words"])
    say("rsrvoff", "old01", "blender")
    say("rsrvon", "old01", "blender")
    say("reject", "old01")
    say("rejnotmy", "old01")
    assert "online" in say("rdel", "old01", code=1)

    # Pools and users
    say("ppri", "/", "5")
    say("ppause", "/")
    assert farm.ask("pool.show", path="/")["row"]["paused"] is True
    say("punpause", "/")
    say("psrvadd", "/", "nuke")
    say("psrvdel", "/", "nuke")
    assert "/" in say("plist") and json.loads(say("plog", "1"))["message"]["type"] == "log"
    say("uadd", "eve")
    say("upri", "eve", "3")
    say("utmax", "eve", "9")
    say("uhmask", "eve", "x.*")
    user = farm.ask("user.show", name="eve")["row"]
    assert user["priority"] == 3 and "eve" in say("ulist")
    say("udel", "eve")
    assert "eve" not in say("ulist") and "shot" in say("ujobs", "bob") and "shot" not in say("ujobs", "ann")

    # The server and the dialect itself
    monitors = json.loads(say("mlist"))
    assert monitors == {"monitors": []}
    request = farm.folder / "request.json"
    request.write_text(json.dumps({"get": {"type": "jobs", "ids": [id]}}))
    assert json.loads(say("json", "send", str(request)))["jobs"][0]["name"] == "shot"
    assert "TConfirm" in say("cfm") and "TInvalid" in say("inv") and "Received data" in say("txt", "hello", "you")
    assert "3 messages of 1000 bytes" in say("txtgen", "1000", "3") and "Received data" in say("tmsg", "10")
    traffic = say("stat")
    assert "binary data" in traffic and "Request" in traffic
    assert say("traffic").splitlines()[0].split() == traffic.splitlines()[0].split()
    assert "No node matches" in say("mmsg", "hi")
    say("cload")
    for name in NOT_HERE:
        if VERBS[name].alias not in OPERATIONS:
            assert "not here yet" in say(name, "old01", code=1)
    assert say("db_check") == "Database connection is working.\n"
    assert "SQLite" in say("db_drivers") and "as this version wants" in say("db_updatetables")
    assert "confirmed" in say("db_reset_all", code=1) and "dropped" in say("db_reset_tasks", "--yes")
    farm.kill_agent("old01")

    say("jrestart", "shot")
    say("jpause", "shot|other")
    say("jdel", "shot|other")
    assert "shot" not in say("jlist") and "other" not in say("jlist")


def test_old_names_are_explained(say: Say) -> None:
    listed = say("h")
    assert all(f"{verb.name} " in listed for verb in VERBS.values())
    assert "Today's name: afcmd job delete" in say("h", "jdel")
    assert "did you mean" in say("h", "jdell")
