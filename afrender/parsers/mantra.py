"""The parser of Mantra: percentages, images that it wrote, memory."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, gigabytes, on, words

__all__ = ["mantra"]


_IMAGES = (".exr", ".pic", ".rat", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".tga", ".dpx", ".cin", ".hdr", ".bmp")
_VARIABLE = re.compile(r"__(\w{1,80}?)__")


class mantra(Parser):
    """``ALF_PROGRESS N%`` is the percentage of the frame."""

    str_warning = words(
        "Unable to access file",
        "Unable to load texture",
        "Recompress failed",
        "WARNING: A procedural of",
        " Unknown parameter: ",
        " is rendering as a packed procedural but has a mix of packed and non-packed primitives",
        "mantra: No velocity attribute found for motion blur",
        " primitives which may not be rendered directly",
        "Procedural generated out of bounds geometry",
        "mantra: WARNING:",
    )
    str_error = words(
        "No licenses could be found to run this application",
        "Please check for a valid license server host",
        "Failed to create file",
    )

    renderer = "mantra"

    @on("ALF_PROGRESS", r"ALF_PROGRESS\s{1,8}(\d{1,3})%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))

    @on("Generating Image: ", r"Generating Image: (.{1,4000}) \(\d{1,9}x\d{1,9}\)")
    def _image(self, found: re.Match[str]) -> None:
        self.append_image(found[1])

    @on("PDG_RESULT:", r"PDG_RESULT:[^;]{0,400};[^;]{0,80};([^;]{1,3000});")
    def _result(self, found: re.Match[str]) -> None:
        self.append_image(found[1])

    @on("Peak Memory Usage: ", r"Peak Memory Usage: (\d{1,9}(?:\.\d{1,9})?)\s?([kKMGT]?B)?")
    def _memory(self, found: re.Match[str]) -> None:
        self.resources = f"{self.renderer}_gb:" + gigabytes(found[1], found[2] or "")

    @on("Error loading geometry ", r"Error loading geometry .{0,3000} from stdin")
    def _broken_geometry(self, found: re.Match[str]) -> None:
        self.error = True

    def append_image(self, path: str) -> None:
        """Note a file if its name is an image's; ``__NAME__`` in it stands for a variable of the task."""
        if path.lower().endswith(_IMAGES):
            variables = self.taskInfo.get("environment", {})
            self.appendFile(_VARIABLE.sub(lambda name: str(variables.get(name[1], name[0])), path))
