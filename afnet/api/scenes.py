"""Scenes by their file name: which service renders one, and the command line it takes.

Rules of this file:
- Facts of the classic submitter (extensions, services, options of each program) are kept; ``@#@`` stands for frames.
- Texts that a person gives become one quoted argument; nothing here runs a command.
- Standard library and Python 3.9 only: it is part of what submits from inside other programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from afcore.errors import BadSpec, Problem
from afnet.api.site import host_name, to_server, user_name

__all__ = ["SCENES", "Scene", "SceneType", "command_job", "scene_job", "scene_type", "with_frames"]


@dataclass
class Scene:
    """What a person says of a scene to render, or of a command for each frame: for the terminal and the dialog."""

    path: str
    first: int
    last: int
    by: int = 1
    per_task: int = 1
    name: str = ""
    node: str = ""
    """ROP, write node, camera, composition or image, by the program."""
    take: str = ""
    """Take, layer, pass or template."""
    output: str = ""
    arguments: str = ""
    """Further arguments, as they are."""
    executable: str = ""
    """Instead of the program's usual name."""
    project: str = ""
    working_directory: str = ""
    capacity_min: int = -1
    capacity_max: int = -1
    ignore_inputs: bool = False
    service: str = ""
    """Instead of the one of the scene's type."""
    sequential: int = 1
    priority: int = -1
    capacity: int = -1
    max_running_tasks: int = -1
    max_running_tasks_per_host: int = -1
    max_run_time: int = 0
    life_time: int = -1
    hosts_mask: str = ""
    hosts_mask_exclude: str = ""
    depend_mask: str = ""
    depend_mask_global: str = ""
    need_os: str = ""
    images: list[str] = field(default_factory=list)
    """Patterns of the images that are written, for previews."""
    paused: bool = False
    delete_scene: bool = False
    """Delete the scene file when the job is deleted."""

    @property
    def frames(self) -> str:
        """First, last and increment for people."""
        return f"{self.first}-{self.last}" + (f" by {self.by}" if self.by > 1 else "")


@dataclass(frozen=True)
class SceneType:
    """How scenes of some extensions are rendered."""

    name: str
    extensions: tuple[str, ...]
    service: str
    command: Callable[[Scene], str]
    parser: Callable[[Scene], str] = lambda scene: ""
    node: str = ""
    """What ``node`` is called in this program; empty when it has none."""
    take: str = ""
    needs_node: bool = False


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _option(flag: str, value: str, *, glue: str = " ") -> str:
    return f"{flag}{glue}{_quoted(value)}" if value else ""


def _program(scene: Scene, usual: str) -> str:
    return scene.executable or usual


def _threads(scene: Scene, flag: str) -> str:
    return f"{flag} @AF_CAPACITY@" if scene.capacity_min > 0 or scene.capacity_max > 0 else ""


def _blender(scene: Scene) -> str:
    return _words(
        _program(scene, "blender"), "-b", _quoted(scene.path), scene.arguments, _option("-o", scene.output),
        f"-s @#@ -e @#@ -j {scene.by} -a",
    )  # fmt: skip


def _natron(scene: Scene) -> str:
    return _words(
        _program(scene, "natron"), scene.arguments, "-b -w", _quoted(scene.node),
        _quoted(scene.output) if scene.output else "", "@#@-@#@", _quoted(scene.path),
    )  # fmt: skip


def _nuke(scene: Scene) -> str:
    return _words(
        _program(scene, "nuke"), scene.arguments, f"-F @#@-@#@x{scene.by}", _threads(scene, "-m"),
        _option("-X", scene.node), "-x", _quoted(scene.path),
    )  # fmt: skip


def _houdini(scene: Scene) -> str:
    return _words(
        _program(scene, "hrender_af"), _threads(scene, "--numcpus"), "-i" if scene.ignore_inputs else "",
        f"-s @#@ -e @#@ --by {scene.by}", _option("-t", scene.take), scene.arguments, _quoted(scene.path),
        _quoted(scene.node),
    )  # fmt: skip


def _mantra(scene: Scene) -> str:
    return _words(_program(scene, "mantra"), _threads(scene, "-j"), scene.arguments, "-V a -f", _quoted(scene.path))


def _maya(scene: Scene) -> str:
    kind = {"maya_mental": "-r mr", "maya_delight": "-r 3delight", "maya_arnold": "-r arnold"}.get(scene.service, "")
    if scene.service == "maya_delight":
        frames = f"-an 1 -s @#@ -e @#@ -inc {scene.by}"
    else:
        frames = f"-s @#@ -e @#@ -b {scene.by}"
    return _words(
        _program(scene, "mayarender"), kind, frames, _option("-proj", scene.project), _option("-cam", scene.node),
        _option("-rl", scene.take), scene.arguments, _quoted(scene.path),
    )  # fmt: skip


