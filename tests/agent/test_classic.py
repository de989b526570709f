"""Modules written for the classic agent: they load unchanged, in the process where they run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from tests.agent.farm import spec

ROOT = Path(__file__).parents[2]

SERVICE = '''
# -*- coding: utf-8 -*-
from services import service
from services import nuke as base
import cgruconfig
import cgrupathmap
import cgruutils
import afcommon
import af
import os

parser = 'studio'


class studio(base.nuke):
    """Nuke, as our studio starts it"""

    def __init__(self, taskInfo, i_verbose):
        base.nuke.__init__(self, taskInfo, i_verbose)
        self.pm2 = cgrupathmap.PathMap(UnixSeparators=True, Verbose=False)
        self.taskInfo['command'] += ' --user %s' % cgruconfig.VARS['USERNAME'].upper()[:0]
        self.appendLog('made by the studio')

    def applyCmdCapacity(self, i_command):
        return i_command.replace(service.str_capacity, '-m %d' % self.taskInfo['capacity_coeff'])

    def checkExitStatus(self, i_status):
        return i_status in [0, 5]

    def doPost(self):
        files = [name[name.rfind('/'):] for name in self.parser.getFiles()]
        return ['echo ' + cgruutils.toStr(b'over') + ' ' + ' '.join(files)]
'''

PARSER = """
from parsers import parser
from parsers import hbatch
from parsers import mantra
import re

re_frame = re.compile(r'Shot (\\d+)')


class studio(mantra.mantra, hbatch.hbatch):
    def __init__(self):
        mantra.mantra.__init__(self)
        hbatch.hbatch.__init__(self)
        self.str_error += ['all is lost', 'gone']
        self.str_warning.append('odd')

    def do(self, i_args):
        mantra.mantra.do(self, i_args)
        data = i_args['data']
        found = re_frame.findall(data)
        if found:
            self.frame = int(found[-1])
            self.percentframe = 0
            self.calculate()
        if i_args['mode'] != 'RUN':
            self.log = 'ended with ' + i_args['mode']
        self.report = str(self.taskInfo['frames_num'])
        return data + 'seen\\n'
"""

METER = """
from resources import resbase


class meter(resbase.resbase):
    def __init__(self):
        resbase.resbase.__init__(self)
        self.valid = True

    def update(self):
        self.value += 3
"""

PLAY = """
import json, sys
import msgspec
from afcore.pathmap import PathMap
from afnet.wire.messages import RunSpec
from afrender.classic.load import OwnClasses
from afrender.process.spawn import Exit
from afrender.reader import Applications

