"""Thumbnails and looks at images, by real helpers: of every kind of file, whole or broken."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from afcore.ids import RunKey
from afcore.states import RunStatus
from afrender.helper.look import NotAnImage, TooLarge, look_at
from afrender.pictures import PictureSettings, thumbnail_commands
from afrender.services.base import CHECK_FILES, NUMERIC, SKIP_THUMBNAILS
from afrender.taskfolder import FileLimits, collect_files
from tests.agent.bench import until
from tests.agent.farm import spec
from tests.agent.images import paint, write_image
from tests.agent.test_helper import log_of, pool, write
from tests.agent.test_loop import Stage, act

__all__ = ["act"]

KINDS = ("exr", "dpx", "tif", "png", "jpg", "tga", "bmp", "hdr", "webp")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    image.load()
    return image


# -- one file


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_picture_and_a_cut_one_has_a_reason(tmp_path, kind):
    path = write_image(tmp_path / f"a.{kind}", paint(480, 270))
    found = look_at(str(path), (256, 144))
    image = opened(found.picture)
    assert image.size == (256, 144) and (found.width, found.height) == (480, 270)
    left, right = image.getpixel((4, 70)), image.getpixel((250, 70))
    assert left[1] > left[0] and right[0] > right[1], "the ramp goes from green to red"
    data = path.read_bytes()
    for part in (0.9, 0.3, 0.0):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(NotAnImage):
            look_at(str(path), (256, 144))


def test_a_crop_lies_where_it_lies_in_the_whole_picture(tmp_path):
    white = np.ones((20, 20, 3), np.float32)
    found = look_at(str(write_image(tmp_path / "a.exr", white, window=(60, 10, 100, 50))), (100, 50))
    image = opened(found.picture)
    assert image.size == (100, 50)
    assert image.getpixel((70, 20))[0] > 240 and image.getpixel((30, 20))[0] < 15


def test_linear_values_are_brightened_and_grey_is_grey(tmp_path):
    grey = np.full((32, 32, 1), 0.18, np.float32)
    linear = opened(look_at(str(write_image(tmp_path / "a.exr", grey)), (32, 32)).picture)
    plain = opened(look_at(str(write_image(tmp_path / "a.png", grey)), (32, 32)).picture)
    assert linear.mode == plain.mode == "L"
    assert abs(linear.getpixel((9, 9)) - 118) < 4 and abs(plain.getpixel((9, 9)) - 46) < 4


def test_black_and_what_is_no_number_is_seen_and_pixels_have_a_fingerprint(tmp_path):
    black = look_at(str(write_image(tmp_path / "a.exr", np.zeros((16, 16, 3), np.float32))), (8, 8))
    assert black.black and not black.not_numbers
    holes = paint()
    holes[3, 4, 0], holes[9, 9] = np.nan, np.inf
    found = look_at(str(write_image(tmp_path / "b.exr", holes)), (8, 8))
    assert (found.black, found.not_numbers) == (False, 4)
    holes[9, 9, 1] = -np.inf
    around = look_at(str(write_image(tmp_path / "d.exr", holes, window=(-20, -10, 40, 30))), (8, 8))
    assert around.not_numbers == 4, "also where the picture does not reach"
    dim = np.zeros((64, 64, 3), np.float32)
    dim[63, 63] = 0.5
    assert not look_at(str(write_image(tmp_path / "e.exr", dim)), (8, 8)).black
    one, same, other = (
        look_at(str(write_image(tmp_path / f"c{n}.exr", paint(seed=seed))), (8, 8)).fingerprint
        for n, seed in enumerate((5, 5, 6))
    )
    assert one == same != other


def test_a_header_that_claims_too_much_is_not_believed(tmp_path):
    path = write_image(tmp_path / "a.exr")
    data = path.read_bytes()
    for window in ((0, 0, 0x7FFFFFF0, 0x7FFFFFF0), (0, 0, 0xFFFF, 0xFFFFF), (9, 9, 0, 0)):
        crafted = bytearray(data)
        for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
            place = data.index(name) + len(name) + 4
            crafted[place : place + 16] = b"".join(number.to_bytes(4, "little") for number in window)
        path.write_bytes(crafted)
        with pytest.raises((NotAnImage, TooLarge)):
            look_at(str(path), (256, 144))


def test_a_folder_gives_plain_files_within_limits_and_is_gone(tmp_path):
    folder, outside = tmp_path / "tasks" / "2.0.1.1", tmp_path / "secret"
    folder.mkdir(parents=True)
    outside.write_text("not yours")
    for name, size in (("a", 3), ("b", 101), ("c", 100), ("d", 1), ("empty", 0)):
        (folder / name).write_bytes(b"x" * size)
    (folder / "link").symlink_to(outside)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    found = collect_files(str(folder), FileLimits(100, 20))
    assert [(name, len(data)) for name, data in found.files] == [("a", 3), ("c", 100), ("d", 1)]
    assert len(found.left) == 5 and not folder.exists() and outside.exists()
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}").write_text("x")
    found = collect_files(str(folder), FileLimits(100, 2))
    assert len(found.files) == 2 and "2 files" in found.left[0]
    assert collect_files(str(folder), FileLimits()) == ([], [])


def test_a_studios_own_command_sees_no_shell():
    nasty = '/a/"; rm -rf $HOME; ".exr'
    command = 'convert -identify "%(image)s" %(pre_args)s -thumbnail x100 "%(thumbnail)s"'
    (words,) = thumbnail_commands(command, [nasty], "/store")
    assert words == [
        "convert", "-identify", nasty, "-set", "colorspace", "RGB", "-thumbnail", "x100",
        '/store/"; rm -rf $HOME; ".exr.jpg',
    ]  # fmt: skip
    assert thumbnail_commands(command, ["/a.png"], "/s") == [
        ["convert", "-identify", "/a.png", "-thumbnail", "x100", "/s/a.png.jpg"]
    ]


# -- through the agent


def test_files_of_a_task_become_thumbnails_and_a_broken_one_costs_itself(act, tmp_path):
    for frame in range(1, 8):
        write_image(tmp_path / f"f.{frame:04d}.exr", paint(seed=frame))
    write_image(tmp_path / "noted.png")
    (tmp_path / "cut.exr").write_bytes((tmp_path / "f.0001.exr").read_bytes()[:-4000])

    async def scene(stage: Stage) -> None:
        here = {"working_directory": str(tmp_path), "parser": "generic"}
        frames = {"frame_start": 1, "frame_end": 7, "frames": 7, "files": ["f.@####@.exr"]}
        stage.farm.start(
            spec(0, "true", **here, **frames),
            spec(1, "echo '@IMAGE@noted.png'; echo '@IMAGE@cut.exr'", **here, files=["f.@####@.exr"]),
            spec(2, "true", **here, **frames | {"flags": NUMERIC | SKIP_THUMBNAILS}),
            spec(3, "exit 1", **here, **frames),
        )
        statuses = [RunStatus((await stage.report(task)).status) for task in range(4)]
        assert statuses == [RunStatus.SUCCESS] * 3 + [RunStatus.ERROR]
        await stage.loop.works.pictures.settle()
        wanted = [(0, f"f.{frame:04d}.exr.jpg") for frame in (1, 4, 7)]
        wanted += [(1, "found-files.txt"), (1, "noted.png.jpg")]
        await until(lambda: len(stage.farm.files) >= len(wanted), what="thumbnails")
        assert sorted(stage.farm.files) == wanted
        found = stage.farm.files[1, "found-files.txt"].decode()
        assert found == f"{tmp_path}/noted.png\n{tmp_path}/cut.exr\n"
        assert opened(stage.farm.files[0, "f.0001.exr.jpg"]).size == (96, 54), "small ones stay small"

    act(scene)


def test_a_thumbnail_is_made_while_the_task_runs(act, tmp_path):
    write_image(tmp_path / "now.png")

    async def scene(stage: Stage) -> None:
        stage.farm.start(spec(0, "echo '@IMAGE!@now.png'; exec sleep 60", working_directory=str(tmp_path)))
        await until(lambda: (0, "now.png.jpg") in stage.farm.files, what="the thumbnail")
        assert stage.farm.report(0) is None

    act(scene)


def test_images_that_cannot_be_read_fail_their_task_and_odd_ones_warn(act, tmp_path):
    good = write_image(tmp_path / "good.0001.exr")
    (tmp_path / "good.0002.exr").write_bytes(good.read_bytes())
    write_image(tmp_path / "black.0001.exr", np.zeros((16, 16, 3), np.float32))
    holes = paint()
    holes[2, 2, 1] = np.nan
    write_image(tmp_path / "nan.0001.exr", holes)
    (tmp_path / "cut.0001.exr").write_bytes(good.read_bytes()[:-3000])
    (tmp_path / "text.0001.png").write_text("this is no picture")
    (tmp_path / "empty.0001.exr").write_text("")
    (tmp_path / "notes.0001.txt").write_text("no image, and no reason to look")

    async def scene(stage: Stage) -> None:
        flags = NUMERIC | CHECK_FILES
        names = ["good", "black", "nan", "cut", "text", "empty", "notes", "gone"]
        for task, name in enumerate(names):
            end = {"text": "png", "notes": "txt"}.get(name, "exr")
            stage.farm.start(
                spec(task, "true", working_directory=str(tmp_path), files=[f"{name}.@####@.{end}"], flags=flags,
                     frame_start=1, frame_end=1)
            )  # fmt: skip
        stage.farm.start(
            spec(8, "true", working_directory=str(tmp_path), files=["good.@####@.exr"], flags=flags, frame_start=2,
                 frame_end=2)
        )  # fmt: skip
        reports = [await stage.report(task) for task in range(9)]
        statuses = [RunStatus(report.status) for report in reports]
        good, bad = RunStatus.SUCCESS, RunStatus.BAD_FILES
        assert statuses == [good, good, good, bad, bad, bad, good, bad, good]
        for task in (3, 4, 5, 7):
            assert f"{names[task]}.0001." in reports[task].errors_text
        assert "cannot be read" in reports[3].errors_text and "empty" in reports[5].errors_text
        assert [report.warning for report in reports] == [False, True, True] + [False] * 5 + [True]
        assert b"is all black" in await log_of(stage, 1)
        assert b"1 values that are no numbers" in await log_of(stage, 2)
        assert b'same pixels as "good.0001' in await log_of(stage, 8)
        await until(lambda: (0, "good.0001.exr.jpg") in stage.farm.files, what="the picture of the same look")

    act(scene)


def test_a_reader_that_hangs_or_dies_costs_one_picture(act, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "hangs.exr")
    write_image(tmp_path / "good.exr")
    # A file that ends its reader is what a crafted one may do; none is known for this version of the library.
    helper = tmp_path / "crashing.py"
    helper.write_text(
        "import os, sys\nfrom afrender.helper import images, serving\n"
        "class Images(images.Images):\n    def answer(self, request):\n"
        "        if 'crash' in request.file: os.abort()\n        return super().answer(request)\n"
        "sys.exit(serving.serve(Images))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("afrender.pictures.PROGRAM", "crashing")
    write_image(tmp_path / "crash.exr")

    async def scene(stage: Stage) -> None:
        here = {"working_directory": str(tmp_path), "flags": NUMERIC | CHECK_FILES}
        stage.farm.start(spec(0, "true", files=["crash.exr"], **here))
        report = await stage.report(0)
        assert RunStatus(report.status) is RunStatus.BAD_FILES and "crash.exr" in report.errors_text
        assert "signal 6" in report.errors_text
        # Only the reader of what hangs has to be quick: on a busy machine others take their time.
        pictures = stage.loop.works.pictures
        patient, pictures.settings = pictures.settings, replace(pictures.settings, seconds=0.5)
        pictures.make(RunKey(2, 0, 2, 1), [str(tmp_path / "hangs.exr"), str(tmp_path / "good.exr")])
        await until(lambda: pictures.helpers, what="the reader that will hang")
        pictures.settings = patient
        await until(lambda: (2, "good.exr.jpg") in stage.farm.files, what="the picture after the one that hangs")

    act(scene)


def test_readers_that_cannot_start_fail_no_task(act, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("afrender.pictures.PROGRAM", "broken")
    write_image(tmp_path / "good.exr")

    async def scene(stage: Stage) -> None:
        stage.farm.start(
            spec(0, "true", files=["good.exr"], working_directory=str(tmp_path), flags=NUMERIC | CHECK_FILES)
        )
        report = await stage.report(0)
        assert (RunStatus(report.status), report.warning) == (RunStatus.SUCCESS, True)
        assert b"was not checked: its reader could not be started" in await log_of(stage, 0)

    act(scene)


def test_a_service_sends_files_and_a_command_makes_thumbnails(act, tmp_path):
    own = tmp_path / "own"
    for kind in ("services", "parsers"):
        (own / kind).mkdir(parents=True)
    write(own, "services", "noting", """
        from afrender.services.base import Service
        class noting(Service):
            def post_commands(self, files):
                with open(self.task_folder() + "/stats.json", "w") as file:
                    file.write('{"samples": 5}')
                return [["cp", "note.txt", self.task_folder()]]
    """)  # fmt: skip
    write(own, "services", "old", """
        import os
        from services import service
        class old(service.service):
            def doPost(self):
                return ["echo by > " + os.path.join(self.taskInfo["store_dir"], "classic.txt")]
    """)  # fmt: skip
    (tmp_path / "note.txt").write_text("look at this")
    write_image(tmp_path / "a b.png")

    async def scene(stage: Stage) -> None:
        here = {"working_directory": str(tmp_path)}
        stage.farm.start(spec(0, "true", service="noting", **here), spec(1, "true", service="old", **here),
                         spec(2, "true", files=["a b.png"], **here))  # fmt: skip
        for task in range(3):
            assert RunStatus((await stage.report(task)).status) is RunStatus.SUCCESS
        await until(lambda: len(stage.farm.files) >= 4, what="the files")
        assert stage.farm.files == {
            (0, "note.txt"): b"look at this", (0, "stats.json"): b'{"samples": 5}', (1, "classic.txt"): b"by\n",
            (2, "a b.png.jpg"): (tmp_path / "a b.png").read_bytes(),
        }  # fmt: skip
        await stage.loop.works.pictures.settle()
        assert not any(Path(stage.folder / "tasks").iterdir())

    act(scene, helpers=pool(own), pictures=PictureSettings(command='cp "%(image)s" "%(thumbnail)s"'))
