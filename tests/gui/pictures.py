"""Pictures of every view of the monitor, light and dark, from a seeded farm of real processes.

Usage: ``python -m tests.gui.pictures [FOLDER]``; the folder is ``docs/pictures`` by default.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from afcore.states import Role
from afnet.client.servers import Address
from afwatch.app import Watch, make_application
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

__all__ = ["main", "save", "seed_farm"]

HOSTS = ("atlas-01", "atlas-02", "atlas-03", "borea-01", "borea-02", "desk-jo")


_PAINT = """
import sys
from PIL import Image, ImageDraw
frame, path = int(sys.argv[1]), sys.argv[2]
hue = (frame * 37) % 255
sky = Image.linear_gradient("L").resize((256, 144))
bands = [sky.point(lambda value, part=part: (value * part) // 255) for part in (90, 120 + hue // 3, 255)]
picture = Image.merge("RGB", bands)
ground = Image.new("RGB", (256, 52), (40 + hue // 4, 52, 36))
picture.paste(ground, (0, 92))
left = 30 + frame % 12 * 16
ImageDraw.Draw(picture).ellipse((left, 24, left + 26, 50), fill=(250, 236, 190))
picture.save(path)
"""
"""Paints a frame: a sky, a ground, and a sun that goes by."""


def seed_farm(farm: FarmProcess) -> dict[str, int]:
    """Start a farm with jobs that run, wait, fail and are done; return their ids by name."""
    (farm.folder / "paint.py").write_text(_PAINT)
    farm.start_server()
    for name in HOSTS:
        farm.start_agent(name)
    wait_for(lambda: len(farm.ask("render.list")["rows"]) == len(HOSTS), what="the renders", seconds=60)
    for path, pattern in (("/atlas", "atlas.*"), ("/borea", "borea.*"), ("/desks", "desk.*")):
        farm.ask("pool.add", path=path)
        farm.ask("pool.set", paths=[path], parameters={"pattern": pattern, "max_tasks_host": 3})
    farm.ask("render.set", names=["desk-jo"], parameters={"nimby": True})
    for name, count in (("scan", 7), ("nuke", 10)):
        farm.ask("pool.set-ticket", path="/", ticket=name, count=count)
    ids: dict[str, int] = {}

    def job(name: str, user: str, *blocks: dict[str, Any], **more: Any) -> None:
        ids[name] = farm.submit(*blocks, name=name, user_name=user, **more)

    quick = "echo reading scene; echo writing image @####@; true"
    slow = "echo frame @#@; i=0; while [ $i -lt 300 ]; do echo PROGRESS: $i; sleep 2; i=$((i+1)); done"
    bad = "echo loading geometry of @#@; echo 'Error: texture rock_d.@####@.tx is empty' >&2; exit 1"
    mixed = "echo frame @#@; test $((@#@ % 7)) -ne 0"
    at = {"service": "generic", "errors_retries": 0}
    def painted(name: str) -> dict[str, Any]:
        images = farm.folder / f"{name}.@####@.png"
        return {"command": f"{sys.executable} {farm.folder}/paint.py @#@ {images}", "files": [str(images)]}

    job("atl_0120 comp v014", "anna", {**at, "name": "comp", "frame_first": 1001, "frame_last": 1012,
                                       "service": "nuke", **painted("comp")}, branch="/atl/0120")
    job("atl_0240 layout", "tomas", {**at, "name": "preview", "frame_last": 47, "command": mixed}, branch="/atl/0240")
    job("bor_0030 fx smoke", "jo", {**at, "name": "simulate", "frame_last": 3, **painted("smoke")},
        {**at, "name": "render", "service": "blender", "frame_first": 1, "frame_last": 40, "command": bad,
         "tasks_depend_mask": "simulate"}, branch="/bor/0030")
    for id in list(ids.values())[:2]:
        farm.wait_job(id, "done" if id == ids["atl_0120 comp v014"] else "error", seconds=90)
    wait_for(lambda: farm.job(ids["bor_0030 fx smoke"])["counts"][6] >= 12, what="errors", seconds=90)
    job("coast_scan tiles", "jo", {**at, "name": "tiles", "frame_last": 999_999, "command": slow,
                                   "tickets": {"scan": 1}}, branch="/scan",
        priority=140, max_running_tasks=7)
    job("atl_0120 beauty v015", "anna", {**at, "name": "beauty", "service": "arnold", "frame_first": 1001,
                                         "frame_last": 1096, "command": slow, "errors_retries": 3},
        {**at, "name": "denoise", "service": "movgen", "frame_first": 1001, "frame_last": 1096, "command": quick,
         "tasks_depend_mask": "beauty"}, branch="/atl/0120", priority=120)
    job("atl_0120 comp v015", "anna", {**at, "name": "comp", "service": "nuke", "frame_last": 96, "command": quick},
        depend_mask="atl_0120 beauty.*", branch="/atl/0120")
    job("nightly backup", "tomas", {**at, "name": "pack", "frame_last": 8, "command": slow}, branch="/io",
        time_wait=int(time.time()) + 19_000)
    job("bor_0050 hair test", "jo", {**at, "name": "hair", "service": "blender", "frame_last": 24, "command": slow},
        branch="/bor/0050", offline=True)
    job("bor_0070 water", "jo", {**at, "name": "water", "frame_last": 200, "command": slow,
                                 "hosts_mask": "titan.*"}, branch="/bor/0070", priority=90)
    farm.ask("job.pause", ids=[ids["bor_0050 hair test"]])
    farm.ask("job.set", ids=[ids["bor_0070 water"]], parameters={"annotation": "needs the big hosts"})
    wait_for(lambda: farm.job(ids["coast_scan tiles"])["running"] >= 3, what="running tasks", seconds=60)
    return ids


def save(widget: Any, path: Path) -> None:
    """Keep a picture of a widget in few bytes, every colour as it is."""
    widget.grab().save(str(path))
    with Image.open(path) as picture:
        plain = picture.convert("RGB")
    plain.save(path, optimize=True)


class Camera:
    """Takes pictures of the window."""

    def __init__(self, watch: Watch, application: QApplication, folder: Path) -> None:
        self.watch, self.application, self.folder = watch, application, folder
        self.number = 0

    def spin(self, condition: Callable[[], object], seconds: float = 90.0) -> None:
        """Let Qt work until a condition holds, at least a moment."""
        end, least = time.monotonic() + seconds, time.monotonic() + 0.6
        while time.monotonic() < least or not condition():
            if time.monotonic() > end:
                raise TimeoutError("a view did not become what it should")
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def take(self, name: str, widget: Any = None) -> None:
        """Take a picture of the window, or of another one, in both schemes."""
        shown = widget if widget is not None else self.watch.window
        for scheme in ("dark", "light"):
            self.watch.theme.choose(scheme)
            self.spin(lambda: True)
            save(shown, self.folder / f"{name}-{scheme}.png")
        self.watch.theme.choose("dark")


def main(arguments: list[str]) -> int:
    """Make the pictures."""
    folder = Path(arguments[0] if arguments else "docs/pictures").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="afwatch-pictures-") as temporary:
        farm = FarmProcess(Path(temporary) / "farm")
        try:
            ids = seed_farm(farm)
            _shoot(farm, ids, folder)
        finally:
            farm.close()
    return 0


def _shoot(farm: FarmProcess, ids: dict[str, int], folder: Path) -> None:
    application = make_application()
    watch = Watch([Address("127.0.0.1", farm.port)], user="jo", mode=Role.GOD, scheme="dark")
    window, state = watch.window, watch.session.state
    window.resize(1440, 900)
    watch.start()
    camera = Camera(watch, application, folder)
    try:
        camera.spin(lambda: len(state.jobs) >= len(ids) and len(state.renders) == len(HOSTS))
        window.show_job(ids["bor_0030 fx smoke"])
        camera.spin(lambda: window.pane("jobs").selected())
        camera.take("jobs")
        window.turn_inspector("parameters")
        camera.spin(lambda: window.inspector.widget("parameters")._fields)
        camera.take("parameters")
        window.pane("jobs").table.selectAll()
        camera.spin(lambda: window.inspector.widget("parameters")._fields)
        camera.take("parameters-of-many")
        window.turn_inspector("overview")
        window.turn_inspector("why")
        window.show_job(ids["bor_0070 water"])
        camera.spin(lambda: window.inspector.widget("why").answered == ids["bor_0070 water"])
        camera.take("why")
        window.turn_inspector("overview")
        window.go("work")
        camera.take("work")
        window.go("users")
        camera.take("users")
        window.go("monitors")
        camera.take("monitors")
        window.go("jobs")
        window.open_job(ids["coast_scan tiles"])
        camera.spin(lambda: window._tasks is not None and window._tasks._model.table.known == 1_000_000, 60)
        camera.take("tasks")
        window.choose_style("items")
        window.open_job(ids["atl_0120 comp v014"])
        camera.spin(lambda: watch.session.thumbnails.of((ids["atl_0120 comp v014"], 0, 9)) is not None)
        camera.take("tasks-items")
        window.choose_style("items")
        task = window.open_task(ids["bor_0030 fx smoke"], 1, 3)
        camera.spin(lambda: "texture" in task.output.toPlainText())
        camera.take("task", task)
        task.turn("runs")
        camera.spin(lambda: task.runs.table.rowCount())
        camera.take("task-runs", task)
        task.close()
        task = window.open_task(ids["bor_0070 water"], 0, 3)
        task.turn("why")
        camera.spin(lambda: task.why.answered)
        camera.take("task-why", task)
        task.close()
        window.go("system")
        camera.take("system-job")
        window.go("farm")
        pools: Any = window.pane("farm")
        root = next(id for id, row in state.pools.items() if row.path == "/")
        camera.spin(lambda: state.pools[root].tickets["scan"][1] == 7)
        pools.table.select_place(0)
        camera.spin(lambda: pools.selected())
        camera.take("pool")
        window.show_render(HOSTS[0])
        window.turn_inspector("log")
        log = window.inspector.widget("log")
        log.everything.setChecked(True)
        camera.spin(lambda: "started" in log.text.toPlainText())
        camera.take("render-log")
        window.turn_inspector("overview")
        window.go("jobs")
        window.choose_style("items")
        window.show_job(ids["atl_0120 comp v014"])
        thumbnails = watch.session.thumbnails
        camera.spin(lambda: thumbnails.of(ids["atl_0120 comp v014"]) and thumbnails.of(ids["bor_0030 fx smoke"]))
        camera.take("jobs-items")
        window.choose_style("table")
        form: Any = window.open_operation("history.runs")
        form.fields["user"].setText("anna")
        form.fields["since"].setText("2h")
        form.send()
        camera.spin(lambda: form.answer.toPlainText())
        camera.take("operation", form)
        form.close()
        window.pane("jobs").table.clearSelection()
        window.show_job(ids["atl_0120 beauty v015"])
        camera.spin(lambda: window.pane("jobs").selected())
        for scheme in ("dark", "light"):
            watch.theme.choose(scheme)
            window.open_palette()
            camera.spin(lambda: True)
            save(window, folder / f"palette-{scheme}.png")
        window._palette.hide()
        window.open_submit()
        dialog = window._submit
        dialog.fields["scene"].setEditText("/shows/bor/0030/fx_smoke_v003.blend")
        dialog.fields["files"].setText("/shows/bor/0030/out/beauty.####.exr")
        for scheme in ("dark", "light"):
            watch.theme.choose(scheme)
            dialog.refresh()
            camera.spin(lambda: True)
            save(dialog, folder / f"submit-{scheme}.png")
        dialog.reject()
        farm.kill_server()
        camera.spin(lambda: state.lost_at)
        camera.take("lost")
    finally:
        watch.leave()
        watch.close()
        farm.start_server()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
