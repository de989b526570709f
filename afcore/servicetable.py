"""Which services there are, which parser reads the output of each, and what each runs.

Names only: what a service does lives with the agent. A service missing here may still be installed on a farm; the list
is what submitters are checked against when nothing better is known.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["NO_PARSER", "SERVICES", "Service", "parser_of", "service_names"]

NO_PARSER = "none"
"""The parser of services whose output nobody reads."""


class Service(NamedTuple):
    """One service: its usual parser (``none`` for no parser) and what it runs."""

    parser: str
    about: str


SERVICES: dict[str, Service] = {
    "afterfx": Service("afterfx", "Adobe After Effects"),
    "arnold": Service("arnold", "Arnold scene files"),
    "blender": Service("blender", "Blender; submitters name the parser of the engine"),
    "blender_internal": Service(NO_PARSER, "Blender's old internal engine"),
    "c4d": Service("c4d", "Cinema 4D"),
    "checksum": Service("generic", "checksums of files"),
    "clarisse": Service("clarisse", "Clarisse"),
    "events": Service(NO_PARSER, "what is done when something happened on the farm"),
    "ffmpeg": Service("ffmpeg", "ffmpeg"),
    "ftp": Service("generic", "file transfer"),
    "ftrack": Service("ftrack", "ftrack"),
    "fusion": Service("fusion", "Fusion"),
    "generic": Service("generic", "any command"),
    "hbatch": Service("hbatch", "Houdini"),
    "hbatch_karma": Service("hbatch_karma", "Houdini running Karma"),
    "hbatch_mantra": Service("hbatch_mantra", "Houdini running Mantra"),
    "hbatch_pdg": Service("generic", "Houdini work items"),
    "hbatch_prman": Service("hbatch_prman", "Houdini running RenderMan"),
    "hbatch_redshift": Service("hbatch_redshift", "Houdini running Redshift"),
    "houdinitoarnold": Service("houdinitoarnold", "Houdini running Arnold"),
    "htracker": Service("generic", "a tracker of work items, for which exit status 1 is success too"),
    "karma": Service("karma", "Karma"),
    "lightwave": Service("lightwave", "LightWave"),
    "mantra": Service("mantra", "Mantra"),
    "max": Service("max", "3ds Max"),
    "maya": Service(NO_PARSER, "Maya"),
    "maya_arnold": Service("maya_arnold", "Maya running Arnold"),
    "maya_delight": Service("maya_delight", "Maya running 3Delight"),
    "maya_mental": Service("maya_mental", "Maya running mental ray"),
    "maya_redshift": Service("maya_redshift", "Maya running Redshift"),
    "mayatoarnold": Service("mayatoarnold", "Maya writing Arnold scenes"),
    "mayatomr": Service("mayatomr", "Maya writing mental ray scenes"),
    "mayatovray": Service("mayatovray", "Maya writing V-Ray scenes"),
    "mentalray": Service("mentalray", "mental ray"),
    "movgen": Service("generic", "movies from frames"),
    "natron": Service("natron", "Natron"),
    "nuke": Service("nuke", "Nuke"),
    "postcmd": Service(NO_PARSER, "commands after a job is deleted"),
    "prman": Service("prman", "RenderMan"),
    "redline": Service("redline", "RED footage"),
    "rsync": Service("rsync", "rsync"),
    "shotgun": Service("shotgun", "Shotgun"),
    "system": Service("generic", "commands of the farm itself"),
    "test": Service("generic", "tests of the farm"),
    "tiles_stitch": Service("generic", "stitching of rendered tiles"),
    "vray": Service("vray", "V-Ray"),
    "wakeonlan": Service(NO_PARSER, "waking sleeping machines"),
    "walk": Service("generic", "walking over folders"),
    "xsi": Service("xsi", "Softimage"),
    "xsi_arnold": Service("xsi_arnold", "Softimage running Arnold"),
    "xsi_arnold_watermarked": Service("xsi_arnold_watermarked", "Softimage running Arnold without a licence"),
    "xsi_redshift": Service("xsi_redshift", "Softimage running Redshift"),
}


def parser_of(service: str) -> str:
    """Return the usual parser of a service; ``none`` for a service that is not known."""
    known = SERVICES.get(service)
    return known.parser if known is not None else NO_PARSER


def service_names() -> list[str]:
    """Return the names of all services, sorted."""
    return sorted(SERVICES)
