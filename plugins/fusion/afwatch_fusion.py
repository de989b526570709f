"""Fusion: submit the composition to the farm.

In Fusion's console: ``!Py3: import afwatch_fusion; afwatch_fusion.submit(comp)``; this folder must be on the path for
modules. It shares ``afjobs`` with the Blender add-on, which lies beside it.
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blender", "afwatch_submit"))

import afjobs

__all__ = ["make_job", "submit"]


def make_job(comp, **settings):
    """Return the job of a composition; settings are those of ``afjobs.make_job``."""
    told = comp.GetAttrs()
    file = told.get("COMPS_FileName") or ""
    if not file:
        raise afjobs.SubmitError("Save the composition first: the farm renders what is on the disk.")
    first, last = int(told["COMPN_RenderStart"]), int(told["COMPN_RenderEnd"])
    files = []
    for saver in comp.GetToolList(False, "Saver").values():
        clip = saver.GetAttrs().get("TOOLST_Clip_Name") or {}
        # Fusion writes the frame behind the name, with four digits.
        for path in clip.values():
            stem, ending = os.path.splitext(path)
            files.append(stem.replace("\\", "/") + "@####@" + ending)
    per_task = settings.pop("frames_per_task", 1)
    block = afjobs.fusion_block(file, first, last, 1, per_task, files)
    return afjobs.make_job(os.path.splitext(os.path.basename(file))[0], [block], **settings)


def submit(comp, server="", **settings):
    """Save and submit the composition; return the id of the job. Raises ``afjobs.SubmitError`` with a sentence."""
    comp.Save(comp.GetAttrs().get("COMPS_FileName") or "")
    return afjobs.send_job(make_job(comp, **settings), server)
