"""Files of the farm are shown by this machine's programs, under this machine's paths, and refusals are sentences."""

from __future__ import annotations

from pathlib import Path

from afcore.pathmap import PathMap
from afwatch.outside import Outside


def test_a_file_is_shown_where_this_machine_has_it_and_by_no_shell(tmp_path: Path) -> None:
    ran: list[tuple[list[str], str]] = []

    def launch(words: list[str], folder: str) -> bool:
        ran.append((words, folder))
        return words[0] != "absent"

    folder = tmp_path / "show $(x); 1"
    folder.mkdir()
    (folder / "a.0001.exr").write_bytes(b"x")
    outside = Outside(
        ["Viewer|view --file=@ARG@ -x", "plain", "|absent", "Empty|"], "files '@PATH@'",
        PathMap([(str(tmp_path), "/farm")]), launch=launch,
    )  # fmt: skip
    assert outside.previews == [("Viewer", "view --file=@ARG@ -x"), ("plain", "plain"), ("absent", "absent")]
    file = "/farm/show $(x); 1/a.0001.exr"
    assert outside.preview("view --file=@ARG@ -x", file) == ""
    assert outside.preview("plain", file) == ""
    assert outside.open_folder(file) == ""
    here = str(folder / "a.0001.exr")
    assert ran == [
        (["view", f"--file={here}", "-x"], str(folder)), (["plain", here], str(folder)),
        (["files", str(folder)], str(folder)),
    ]  # fmt: skip
    assert "no program absent" in outside.preview("absent", file)
    assert "There is no file" in outside.preview("plain", "/farm/show $(x); 1/b.exr")
    assert "no folder" in outside.open_folder("/farm/other/b.exr") and len(ran) == 4
