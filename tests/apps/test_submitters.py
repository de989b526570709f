"""The Blender add-on in a real Blender: it reads the pools, submits the file, and the farm renders it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.apps.test_programs import needs
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

ADDONS = Path(__file__).parents[2] / "plugins" / "blender"

SCRIPT = """
import json, os, sys
import bpy
words = sys.argv[sys.argv.index("--") + 1:]
sys.path.append(words[0])
import afwatch_submit
afwatch_submit.register()
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples = 2
scene.cycles.use_denoising = False
scene.render.resolution_x, scene.render.resolution_y = 64, 36
scene.render.image_settings.file_format = "PNG"
scene.render.filepath = "//out/f.####"
scene.frame_start, scene.frame_end = 1, 3
told = {"server": words[1]}
scene.afwatch.server = "127.0.0.1:9"
for name, call in (("nowhere", bpy.ops.afwatch.pools), ("unsaved", bpy.ops.afwatch.submit)):
    try:
        call()
    except RuntimeError as error:
        told[name] = str(error)
scene.afwatch.server = words[1]
bpy.ops.wm.save_as_mainfile(filepath=os.path.join(os.path.dirname(words[2]), "scene.blend"))
bpy.ops.afwatch.pools()
told["pools"] = [each[0] for each in afwatch_submit._pools]
scene.afwatch.pool = "/fast"
scene.afwatch.job_name = "from blender"
scene.afwatch.frames_per_task = 2
scene.afwatch.priority = 77
told["result"] = sorted(bpy.ops.afwatch.submit())
told["shown"] = afwatch_submit.AFWATCH_PT_panel.bl_label
afwatch_submit.unregister()
with open(words[2], "w") as file:
    json.dump(told, file)
"""


@needs("blender")
@pytest.mark.timeout(300)
def test_the_add_on_submits_and_the_farm_renders(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.add", path="/fast")
    (farm.folder / "submit.py").write_text(SCRIPT)
    words = ["blender", "-b", "--factory-startup", "-noaudio", "--python-exit-code", "1", "-P", "submit.py", "--"]
    ran = subprocess.run(
        [*words, str(ADDONS), f"127.0.0.1:{farm.port}", str(farm.folder / "told.json")],
        cwd=farm.folder,
        # Blender believes this more than where it is.
        env={**os.environ, "PWD": str(farm.folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads((farm.folder / "told.json").read_text())
    assert told["pools"] == ["/", "/fast"] and told["result"] == ["FINISHED"]
    assert "No farm server answers at 127.0.0.1:9" in told["nowhere"] and "Save the file first" in told["unsaved"]
    (row,) = [each for each in farm.ask("job.list")["rows"] if each["name"] == "from blender"]
    assert row["priority"] == 77
    farm.start_agent("b1")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the render")
    farm.ask("render.move", names=["b1"], path="/fast")
    wait_for(lambda: farm.job(row["id"])["state"] in ("done", "error"), what="the end", seconds=200)
    assert farm.job(row["id"])["state"] == "done", farm.afcmd("task", "log", str(row["id"]), "0", "0").stdout
    frames = [farm.folder / "out" / f"f.{frame:04d}.png" for frame in (1, 2, 3)]
    assert all(frame.stat().st_size > 100 for frame in frames)
    wait_for(lambda: farm.ask("task.files", job=row["id"], block=0, task=0)["rows"], what="thumbnails")