def _xsi(scene: Scene) -> str:
    return _words(
        _program(scene, "xsibatch"), "-script afrender.js -lang JScript -main afRender -args -scene",
        _quoted(scene.path), f"-start @#@ -end @#@ -step {scene.by}", _option("-renderPass", scene.take),
        scene.arguments,
    )  # fmt: skip


def _max(scene: Scene) -> str:
    return _words(
        _program(scene, "3dsmaxcmd"), _quoted(scene.path), f"-start:@#@ -end:@#@ -nthFrame:{scene.by} -v:5",
        _option("-camera", scene.node, glue=":"), _option("-outputName", scene.output, glue=":"), scene.arguments,
    )  # fmt: skip


def _after_effects(scene: Scene) -> str:
    return _words(
        _program(scene, "aerender"), "-project", _quoted(scene.path), f"-s @#@ -e @#@ -i {scene.by}",
        _option("-comp", scene.node), _option("-RStemplate", scene.take), _option("-output", scene.output),
        scene.arguments,
    )  # fmt: skip


def _cinema(scene: Scene) -> str:
    usual = "c4drender" if "copy_scene_files" in scene.arguments else "c4d"
    return _words(
        _program(scene, usual), "-nogui -render", _quoted(scene.path), f"-frame @#@ @#@ {scene.by}",
        _option("-oimage", scene.output), _option("-take", scene.take), scene.arguments,
    )  # fmt: skip


def _vray(scene: Scene) -> str:
    return _words(
        _program(scene, "vray"), f"-sceneFile={_quoted(scene.path)}", f"-frames=@#@-@#@,{scene.by}",
        _option("-imgFile", scene.output, glue="="), scene.arguments, "-showProgress=2",
    )  # fmt: skip


def _arnold(scene: Scene) -> str:
    path = re.sub(r"#+", lambda found: f"@{found[0]}@", scene.path)
    return _words(
        _program(scene, "kick"), "-i", _quoted(path), _option("-o", scene.output), scene.arguments,
        "-v 2 -nstdin -dw -dp -nocrashpopup",
    )  # fmt: skip


def _fusion(scene: Scene) -> str:
    return _words(
        _program(scene, "fusion"), _quoted(scene.path), f"/render /start @#@ /end @#@ /step {scene.by}",
        "/verbose /quiet /quit", scene.arguments,
    )  # fmt: skip


def _clarisse(scene: Scene) -> str:
    return _words(
        _program(scene, "clarisse_node"), _quoted(scene.path), _option("-image", scene.node),
        f"-start_frame @#@ -end_frame @#@ -frame_step {scene.by}", scene.arguments, "-log_width 0",
    )  # fmt: skip


def _lightwave(scene: Scene) -> str:
    return _words(_program(scene, "lwsn_af"), "-3", scene.arguments, _quoted(scene.path), f"@#@ @#@ {scene.by}")


def _generic(scene: Scene) -> str:
    return _words(scene.executable, _quoted(scene.path), scene.arguments, "@#@ @#@")


SCENES: tuple[SceneType, ...] = (
    SceneType("Blender", ("blend",), "blender", _blender,
              lambda scene: "blender_cycles" if "CYCLES" in scene.arguments else "blender_render"),
    SceneType("Natron", ("ntp",), "natron", _natron, node="Write node"),
    SceneType("Nuke", ("nk",), "nuke", _nuke, node="Write node"),
    SceneType("Houdini", ("hip", "hipnc", "hiplc"), "hbatch_mantra", _houdini, node="ROP", take="Take",
              needs_node=True),
    SceneType("Mantra", ("ifd",), "mantra", _mantra),
    SceneType("Maya", ("ma", "mb"), "maya", _maya, node="Camera", take="Layer"),
    SceneType("Softimage", ("scn",), "xsi", _xsi, take="Pass"),
    SceneType("3ds Max", ("max",), "max", _max, node="Camera"),
    SceneType("After Effects", ("aep",), "afterfx", _after_effects, node="Composition", take="Template"),
    SceneType("Cinema 4D", ("c4d",), "c4d", _cinema, take="Take"),
    SceneType("V-Ray", ("vrscene",), "vray", _vray),
    SceneType("Arnold", ("ass",), "arnold", _arnold),
    SceneType("Fusion", ("comp",), "fusion", _fusion),
    SceneType("Clarisse", ("render",), "clarisse", _clarisse, node="Image"),
    SceneType("LightWave", ("lws",), "lightwave", _lightwave),
)  # fmt: skip
"""Scene types by extension."""

_OTHER = SceneType("Program", (), "generic", _generic)


