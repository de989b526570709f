"""Jobs of submitters inside applications: made of plain values, sent and asked about over HTTP.

Standard library only, and no newer Python than applications bring (3.6): no application is imported here, so Blender,
Natron and Fusion share it and it is tested without them.
"""

import getpass
import json
import os
import re
import socket
import ssl
import sys
import urllib.error
import urllib.request

__all__ = [
    "SubmitError", "blender_block", "find_authority", "find_token", "frame_pattern", "fusion_block", "make_job",
    "natron_block", "quoted", "read_pools", "send_job", "server_address",
]  # fmt: skip

DEFAULT_SERVER = "127.0.0.1:51000"
_TIMEOUT = 20.0


class SubmitError(Exception):
    """Why a job was not sent; the text is for the person in front of the application."""


def server_address(text=""):
    """Return ``HOST:PORT`` of the farm's server: as given, else the environment's ``AF_SERVER``, else this machine."""
    found = (text or os.environ.get("AF_SERVER", "") or DEFAULT_SERVER).split(",")[0].strip()
    return found if ":" in found else found + ":51000"


def _is_here(host):
    return host == "localhost" or host == "[::1]" or host.startswith("127.")


def _folder(share):
    """Return the folder of this user's sign-ins, or of the secrets that servers of this user leave (``share``)."""
    home = os.environ.get("HOME") or os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or home, "afwatch", "afwatch")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "afwatch")
    if share:
        return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "afwatch")
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "afwatch")


def _private(path):
    """Return the object in a file that only its owner may read; empty when there is none, or others may."""
    try:
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                return {}
            found = json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find_token(address):
    """Return what to show the server at ``HOST:PORT``, as every program of the farm finds it; empty for nothing."""
    given = os.environ.get("AF_TOKEN", "").strip()
    if given:
        return given
    signed = _private(os.path.join(_folder(False), "tokens.json")).get(address)
    if isinstance(signed, dict):
        return str(signed.get("token", ""))
    host, _, port = address.rpartition(":")
    name = "%s-%s.json" % (socket.gethostname().lower(), port)
    said = _private(os.path.join(_folder(True), "secrets", name)) if _is_here(host) else {}
    # Only the very address that the server named: another program may listen at another one.
    return str(said.get("secret", "")) if address in said.get("addresses", ()) else ""


def find_authority(address):
    """Return the file of the authority that the server at ``HOST:PORT`` must have; empty for none."""
    host, _, port = address.rpartition(":")
    plain = host.strip("[]").lower()
    kept = os.path.join(_folder(False), "authorities", "%s-%s.pem" % (re.sub("[^A-Za-z0-9._-]", "_", plain), port))
    if os.path.exists(kept):
        return kept
    return "" if _is_here(host) else os.environ.get("AF_AUTHORITY", "").strip()


def _context(address):
    """Return how to speak TLS with a server; None for plain, on this machine. Raises SubmitError."""
    authority = find_authority(address)
    if not authority:
        if _is_here(address.rpartition(":")[0]):
            return None
        raise SubmitError(
            "The farm at %s is on another machine, and its certificate authority is not known here: run "
            "`afcmd --server %s trust`, or name its file in AF_AUTHORITY." % (address, address)
        )
    # The authority signs for one farm and for nobody else's servers, so the name in the certificate does not matter.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        context.load_verify_locations(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise SubmitError("%s can not be read as a certificate authority: %s" % (authority, error)) from None
    return context


