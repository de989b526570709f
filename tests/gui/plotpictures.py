"""Pictures of plots, light and dark: the farm's rows, a render's page, the farm over time; of machines made up.

Usage: ``python -m tests.gui.plotpictures [FOLDER]``; the folder is ``docs/pictures`` by default. ``AF_PICTURE_TEXT`` is
the size of texts in percent, ``QT_SCALE_FACTOR`` that of everything.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from msgspec import structs

from afcore.states import Role
from afnet.client.servers import Address
from afwatch.app import Watch, make_application
from afwatch.plots.ring import PERIOD, SAMPLES
from tests.e2e.processes import FarmProcess
from tests.gui.pictures import Camera
from tests.gui.plotfarm import fake_host, reading, seed_history
from tests.waiting import wait_for

__all__ = ["main"]

MACHINES: dict[str, dict[str, Any]] = {
    "atlas-01": {"cores": 64, "meters": True},
    "atlas-02": {"cores": 64},
    "atlas-03": {"cores": 128},
    "borea-01": {"cores": 32, "gpus": 4},
    "borea-02": {"cores": 32, "gpus": 1, "meters": True},
    "desk-jo": {"cores": 16},
    "long-" + "name-" * 39: {"cores": 16},
}


def main(arguments: list[str]) -> int:
    """Make the pictures."""
    folder = Path(arguments[0] if arguments else "docs/pictures").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="afwatch-pictures-") as temporary:
        farm = FarmProcess(Path(temporary) / "farm")
        try:
            _seed(farm)
            _shoot(farm, folder)
        finally:
            farm.close()
    return 0


def _seed(farm: FarmProcess) -> None:
    now = time.time()
    seed_history(farm.data / "resources", MACHINES, now, 13, gap=["atlas-01"])
    farm.start_server()
    for path, pattern in (("/atlas", "atlas.*"), ("/borea", "borea.*"), ("/desks", "(desk|long).*")):
        farm.ask("pool.add", path=path)
        farm.ask("pool.set", paths=[path], parameters={"pattern": pattern, "max_tasks_host": 4})
    for place, (name, machine) in enumerate(MACHINES.items()):
        hosts = farm.folder / f"hosts{place}"
        hosts.mkdir()
        farm.start_agent(name, "--fake-host", str(fake_host(hosts, "host", now, **machine)))
    wait_for(lambda: len(farm.ask("render.list")["rows"]) == len(MACHINES), what="the renders", seconds=90)
    at = {"service": "generic", "errors_retries": 0}
    bad = farm.submit({**at, "command": "sleep 4; exit 1", "frame_last": 11}, name="bor_0030 fx smoke", user_name="jo")
    farm.submit({**at, "command": "sleep $((9 + @#@ % 17))", "frame_last": 400}, name="atl_0120 beauty v015",
                user_name="anna")  # fmt: skip
    farm.wait_job(bad, "error", seconds=120)


def _shoot(farm: FarmProcess, folder: Path) -> None:
    application = make_application()
    watch = Watch([Address("127.0.0.1", farm.port)], user="jo", mode=Role.GOD, scheme="dark")
    watch.theme.choose_size(int(os.environ.get("AF_PICTURE_TEXT", "100")))
    window, state = watch.window, watch.session.state
    window.resize(1600, 1000)
    watch.start()
    camera = Camera(watch, application, folder)
    try:
        camera.spin(lambda: len(state.renders) == len(MACHINES))
        camera.spin(lambda: all(row.resources for row in state.renders.values()))
        _remember(watch)
        window.go("farm")
        window.show_render("atlas-01")
        camera.take("farm")
        window.turn_inspector("live")
        camera.take("render-live")
        window.show_render("borea-02")
        window.turn_inspector("history")
        camera.spin(lambda: window.inspector.widget("history").list.count())
        camera.take("render-ended")
        window.turn_inspector("overview")
        for name, span in (("render-history", 43200.0), ("render-tasks", 600.0)):
            window.go("farm")
            window.open_render("atlas-01" if span > 600 else "borea-01")
            page = window._page
            assert page is not None
            page.choose_span(span)
            if span <= 600:
                page.follows = False
                page._ask()
            camera.spin(lambda page=page: page.panels and page.lanes.lanes)
            page.move_cursor(page.since + 0.42 * (page.until - page.since))
            camera.take(name)
        window.go("history")
        whole = window.pane("history")
        whole.choose_span(43200.0)
        camera.spin(lambda: whole.panels)
        camera.take("history")
    finally:
        watch.leave()
        watch.close()


def _remember(watch: Watch) -> None:
    """Let the rings hold the last minutes, as if the window had been open."""
    rings = watch.session.rings
    now = max(row.seen for row in watch.session.state.renders.values())
    rings.__init__()  # type: ignore[misc]
    for slot in range(SAMPLES):
        at = now - (SAMPLES - 1 - slot) * PERIOD
        for row in watch.session.state.renders.values():
            if not (row.name == "atlas-03" and 50 < slot < 70):
                rings.take(structs.replace(row, seen=at, resources=reading(row.name, at, **MACHINES[row.name])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
