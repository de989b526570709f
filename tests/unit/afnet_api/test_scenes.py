"""Scenes by their file name: the service, the command line, and what a job of one is."""

from __future__ import annotations

import pytest

from afcore.errors import BadSpec
from afcore.jobcheck import read_job
from afnet.api.scenes import SCENES, Scene, scene_job, scene_type, with_frames
from afnet.cli.scene import parse_scene

COMMANDS = {
    "shot.blend": 'blender -b "/s/shot.blend" -s 5 -e 5 -j 1 -a',
    "shot.ntp": 'natron -b -w "N" 5-5 "/s/shot.ntp"',
    "shot.nk": 'nuke -F 5-5x1 -X "N" -x "/s/shot.nk"',
    "shot.hip": 'hrender_af -s 5 -e 5 --by 1 "/s/shot.hip" "N"',
    "shot.ifd": 'mantra -V a -f "/s/shot.ifd"',
    "shot.mb": 'mayarender -s 5 -e 5 -b 1 -cam "N" "/s/shot.mb"',
    "shot.max": '3dsmaxcmd "/s/shot.max" -start:5 -end:5 -nthFrame:1 -v:5 -camera:"N"',
    "shot.aep": 'aerender -project "/s/shot.aep" -s 5 -e 5 -i 1 -comp "N"',
    "shot.c4d": 'c4d -nogui -render "/s/shot.c4d" -frame 5 5 1',
    "shot.vrscene": 'vray -sceneFile="/s/shot.vrscene" -frames=5-5,1 -showProgress=2',
    "shot.render": 'clarisse_node "/s/shot.render" -image "N" -start_frame 5 -end_frame 5 -frame_step 1 -log_width 0',
    "shot.lws": 'lwsn_af -3 "/s/shot.lws" 5 5 1',
    "run.sh": '"/s/run.sh" 5 5',
}


@pytest.mark.parametrize("file", COMMANDS)
def test_the_command_of_a_scene(file: str) -> None:
    spec = read_job(scene_job(Scene(f"/s/{file}", 5, 9, node="N")))
    assert spec.blocks[0].task_command(0) == COMMANDS[file]
    assert spec.tasks_num == 5
    assert spec.blocks[0].working_directory == "/s"


def test_every_type_makes_a_job_that_the_farm_takes() -> None:
    for kind in SCENES:
        for extension in kind.extensions:
            scene = Scene(f"/s/a.{extension}", 1, 3, node="n", take="t", output="/o/b.%04d.exr", arguments="-x 1")
            assert read_job(scene_job(scene)).blocks[0].service == kind.service
    assert scene_type("x.unknown").service == "generic"


def test_what_is_missing_is_told_at_once() -> None:
    with pytest.raises(BadSpec) as refused:
        scene_job(Scene("/s/a.hip", 9, 1, by=0))
    assert [problem.path for problem in refused.value.problems] == ["node", "last", "by"]


def test_cycles_have_a_parser_of_their_own() -> None:
    assert scene_job(Scene("a.blend", 1, 1))["blocks"][0]["parser"] == "blender_render"
    assert scene_job(Scene("a.blend", 1, 1, arguments="-- --cycles CYCLES"))["blocks"][0]["parser"] == "blender_cycles"


def test_frame_numbers_of_other_programs_are_understood() -> None:
    assert with_frames("a.%04d.exr") == "a.@####@.exr"
    assert with_frames("a.####.exr") == "a.@####@.exr"
    assert with_frames("a.@##@.exr") == "a.@##@.exr"
    assert with_frames("a.exr") == "a.exr"


def test_classic_options_are_taken() -> None:
    scene, _ = parse_scene(
        ["a.nk", "1", "9", "-by", "2", "-fpr", "3", "-maxhosts", "4", "-node", "W", "-pause", "-images", "b.%03d.png"]
    )
    job = scene_job(scene)
    assert (job["max_running_tasks"], job["offline"], job["blocks"][0]["frames_per_task"]) == (4, True, 3)
    assert job["blocks"][0]["files"] == ["b.@###@.png"]
