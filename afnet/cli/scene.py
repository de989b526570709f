"""``afcmd submit-scene SCENE FIRST LAST``: a scene becomes a job, with the options of the classic submitter."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from afnet.api.scenes import Scene, scene_job, with_frames

__all__ = ["parse_scene", "submit_scene"]


def parse_scene(arguments: Sequence[str]) -> tuple[Scene, argparse.Namespace]:
    """Return the scene that the arguments name; exits with a sentence when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="afcmd submit-scene", description="Submit a scene: the end of its name says what renders it."
    )
    add = parser.add_argument
    add("scene", help="file of the scene")
    add("first", type=int, help="first frame")
    add("last", type=int, help="last frame")
    add("-by", type=int, default=1, metavar="N", help="render every Nth frame")
    add("-fpt", "-fpr", dest="per_task", type=int, default=1, metavar="N", help="frames per task")
    add("-seq", dest="sequential", type=int, default=1, metavar="N", help="order of tasks: 10 every tenth first")
    add("-pwd", dest="working_directory", default="", metavar="DIR", help="working directory; else the scene's")
    add("-name", default="", help="name of the job; else the scene's")
    add("-proj", dest="project", default="", help="project of Maya")
    add("-node", default="", help="ROP, write node, camera, composition or image")
    add("-take", default="", help="take, layer, pass or template")
    add("-type", dest="service", default="", help="service; else the scene's")
    add("-output", default="", help="where images are written, instead of what the scene says")
    add("-images", action="append", default=[], metavar="PATTERN", help="images that are written, for previews")
    add("-exec", dest="executable", default="", help="program, instead of the usual one")
    add("-extrargs", dest="arguments", default="", help="further arguments of the program")
    add("-ignoreinputs", dest="ignore_inputs", action="store_true", help="Houdini: leave inputs of the ROP alone")
    add("-deletescene", dest="delete_scene", action="store_true", help="delete the scene with the job")
    add("-pause", dest="paused", action="store_true", help="submit it paused")
    add("-os", dest="need_os", default="", help="system it must run on; any for none")
    add("-hostsmask", dest="hosts_mask", default="", help="hosts it may run on")
    add("-hostsexcl", dest="hosts_mask_exclude", default="", help="hosts it may not run on")
    add("-lifetime", dest="life_time", type=int, default=-1, metavar="S", help="delete the job after seconds")
    add("-maxruntime", dest="max_run_time", type=int, default=0, metavar="S", help="longest run of a task")
    add("-maxruntasks", "-maxhosts", dest="max_running_tasks", type=int, default=-1, help="most tasks at once")
    add("-maxtasksperhost", dest="max_running_tasks_per_host", type=int, default=-1, help="most of them on a host")
    add("-priority", type=int, default=-1, help="order among jobs: the higher, the sooner")
    add("-capacity", type=int, default=-1, help="units a task takes of its host")
    add("-capmin", dest="capacity_min", type=int, default=-1, help="least capacity, as a factor")
    add("-capmax", dest="capacity_max", type=int, default=-1, help="greatest capacity, as a factor")
    add("-depmask", dest="depend_mask", default="", help="own jobs that must be done first")
    add("-depglbl", dest="depend_mask_global", default="", help="anybody's jobs that must be done first")
    add("-V", "--verbose", dest="verbose", action="store_true", help="print the job before it is sent")
    add("--server", metavar="HOST:PORT[,…]", help="servers of the farm")
    add("--config", metavar="FILE", help="settings")
    options = parser.parse_args(arguments)
    values = {name: value for name, value in vars(options).items() if name in Scene.__dataclass_fields__}
    scene = Scene(path=options.scene, **values)
    scene.output = with_frames(scene.output)
    scene.images = [with_frames(each) for each in scene.images]
    return scene, options


def submit_scene(arguments: Sequence[str]) -> int:
    """Submit a scene and print the farm's answer as JSON; the exit code."""
    from afcore.jobcheck import read_job
    from afnet.cli.asking import ask
    from afnet.cli.main import open_client
    from afnet.cli.show import as_json

    scene, options = parse_scene(arguments)
    job: dict[str, Any] = scene_job(scene)
    read_job(job)
    if options.verbose:
        print(as_json(job), file=sys.stderr)
    with open_client(options) as client:
        print(as_json(ask(client, "job.submit", {"job": job})))
    return 0