def _ask(server, path, body=None):
    data = None if body is None else json.dumps(body).encode("utf-8")
    address = server_address(server)
    context = _context(address)
    request = urllib.request.Request(("https://" if context else "http://") + address + path, data=data)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    token = find_token(address)
    if token:
        request.add_unredirected_header("Authorization", "Bearer " + token)
    # A proxy of the network has no business between a program and its farm.
    handlers = [urllib.request.ProxyHandler({})] + ([urllib.request.HTTPSHandler(context=context)] if context else [])
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT) as answer:
            return json.loads(answer.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        raise SubmitError(_refusal(error.read(), error.code)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SubmitError("No farm server answers at %s (%s)." % (server_address(server), reason)) from None


def _refusal(body, status):
    """Return the sentence of a refusal, with every problem of the job."""
    try:
        error = json.loads(body.decode("utf-8"))["error"]
        problems = ["%s: %s" % (each["path"], each["what"]) for each in error.get("problems") or ()]
        return "; ".join(problems) or error["sentence"]
    except (ValueError, KeyError, TypeError):
        return "The server answered %d without saying why." % status


def read_pools(server=""):
    """Return ``[(path, number of renders), ...]`` of the farm's pools. Raises SubmitError."""
    rows = _ask(server, "/api/pools")["pools"]
    return [(row["path"], len(row["renders"])) for row in rows]


def send_job(job, server=""):
    """Send a job made by ``make_job``; return its id. Raises SubmitError with everything that is wrong with it."""
    return int(_ask(server, "/api/jobs", {"job": job})["id"])


def quoted(path):
    """Return a path as one word of a command."""
    return '"%s"' % path.replace("\\", "/").replace('"', "")


def frame_pattern(path, frame):
    """Return a path in which the digits of ``frame`` (the last such run) are a pattern.

    ``f.0012.exr`` is ``f.@####@.exr``. A path without them stays as it is.
    """
    path = path.replace("\\", "/")
    last = None
    for found in re.finditer(r"\d+", path):
        if int(found.group()) == frame:
            last = found
    if last is None:
        return path
    return path[: last.start()] + "@" + "#" * len(last.group()) + "@" + path[last.end() :]


def _numeric(name, service, parser, command, first, last, step, per_task, files, folder):
    block = {
        "name": name,
        "service": service,
        "parser": parser,
        "command": command,
        "flags": 1,
        "frame_first": int(first),
        "frame_last": int(max(first, last)),
        "frames_per_task": int(max(1, per_task)),
        "frames_inc": int(max(1, step)),
        "working_directory": folder.replace("\\", "/"),
    }
    if files:
        block["files"] = list(files)
    return block


def blender_block(scene_file, first, last, step=1, per_task=1, engine="CYCLES", files=(), scene="", extra=""):
    """Return the block that renders a saved Blender file; ``engine`` is Blender's name of the render engine."""
    parser = "blender_cycles" if engine == "CYCLES" else "blender_render"
    words = ["blender -b", quoted(scene_file), "-noaudio"]
    if scene:
        words.append("-S " + quoted(scene))
    if extra:
        words.append(extra)
    words.append("-s @#@ -e @#@ -j %d -a" % max(1, step))
    folder = os.path.dirname(scene_file)
    return _numeric("render", "blender", parser, " ".join(words), first, last, step, per_task, files, folder)


def natron_block(project, first, last, step=1, per_task=1, writer="", output="", files=()):
    """Return the block that renders a saved Natron project, all its writers or one of them."""
    words = ["natron -b"]
    if writer:
        words.append("-w " + quoted(writer))
        if output:
            words.append(quoted(output))
    words.append("@#@-@#@" if step <= 1 else "@#@-@#@:%d" % step)
    words.append(quoted(project))
    folder = os.path.dirname(project)
    return _numeric(writer or "render", "natron", "natron", " ".join(words), first, last, step, per_task, files, folder)


def fusion_block(composition, first, last, step=1, per_task=1, files=()):
    """Return the block that renders a saved Fusion composition."""
    command = "fusion %s /render /start @#@ /end @#@ /step %d /verbose /quit" % (quoted(composition), max(1, step))
    folder = os.path.dirname(composition)
    return _numeric("render", "fusion", "fusion", command, first, last, step, per_task, files, folder)


def make_job(name, blocks, user="", **settings):
    """Return a job of blocks. Settings that say nothing (None, empty, -1) are left out.

    ``pool`` is the path of the pool that shall render it alone; ``paused``, ``priority``, ``depend_mask``,
    ``hosts_mask``, ``hosts_mask_exclude``, ``max_running_tasks``, ``annotation``, ``branch`` and every other field of a
    job may be given. ``sequential`` and ``capacity`` are those of the blocks.
    """
    job = {
        "name": name or "noname",
        "user_name": (user or os.environ.get("AF_USERNAME") or _login()).lower(),
        "host_name": socket.gethostname().lower(),
        "blocks": [dict(block) for block in blocks],
    }
    pool = settings.pop("pool", "")
    if pool and pool != "/":
        job["pools"] = {pool: 100}
    if settings.pop("paused", False):
        job["offline"] = True
    for key in ("sequential", "capacity"):
        value = settings.pop(key, None)
        if value is not None:
            for block in job["blocks"]:
                block[key] = value
    for key, value in settings.items():
        if value is not None and value != "" and value != -1:
            job[key] = value
    for key in ("hosts_mask", "hosts_mask_exclude"):
        if key in job:
            job.setdefault("hosts_mask_type", "regex")
    outputs = [os.path.dirname(block["files"][0]) for block in job["blocks"] if block.get("files")]
    if outputs and outputs[0]:
        job["folders"] = {"output": outputs[0]}
    return job


def _login():
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"