def scene_type(path: str) -> SceneType:
    """Return how a scene is rendered, by the end of its name; a program to run when nothing knows it."""
    extension = os.path.splitext(path)[1].lower().lstrip(".")
    return next((kind for kind in SCENES if extension in kind.extensions), _OTHER)


def scene_job(scene: Scene) -> dict[str, Any]:
    """Return the job of a scene as the farm takes it (JSON); BadSpec with everything that is missing."""
    kind = scene_type(scene.path)
    problems = []
    if not scene.path.strip():
        problems.append(Problem("scene", "is empty", "name the file to render"))
    if kind.needs_node and not scene.node:
        problems.append(Problem("node", f"{kind.name} must know the {kind.node}", f"name the {kind.node} to render"))
    _refuse(scene, problems)
    base = os.path.splitext(os.path.basename(scene.path))[0]
    block: dict[str, Any] = {
        "name": scene.node or scene.take or kind.name.lower(),
        "service": scene.service or kind.service,
        "command": to_server(kind.command(scene), True),
        "working_directory": to_server(scene.working_directory or os.path.dirname(os.path.abspath(scene.path)), True),
    }
    _add(block, {"parser": kind.parser(scene)})
    job = _job(scene, scene.name or base, block)
    if scene.delete_scene:
        job["command_post"] = f"deletefiles {_quoted(to_server(scene.path, True))}"
    return job


def command_job(scene: Scene, command: str) -> dict[str, Any]:
    """Return the job of a command that runs for each frame, with everything of ``scene`` but a scene; or BadSpec."""
    problems = []
    if not command.strip():
        problems.append(Problem("command", "is empty", "write what runs; @#@ stands for the frame"))
    _refuse(scene, problems)
    block: dict[str, Any] = {
        "name": scene.service or "frames", "service": scene.service or "generic", "command": to_server(command, True),
    }  # fmt: skip
    _add(block, {"working_directory": to_server(scene.working_directory, True)})
    return _job(scene, scene.name or command.split()[0], block)


def _refuse(scene: Scene, problems: list[Problem]) -> None:
    """Raise BadSpec with these problems and those of the frames, if there are any."""
    if scene.last < scene.first:
        problems.append(Problem("last", f"{scene.last} is before the first frame {scene.first}"))
    if scene.by < 1:
        problems.append(Problem("by", "must be at least 1"))
    if problems:
        raise BadSpec(problems)


def _job(scene: Scene, name: str, block: dict[str, Any]) -> dict[str, Any]:
    """Return a job of one block, with what was said of either."""
    block.update({
        "frame_first": scene.first, "frame_last": scene.last, "frames_inc": scene.by,
        "frames_per_task": scene.per_task, "flags": 1,
    })  # fmt: skip
    _add(block, {
        "sequential": scene.sequential if scene.sequential != 1 else None,
        "capacity": scene.capacity if scene.capacity > 0 else None,
        "capacity_coeff_min": scene.capacity_min if scene.capacity_min > 0 else None,
        "capacity_coeff_max": scene.capacity_max if scene.capacity_max > 0 else None,
        "task_max_run_time": scene.max_run_time or None,
        "files": [to_server(each, True) for each in scene.images],
    })  # fmt: skip
    job: dict[str, Any] = {"name": name, "user_name": user_name(), "host_name": host_name(), "blocks": [block]}
    _add(job, {
        "priority": scene.priority if scene.priority >= 0 else None,
        "max_running_tasks": scene.max_running_tasks if scene.max_running_tasks >= 0 else None,
        "max_running_tasks_per_host":
            scene.max_running_tasks_per_host if scene.max_running_tasks_per_host >= 0 else None,
        "time_life": scene.life_time if scene.life_time >= 0 else None,
        "hosts_mask": scene.hosts_mask, "hosts_mask_exclude": scene.hosts_mask_exclude,
        "depend_mask": scene.depend_mask, "depend_mask_global": scene.depend_mask_global,
        "need_os": "" if scene.need_os == "any" else scene.need_os,
        "offline": scene.paused or None,
    })  # fmt: skip
    return job


def with_frames(name: str) -> str:
    """Return a file name with its frame number as the farm writes it: ``%04d`` and ``####`` become ``@####@``."""
    if re.search(r"@#+@", name):
        return name
    name = re.sub(r"%0?(\d*)d", lambda found: "@" + "#" * max(1, int(found[1] or 1)) + "@", name)
    return re.sub(r"(?<![@#])#+(?![@#])", lambda found: f"@{found[0]}@", name)


def _add(data: dict[str, Any], values: Mapping[str, Any]) -> None:
    data.update({key: value for key, value in values.items() if value not in (None, "", [])})
