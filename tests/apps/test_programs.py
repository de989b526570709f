"""Programs of the trade on a real farm: what they print is understood, what they write is checked and shown.

``make test-apps`` installs them on Debian; without them these tests say so.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import Any

import pytest
from PIL import Image

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

CHECKED = 1 | 128
"""Numeric, and files are checked."""


def needs(program: str, maker: str = "") -> pytest.MarkDecorator:
    """Skip a test where a program is not, or is another one of that name: its ``-version`` does not say ``maker``."""
    path = shutil.which(program)
    if path is not None and maker:
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stdout
        path = path if maker in told else None
    return pytest.mark.skipif(path is None, reason=f"{program} is not installed (make test-apps)")


def history(farm: FarmProcess, job: int) -> dict[int, dict[str, object]]:
    """Return the newest run of each block's first task."""
    rows = farm.ask("history.runs", job=job)["rows"]
    return {row["id_block"]: row for row in reversed(rows)}


def pictures(farm: FarmProcess, job: int, block: int, task: int) -> dict[str, Image.Image]:
    """Return the thumbnails of a task."""

    def rows() -> list[dict[str, Any]]:
        found = farm.ask("task.files", job=job, block=block, task=task)["rows"]
        return [row for row in found if row["name"].endswith(".jpg")]

    wait_for(rows, what="thumbnails")
    return {row["name"]: Image.open(io.BytesIO(farm.ask("file.read", id=row["id"])["data"])) for row in rows()}


@needs("ffmpeg")
def test_ffmpeg_makes_a_movie_and_says_what_it_cannot_read(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    source = "ffmpeg -hide_banner -y -f lavfi -i testsrc=duration=4:size=320x180:rate=25 -c:v mpeg4 source.avi"
    make = "ffmpeg -hide_banner -y -i source.avi -c:v mpeg4 -vf scale=160:90 movie.mp4"
    common = {"service": "ffmpeg", "parser": "ffmpeg", "working_directory": str(farm.folder), "frame_first": 1,
              "frame_last": 1}  # fmt: skip
    id = farm.submit(
        {"name": "source", "command": source, **common},
        {"name": "movie", "command": make, "depend_mask": "source", "files": ["movie.mp4"], "flags": CHECKED, **common},
        {"name": "nothing", "command": "ffmpeg -hide_banner -y -i no-such.avi x.mp4", "errors_retries": 0, **common},
    )
    farm.wait_job(id, "error", seconds=100)
    wait_for(lambda: len(history(farm, id)) == 3, what="three ends")
    ended = history(farm, id)
    assert [ended[block]["status"] for block in range(3)] == ["success", "success", "parser_error"]
    assert (farm.folder / "movie.mp4").stat().st_size > 1000
    wait_for(lambda: "Duration: 00:00:04" in farm.afcmd("task", "log", str(id), "1", "0").stdout, what="its log")
    assert "No such file or directory" in farm.afcmd("task", "log", str(id), "2", "0").stdout


@needs("convert", "ImageMagick")
def test_images_of_imagemagick_are_checked_and_its_own_thumbnails_are_taken(farm_process: FarmProcess) -> None:
    farm = farm_process
    config = farm.folder / "agent.json"
    command = 'convert "%(image)s" %(pre_args)s -thumbnail x40 -negate "%(thumbnail)s"'
    config.write_text(json.dumps({"af_thumbnail_cmd": command}))
    farm.start_agent("plain")
    farm.start_agent("own", "--config", str(config))
    common = {"working_directory": str(farm.folder), "frame_first": 1, "frame_last": 2, "flags": CHECKED}
    red = "convert -size 160x90 xc:red -fill white -draw 'rectangle 10,10 {0},40' {1}"
    id = farm.submit(
        {"name": "plain", "command": red.format("@##@", "a.@####@.png"), "files": ["a.@####@.png"],
         "hosts_mask": "plain", **common},
        {"name": "own", "command": red.format("@##@", "b.@####@.tif"), "files": ["b.@####@.tif"],
         "hosts_mask": "own", **common},
    )  # fmt: skip
    farm.wait_job(id, seconds=100)
    (name, plain), = pictures(farm, id, 0, 1).items()
    assert (name, plain.size) == ("a.0002.png.jpg", (160, 90))
    red_is = plain.getpixel((150, 80))
    assert red_is[0] > 240 and red_is[1] < 15
    (name, own), = pictures(farm, id, 1, 1).items()
    negated = own.getpixel((65, 35))
    assert (name, own.size) == ("b.0002.tif.jpg", (71, 40))
    assert negated[0] < 15 and negated[1] > 240, "made by the studio's command"


SCENE = """
import os
import bpy
scene = bpy.context.scene
scene.render.engine = 'CYCLES'
scene.cycles.samples = 4
scene.cycles.use_denoising = False
scene.render.resolution_x, scene.render.resolution_y = 160, 90
scene.render.image_settings.file_format = 'OPEN_EXR'
cube = bpy.data.objects['Cube']
for frame, angle in ((1, 0.0), (3, 1.0)):
    cube.rotation_euler[2] = angle
    cube.keyframe_insert('rotation_euler', frame=frame)
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath('scene.blend'))
"""


@needs("blender")
@pytest.mark.timeout(300)
def test_blender_renders_three_frames(farm_process: FarmProcess) -> None:
    farm = farm_process
    (farm.folder / "scene.py").write_text(SCENE)
    # On a busy machine what is as nice as tasks are hardly comes to its turn.
    farm.environment["AF_RENDER_NICE"] = "0"
    farm.start_agent()
    here = {"working_directory": str(farm.folder), "frame_first": 1}
    id = farm.submit(
        {"name": "scene", "service": "blender", "parser": "blender", "frame_last": 1, **here,
         "command": "blender -b --factory-startup -noaudio --python-exit-code 1 -P scene.py"},
        {"name": "render", "service": "blender", "parser": "blender_cycles", "depend_mask": "scene", "frame_last": 3,
         "frames_per_task": 2, "flags": CHECKED, "files": ["f.@####@.exr"], **here,
         "command": "blender -b scene.blend -noaudio -t 1 -o //f.#### -s @#@ -e @#@ -j 1 -a"},
    )  # fmt: skip
    wait_for(lambda: farm.job(id)["state"] in ("done", "error"), what="the end", seconds=280)
    assert farm.job(id)["state"] == "done", farm.afcmd("task", "log", str(id), "0", "0").stdout
    frames = [farm.folder / f"f.{frame:04d}.exr" for frame in (1, 2, 3)]
    assert all(frame.stat().st_size > 1000 for frame in frames)
    shown = {**pictures(farm, id, 1, 0), **pictures(farm, id, 1, 1)}
    assert set(shown) == {"f.0001.exr.jpg", "f.0002.exr.jpg", "f.0003.exr.jpg"}
    for picture in shown.values():
        low, high = picture.convert("L").getextrema()
        assert picture.size == (160, 90) and high - low > 60, "there is a lit cube in it"
    runs = farm.ask("history.runs", job=id)["rows"]
    assert {run["status"] for run in runs} == {"success"} and len(runs) == 3
