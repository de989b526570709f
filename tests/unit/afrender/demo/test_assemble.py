"""The demo's movie maker: what goes in comes out, and nothing bad goes in."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from afrender.demo import assemble


def _frames(folder: Path, count: int, size: tuple[int, int] = (32, 18)) -> None:
    random = np.random.default_rng(0)
    for frame in range(1, count + 1):
        base = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        base[:, : size[0] // 2] = (40 * frame, 200, 90)
        base[:, size[0] // 2 :] = random.integers(90, 160, 3, dtype=np.uint8)
        Image.fromarray(base, "RGB").save(folder / f"frame.{frame:04d}.png")


def _words(folder: Path, count: int, movie: str) -> list[str]:
    pattern = str(folder / "frame.####.png")
    return ["--frames", pattern, "--range", f"1-{count}", "--out", str(folder / movie), "--rate", "10"]


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_the_movie_holds_every_frame_in_order(tmp_path: Path, ending: str) -> None:
    _frames(tmp_path, 5)
    assert assemble.main(_words(tmp_path, 5, f"movie.{ending}")) == 0
    with Image.open(tmp_path / f"movie.{ending}") as movie:
        assert movie.n_frames == 5
        assert movie.size == (32, 18)
        reds = []
        for index in range(5):
            movie.seek(index)
            movie.load()
            assert movie.info["duration"] == 100
            reds.append(int(np.asarray(movie.convert("RGB"))[4:14, 2:10, 0].mean()))
    assert reds == sorted(reds)
    assert np.allclose(reds, [40, 80, 120, 160, 200], atol=14)


def test_without_webp_a_gif_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _frames(tmp_path, 2)
    monkeypatch.setattr(assemble.features, "check", lambda name: False)
    assert assemble.main(_words(tmp_path, 2, "movie.webp")) == 0
    with Image.open(tmp_path / "movie.gif") as movie:
        assert movie.n_frames == 2
    assert not (tmp_path / "movie.webp").exists()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed on this machine")
def test_an_mp4_is_put_beside_it_where_ffmpeg_is(tmp_path: Path) -> None:
    _frames(tmp_path, 3, (33, 18))
    assert assemble.main([*_words(tmp_path, 3, "movie.webp"), "--also-mp4"]) == 0
    assert (tmp_path / "movie.mp4").read_bytes()[4:8] == b"ftyp"


def test_every_bad_frame_is_named_at_once_and_no_movie_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _frames(tmp_path, 6)
    (tmp_path / "frame.0002.png").unlink()
    Image.new("RGB", (32, 18)).save(tmp_path / "frame.0003.png")
    Image.new("RGB", (30, 18), (200, 10, 10)).save(tmp_path / "frame.0004.png")
    (tmp_path / "frame.0005.png").write_bytes(b"not a picture")
    Image.new("RGB", (32, 18), (90, 90, 90)).save(tmp_path / "frame.0006.png")
    assert assemble.main(_words(tmp_path, 6, "movie.webp")) == 1
    told = capsys.readouterr().err
    for sentence in (
        "frame.0002.png is missing",
        "frame.0003.png is black",
        "frame.0004.png is 30x18 instead of 32x18",
        "frame.0005.png can not be read",
        "frame.0006.png shows one even colour",
    ):
        assert sentence in told
    assert "Traceback" not in told
    assert not (tmp_path / "movie.webp").exists()


def test_an_unknown_ending_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _frames(tmp_path, 1)
    assert assemble.main(_words(tmp_path, 1, "movie.avi")) == 1
    assert "unknown ending" in capsys.readouterr().err
