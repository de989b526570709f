"""Natron: submit the project to the farm.

In Natron's script editor: ``import afwatch_natron; afwatch_natron.submit(app)``; this folder must be on Natron's path
(Preferences > Plug-ins). It shares ``afjobs`` with the Blender add-on, which lies beside it.
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blender", "afwatch_submit"))

import afjobs

__all__ = ["make_job", "submit"]

_WRITER = "fr.inria.built-in.Write"


def _writers(app):
    return [node for node in app.getChildren() if node.getPluginID() == _WRITER]


def make_job(app, **settings):
    """Return the job of a project: a block for each of its writers; settings are those of ``afjobs.make_job``."""
    folder = app.getProjectParam("projectPath").get()
    name = app.getProjectParam("projectName").get()
    if not folder or not name:
        raise afjobs.SubmitError("Save the project first: the farm renders what is on the disk.")
    project = os.path.join(folder, name)
    first, last = app.getProjectParam("frameRange").get()
    per_task = settings.pop("frames_per_task", 1)
    blocks = []
    for node in _writers(app):
        # Natron writes the frame as ###; the farm as @###@.
        output = node.getParam("filename").get()
        files = [_pattern(output)] if "#" in output else []
        blocks.append(afjobs.natron_block(project, first, last, 1, per_task, node.getScriptName(), files=files))
    if not blocks:
        raise afjobs.SubmitError("The project has no writer.")
    return afjobs.make_job(os.path.splitext(name)[0], blocks, **settings)


def _pattern(output):
    begin = output.index("#")
    end = output.rindex("#") + 1
    return output[:begin] + "@" + output[begin:end] + "@" + output[end:]


def submit(app, server="", **settings):
    """Submit the project; return the id of the job. Raises ``afjobs.SubmitError`` with a sentence."""
    return afjobs.send_job(make_job(app, **settings), server)
