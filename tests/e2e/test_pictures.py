"""Thumbnails on a real farm: from a task's images to everybody who asks for them, and away with their job."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from tests.agent.images import write_image
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def test_thumbnails_come_to_the_server_and_go_with_their_job(farm_process: FarmProcess) -> None:
    farm = farm_process
    image = write_image(farm.folder / "image.exr")
    farm.start_agent()
    id = farm.submit(
        {"frame_first": 1, "frame_last": 2, "command": f"cp {image} f.@####@.exr", "files": ["f.@####@.exr"],
         "working_directory": str(farm.folder), "flags": 129}
    )  # fmt: skip
    farm.wait_job(id)
    wait_for(lambda: all(farm.ask("task.files", job=id, block=0, task=task)["rows"] for task in (0, 1)), what="files")
    (row,) = farm.ask("task.files", job=id, block=0, task=1)["rows"]
    assert (row["name"], row["run"]) == ("f.0002.exr.jpg", 1)
    data = farm.ask("file.read", id=row["id"])["data"]
    assert len(data) == row["size"] and data[:2] == b"\xff\xd8"
    address = f"http://127.0.0.1:{farm.port}/api/files/{row['id']}"
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert answer.read() == data
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (thumbnail,) = farm.ask("job.thumbnails", ids=[id])["rows"]
    assert (thumbnail["job"], thumbnail["name"]) in ((id, "f.0001.exr.jpg"), (id, "f.0002.exr.jpg"))
    pictures = farm.ask("task.thumbnails", job=id, block=0, tasks=[[0, 900]])["rows"]
    assert [(one["task"], one["name"]) for one in pictures] == [(0, "f.0001.exr.jpg"), (1, "f.0002.exr.jpg")]
    assert pictures[1]["id"] == row["id"] and farm.ask("task.thumbnails", job=id, block=0, tasks=[7])["rows"] == []
    listed = farm.afcmd("task", "files", str(id), "0", "1").stdout.splitlines()
    assert listed[1].split() == [row["id"], "1", str(row["size"]), "f.0002.exr.jpg"]
    assert farm.afcmd("task", "files", str(id), "0", "9").returncode != 0
    farm.ask("job.delete", ids=[id])

    def gone() -> bool:
        try:
            urllib.request.urlopen(address, timeout=60).close()
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 404 and json.load(error)["error"]["code"] == "not_found"
        return False

    wait_for(gone, what="the file to go with its job")
