"""Programs that are older than TLS and accounts, on another machine: they find authority and sign-in by themselves."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from afnet.api.trust import fingerprint_of
from afnet.server.authority import make_authority
from tests.e2e.manymachines import ManyMachines, NewFarm
from tests.e2e.processes import ROOT

pytestmark = [pytest.mark.e2e]

PASSWORD = "correct horse battery"


@pytest.fixture
def away(new_farm: NewFarm) -> ManyMachines:
    """A farm, and this environment as that of ann on another machine, who is signed in."""
    many = ManyMachines(new_farm())
    many.start()
    farm = many.farm
    farm.ask("account.add", name="ann", role="user", password=PASSWORD)
    # Another machine has no secret of the server's own user.
    farm.environment.update(AF_SERVER=str(many.away), XDG_DATA_HOME=str(farm.folder / "another"), AF_USERNAME="ann")
    trusted = farm.afcmd("trust", "--fingerprint", fingerprint_of(many.authority.read_text()))
    assert trusted.returncode == 0, trusted.stderr
    signed = farm.afcmd("login", "ann", stdin=PASSWORD + "\n")
    assert signed.returncode == 0, signed.stderr
    return many


def python(many: ManyMachines, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the environment of ann's machine, with nothing but the checkout's own paths."""
    farm = many.farm
    paths = [str(ROOT / "afnet" / "python"), str(ROOT / "plugins" / "blender" / "afwatch_submit")]
    return subprocess.run(
        [sys.executable, "-c", program], env={**farm.environment, "PYTHONPATH": ":".join(paths), **environment},
        cwd=farm.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


SUBMIT = """
import afjobs
print(afjobs.read_pools())
block = afjobs.blender_block("/prj/a.blend", 1, 10)
print(afjobs.send_job(afjobs.make_job("from blender", [block], paused=True)))
"""

CMD = """
import af, json
cmd = af.Cmd()
print(json.dumps([job["name"] for job in cmd.getJobList()]))
for id in {ids}:
    print(json.dumps(cmd.setJobPriorityById(id, 7)))
"""


def test_submitters_old_verbs_and_scripts_work_from_another_machine(away: ManyMachines) -> None:
    farm = away.farm
    foreign = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true"}, user_name="bob", offline=True)
    sent = python(away, SUBMIT)
    assert sent.returncode == 0, sent.stderr
    own = int(sent.stdout.splitlines()[-1])
    assert farm.job(own)["name"] == "from blender" and farm.job(own)["user"] == "ann"
    # The old names of afcmd, and the calls of scripts: as ann, who changes what is hers.
    listed = farm.afcmd("jlist")
    assert listed.returncode == 0 and "from blender" in listed.stdout, listed.stderr
    assert farm.afcmd("jpri", "from blender", "55").returncode == 0 and farm.job(own)["priority"] == 55
    refused = farm.afcmd("jpri", "work", "55")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    told = farm.afcmd("mlist")
    assert told.returncode == 0 and "monitors" in told.stdout, told.stderr
    done = python(away, CMD.replace("{ids}", f"[{own}, {foreign}]"))
    assert done.returncode == 0 and "from blender" in done.stdout, done.stderr
    assert farm.job(own)["priority"] == 7 and farm.job(foreign)["priority"] != 7
    # What a token was narrowed to holds there too, and one that is wrong is nobody, though ann is signed in.
    narrow = farm.ask("token.create", account="ann", scope="read")["token"]
    for token, lists in ((narrow, True), ("af_0123456789abcdef_wrong", False)):
        farm.ask("job.set", ids=[own], parameters={"priority": 55})
        done = python(away, CMD.replace("{ids}", f"[{own}]"), AF_TOKEN=token)
        assert ("from blender" in done.stdout) == lists, done.stderr
        assert farm.job(own)["priority"] == 55
    wrong = python(away, SUBMIT, AF_TOKEN="af_0123456789abcdef_wrong")
    assert "SubmitError" in wrong.stderr and "sign" in wrong.stderr.lower(), wrong.stderr


def test_an_unknown_authority_is_a_sentence_and_nothing_is_sent(away: ManyMachines, tmp_path: Path) -> None:
    (kept,) = Path(away.farm.environment["XDG_CONFIG_HOME"], "afwatch", "authorities").iterdir()
    kept.write_text((make_authority(tmp_path, now=time.time()) / "authority.pem").read_text())
    sent = python(away, SUBMIT)
    assert "SubmitError" in sent.stderr and "certificate" in sent.stderr.lower(), sent.stderr
    done = python(away, CMD.replace("{ids}", "[]"))
    assert "not the farm known here" in done.stderr, done.stderr
    program = "import afjobs\ntry:\n    afjobs.read_pools('farm.example.org')\nexcept afjobs.SubmitError as e: print(e)"
    assert "afcmd --server farm.example.org:51000 trust" in python(away, program, AF_AUTHORITY="").stdout


def test_a_request_of_a_web_page_gets_no_further_with_a_token(away: ManyMachines) -> None:
    farm = away.farm
    made = farm.ask("token.create", account="ann")["token"]
    program = (
        "import http.client, ssl, sys, json\n"
        "context = ssl.create_default_context(cafile=sys.argv[1])\n"
        "body = json.dumps({'get': {'type': 'jobs'}})\n"
        "for more in ({}, {'Origin': 'https://evil.example'}, {'Host': 'evil.example'}):\n"
        "    c = http.client.HTTPSConnection(sys.argv[2], int(sys.argv[3]), context=context, timeout=60)\n"
        "    c.request('POST', '/', body, {'AFANASY': str(len(body)), 'Authorization': 'Bearer ' + sys.argv[4],\n"
        "        **more})\n"
        "    a = c.getresponse(); print(a.status, b'jobs' in a.read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(away.authority), away.away.host, str(farm.port), made],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["200 True", "403 False", "403 False"], done.stdout + done.stderr