folder, run = sys.argv[1:]
run = msgspec.json.decode(run, type=RunSpec)
pairs = [("/local/", "/ps/prj/"), (folder + "/", "/ps/out/")]
own = OwnClasses(folder, {"pathsmap": pairs}, pairs)
reader = Applications(PathMap(pairs), own=own).prepare(run)
plan = reader.plan
kept = reader.feed(b"RopNode.render: frame 1\\nRopNode.render: frame 2\\nALF_PROGRESS 50%\\n", 7)
first = list(reader.progress)
open(folder + "/shown.exr", "w").close()
reader.feed(b"Shot 3\\nodd\\n@IMAGE@" + folder.encode() + b"/shown.exr\\n", 7)
reader.finish(Exit(0), stopped=0)
from resources import resbase
sys.path.insert(0, folder)
import meter
one = meter.meter()
one.do()
print(json.dumps({
    "command": plan.command, "folder": plan.folder, "environment": plan.environment, "files": plan.files,
    "notes": plan.notes, "kept": kept.decode(), "first": first, "last": list(reader.progress),
    "warning": reader.warning, "report": reader.report, "good": [int(reader.judge(Exit(c)).status) for c in (0, 5, 1)],
    "post": reader._service.post_commands([]), "value": one.value,
    "found": list(reader.judge(Exit(0)).found),
}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind, name, text in (("services", "studio", SERVICE), ("parsers", "studio", PARSER), (".", "meter", METER)):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.py").write_text(text)
    return tmp_path


def play(folder: Path, code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(folder), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_service_and_a_parser_of_the_classic_agent_load_unchanged(folder):
    run = spec(
        4,
        "nuke @AF_CAPACITY@ -F @##@ /ps/prj/a.nk",
        service="studio",
        parser="studio",
        coefficient=3,
        frames=6,
        frame_end=9,
        frame_inc=2,
        files=["/ps/prj/a.@###@.exr"],
        working_directory="/ps/prj/shot",
        environment={"CACHE": "/ps/prj/cache"},
    )
    seen = msgspec.json.decode(play(folder, PLAY, msgspec.json.encode(run).decode()))
    assert seen["command"].startswith("nuke -m 3 -F 04 /local/a.nk --user")
    assert seen["folder"] == "/local/shot"
    assert seen["files"] == ["/local/a.004.exr", "/local/a.006.exr", "/local/a.008.exr"]
    assert seen["environment"]["CACHE"] == "/local/cache" and seen["environment"]["AF_JOB_ID"] == "2"
    assert seen["notes"] == ["made by the studio"]
    assert seen["kept"].endswith("50%\nseen\n")
    assert seen["first"] == [25, 1, 50] and seen["last"] == [50, 3, 0]
    assert seen["warning"] is True and seen["report"] == "6"
    assert seen["good"] == [1, 1, 2]
    assert seen["post"] == ["echo over /shown.exr"] and seen["value"] == 3
    assert seen["found"] == ["/ps/out/shown.exr"]


def test_helpers_of_classic_modules(folder):
    out = play(
        folder,
        """
        import sys
        from afrender.classic.load import OwnClasses
        OwnClasses(sys.argv[1], {"cmd_shell": "/bin/sh -c"}, [("P:/", "/ps/prj/")])
        import afcommon, cgruconfig, cgrupathmap, cgruutils
        assert afcommon.patternFromStdC("img.%04d.jpg") == "img.@####@.jpg"
        assert afcommon.patternFromStdC("img.%d.jpg") == "img.@#@.jpg"
        assert afcommon.patternFromDigits("img.####.jpg") == "img.@####@.jpg"
        assert afcommon.patternFromDigits("img.@####@.jpg") == "img.@####@.jpg"
        assert afcommon.patternFromFile("v001.0010.png") == "v001.@####@.png"
        assert afcommon.patternFromFile("none.png") == "none.png"
        assert afcommon.patternFromPaths("f.0001.exr", "f.0100.exr") == "f.@####@.exr"
        assert afcommon.fillNumbers("a.@##@-@#@", 1, 2) == "a.01-2"
        assert afcommon.filterFileName("a b:c") == "a_b_c"
        assert afcommon.checkBlockFlag(afcommon.setBlockFlag(0, "numeric"), "numeric")
        assert cgruconfig.VARS["cmd_shell"] == "/bin/sh -c" and cgruconfig.VARS["HOSTNAME"]
        folder = sys.argv[1] + "/made/deep"
        assert cgruutils.createFolder(folder) and cgruutils.toStr(None) == ""
        with open(folder + "/in", "w") as file:
            file.write("file /ps/prj/a\\nother /ps/prj/a\\n")
        paths = cgrupathmap.PathMap()
        paths.toClientFile(folder + "/in", folder + "/out", ["file "])
        assert open(folder + "/out").read() == "file P:/a\\nother /ps/prj/a\\n"
        paths.toServerFile(folder + "/out", folder + "/in")
        assert open(folder + "/in").read() == "file /ps/prj/a\\nother /ps/prj/a\\n"
        print("good")
        """,
    )
    assert out == "good\n"


def test_existing_and_missing_files_of_a_classic_service(folder):
    (folder / "services" / "plain.py").write_text(
        "from services import service\nclass plain(service.service):\n    pass\n"
    )
    (folder / "a").write_text("1234")
    out = play(
        folder,
        """
        import sys, msgspec
        from afnet.wire.messages import RunSpec
        from afrender.classic.load import OwnClasses
        from afrender.process.spawn import Exit
        from afrender.reader import Applications
        run = msgspec.json.decode(sys.argv[2], type=RunSpec)
        applications = Applications(own=OwnClasses(sys.argv[1], {}, []))
        def made(**changes):
            return applications.prepare(msgspec.structs.replace(run, working_directory=sys.argv[1], **changes))
        skipped = made(flags=1 | 64, files=["a"])
        assert skipped.plan.skip and "exists" in skipped.plan.notes[0]
        assert not made(flags=1 | 64, files=["a", "b"]).plan.skip
        assert not made(flags=1 | 64, files=["a"], file_size_min=9).plan.skip
        checked = made(flags=1 | 128, files=["a", "b"])
        judgement = checked.judge(Exit(0))
        assert int(judgement.status) == 8 or "not there" in judgement.sentence, judgement
        assert int(made(flags=1 | 128, files=["a"]).judge(Exit(0)).status) == 1
        assert made(numeric=False, flags=0, command="x ", task_command="y", hosts=["h"]).plan.command == "x y"
        assert made(command=["a b", "@#@"]).plan.command == ["a b", "4"]
        print("good")
        """,
        msgspec.json.encode(spec(4, "x @AF_HOSTS@", service="plain")).decode(),
    )
    assert out == "good\n"


def test_the_examples_of_the_documents_work(folder):
    """Those of docs/services.md, as they stand there."""
    blocks = (ROOT / "docs" / "services.md").read_text("utf-8").split("```python\n")[1:]
    service, parser = (block.partition("```")[0] for block in blocks)
    (folder / "services" / "nuke.py").write_text(service)
    (folder / "parsers" / "simulator.py").write_text(parser)
    out = play(
        folder,
        """
        import sys, msgspec
        from afnet.wire.messages import RunSpec
        from afrender.classic.load import OwnClasses
        from afrender.process.spawn import Exit
        from afrender.reader import Applications
        run = msgspec.json.decode(sys.argv[2], type=RunSpec)
        reader = Applications(own=OwnClasses(sys.argv[1], {}, [])).prepare(run)
        reader.feed(b"step 3 of 4\\n", 1)
        judged = reader.judge(Exit(3))
        print(reader.plan.command, reader.progress, int(judged.status), list(judged.post))
        reader.feed(b"it Diverged\\n", 1)
        print(reader.verdict.name)
        """,
        msgspec.json.encode(spec(4, "nuke x", service="nuke", parser="simulator")).decode(),
    )
    assert out == "nice nuke x (75, 0, 75) 1 []\nPARSER_ERROR\n"
