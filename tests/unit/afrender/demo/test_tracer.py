"""The demo's ray tracer: no energy from nowhere, the same picture every time, geometry as in the book."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from afrender.demo import simulate, trace
from afrender.demo.scene import FLOOR, Camera, Scene, Sky, build_scene, floats
from afrender.demo.tracer import develop, render, trace_rays


@pytest.fixture
def scene() -> Scene:
    world = simulate.make_world(7, 12)
    simulate.advance(world, 0.4, 80)
    return build_scene(world, 0.3)


def _white(scene: Scene) -> Scene:
    """The same balls and floor, all perfectly white, without a light of their own, under an even sky of one."""
    ones = np.ones_like(scene.albedo)
    return dataclasses.replace(
        scene,
        albedo=ones,
        mirror=ones * 0.04,
        glow=ones * 0,
        sky=Sky(uniform=1.0),
        floor_light=(1.0, 1.0, 1.0),
        floor_dark=(1.0, 1.0, 1.0),
    )


def test_white_things_under_an_even_sky_never_outshine_it(scene: Scene) -> None:
    picture = render(_white(scene), 64, 36, samples=2)
    assert np.isfinite(picture).all()
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0 + 1e-4


def test_a_lone_perfect_mirror_vanishes_in_an_even_sky() -> None:
    world = simulate.make_world(1, 2)
    scene = _white(build_scene(world, 0.0))
    scene = dataclasses.replace(
        scene,
        centre=floats([[0, 100, 0], [0, 104, 0]]),
        radius=floats([1, 0.1]),
        mirror=np.ones((2, 3), dtype=np.float32),
        camera=Camera(floats((0, 101, 8)), floats((0, 101, 0))),
    )
    picture = render(scene, 48, 27, samples=1)
    assert np.allclose(picture, 1.0, atol=1e-3)


def test_black_things_under_a_black_sky_stay_black(scene: Scene) -> None:
    dark = dataclasses.replace(scene, sky=Sky(uniform=0.0), glow=scene.glow * 0)
    assert render(dark, 32, 18, samples=2).max() == 0.0


def test_rays_meet_what_they_must_and_a_ball_hides_what_is_behind(scene: Scene) -> None:
    lone = dataclasses.replace(
        scene,
        centre=floats([[0, 1, 0], [0, 1, -4]]),
        radius=floats([1, 1]),
        **{name: getattr(scene, name)[:2] for name in ("albedo", "mirror", "blur", "glass", "glow")},
    )
    origin = floats([[0, 1, 5], [0, 1, -9], [0, 3, 5], [0, 5, 5]])
    towards = floats([[0, 0, -1], [0, 0, 1], [0, 1, 0], [0, -1, 0]])
    radiance, met = trace_rays(lone, origin, towards)
    assert met.tolist() == [0, 1, -1, FLOOR]
    assert radiance.shape == (4, 3)


def test_the_floor_is_darker_in_the_shadow_than_beside_it(scene: Scene) -> None:
    lone = dataclasses.replace(
        scene,
        centre=floats([[0, 1, 0], [0, 90, 0]]),
        radius=floats([1, 0.1]),
        floor_light=(0.5, 0.5, 0.5),
        floor_dark=(0.5, 0.5, 0.5),
        floor_mirror=0.0,
        **{name: getattr(scene, name)[:2] for name in ("albedo", "mirror", "blur", "glass", "glow")},
    )
    light = lone.sky.direction()
    shadow = -light / light[1] + floats((0, 1, 0))  # where the light's ray through the centre meets the floor
    spots = floats([shadow, -shadow])
    spots[:, 1] = 0
    up = floats([[0, 9, 0], [0, 9, 0]])
    radiance, met = trace_rays(lone, spots + up, floats([[0, -1, 0], [0, -1, 0]]))
    assert met.tolist() == [FLOOR, FLOOR]
    assert (radiance[0] < 0.5 * radiance[1]).all()


def test_the_picture_is_the_same_for_the_same_seed_and_slice_of_any_size(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = render(scene, 40, 24, samples=3, seed=5)
    again = render(scene, 40, 24, samples=3, seed=5)
    other = render(scene, 40, 24, samples=3, seed=6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    monkeypatch.setattr("afrender.demo.tracer.SLICE", 101)
    # Matrix products may add up in another order for another slice.
    assert np.allclose(develop(render(scene, 40, 24, samples=3, seed=5)), develop(first), atol=0.02)


def test_progress_grows_to_one(scene: Scene) -> None:
    shares: list[float] = []
    render(scene, 40, 24, samples=3, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) >= 3


def test_the_program_writes_the_right_picture_and_tells_its_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate.main(["--frames", "1-3", "--cache", str(tmp_path), "--steps", "4"]) == 0
    capsys.readouterr()
    out = str(tmp_path / "out" / "frame.####.png")
    words = ["--cache", str(tmp_path), "--whole", "1-3", "--frames", "2-3", "--out", out, "--size", "48x27"]
    assert trace.main([*words, "--samples", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("FRAME:")] == ["FRAME: 2", "FRAME: 3"]
    percents = [int(line.split()[1].rstrip("%")) for line in lines if line.startswith("PROGRESS:")]
    assert percents.count(100) == 2
    assert all(0 <= percent <= 100 for percent in percents)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frame.0002.png", "frame.0003.png"]
    with Image.open(tmp_path / "out" / "frame.0002.png") as picture:
        values = np.asarray(picture)
    assert values.shape == (27, 48, 3)
    assert values.mean() > 30
    assert values.std() > 10


def test_a_frame_fails_once_and_then_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(["--frames", "1-2", "--cache", str(tmp_path), "--steps", "4"]) == 0
    out = str(tmp_path / "frame.####.png")
    words = ["--cache", str(tmp_path), "--frames", "2", "--out", out, "--size", "32x18", "--fail-once", "2"]
    assert trace.main(words) == 1
    assert "demo: failing once on purpose" in capsys.readouterr().err
    assert not (tmp_path / "frame.0002.png").exists()
    assert trace.main(words) == 0
    assert (tmp_path / "frame.0002.png").exists()


def test_a_missing_cache_is_a_sentence_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code = trace.main(["--cache", str(tmp_path), "--frames", "1", "--out", str(out / "f.####.png"), "--size", "32x18"])
    assert code == 1
    assert "run the simulation first" in capsys.readouterr().err
    assert not out.exists()
