"""The demo's simulation: same seed, same balls; no energy from nowhere; nothing sinks into anything for long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from afrender.demo import simulate
from afrender.demo.frames import DemoError, frame_path, parse_frames, parse_size


def test_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    first, again, other = simulate.make_world(3, 8), simulate.make_world(3, 8), simulate.make_world(4, 8)
    for world in (first, again, other):
        simulate.advance(world, 0.5, 400)
    assert np.array_equal(first.position, again.position)
    assert np.array_equal(first.velocity, again.velocity)
    assert not np.array_equal(first.position, other.position)


def test_energy_never_grows_and_the_fixed_ball_stays() -> None:
    world = simulate.make_world(7)
    place = world.position[0].copy()
    before = simulate.energy(world)
    for _ in range(24):
        simulate.advance(world, 1 / 24, 240)
        now = simulate.energy(world)
        # A ball found a hair below the surface it hit keeps that hair: far below a thousandth of what there is.
        assert now <= before + 1e-3 * abs(before)
        before = now
    assert np.array_equal(world.position[0], place)


def test_balls_neither_pass_the_floor_nor_each_other() -> None:
    world = simulate.make_world(7)
    start_free = 0.06
    touched = False
    for _ in range(48):
        simulate.advance(world, 1 / 24, 240)
        assert np.all(world.position[:, 1] > world.radius - 0.03)
        apart = np.linalg.norm(world.position[:, None] - world.position[None, :], axis=2)
        gap = apart - world.radius[:, None] - world.radius[None, :] + 10 * np.eye(len(apart))
        assert gap.min() > -0.03
        touched = touched or bool(gap.min() < start_free / 6)
    assert touched, "the balls never met, so the collisions were not tried"


def test_a_head_on_impact_keeps_the_momentum() -> None:
    world = simulate.World(
        position=np.array([[50.0, 1, 0], [-0.5, 3, 0], [0.5, 3, 0]]),
        velocity=np.array([[0.0, 0, 0], [2.0, 0, 0], [-1.0, 0, 0]]),
        radius=np.array([1.0, 0.4, 0.3]),
        material=np.zeros(3, dtype=np.int64),
    )
    mass = world.radius**3
    before = float(mass[1:] @ world.velocity[1:, 0])
    simulate.advance(world, 0.2, 200)
    assert float(mass[1:] @ world.velocity[1:, 0]) == pytest.approx(before)
    assert world.velocity[1, 0] < world.velocity[2, 0]
    # Newton's law of impact: they part at the share of the speed they met with.
    assert world.velocity[2, 0] - world.velocity[1, 0] == pytest.approx(simulate.BALL_BOUNCE * 3.0)


def test_each_frame_is_announced_only_after_the_files_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(simulate, "say", lambda line: seen.append((line, len(list(tmp_path.glob("balls.*.npz"))))))
    assert simulate.main(["--frames", "5-8", "--cache", str(tmp_path), "--steps", "4"]) == 0
    frames = [(line, files) for line, files in seen if line.startswith("FRAME:")]
    assert frames == [("FRAME: 5", 0), ("FRAME: 6", 1), ("FRAME: 7", 2), ("FRAME: 8", 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"balls.000{number}.npz" for number in (5, 6, 7, 8)]


def test_state_survives_the_file_and_a_broken_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    world = simulate.make_world(1, 5)
    path = simulate.cache_path(tmp_path, 3)
    simulate.save_state(path, world)
    again = simulate.load_state(path)
    assert np.array_equal(again.position, world.position)
    assert np.array_equal(again.material, world.material)
    path.write_bytes(b"no numbers here")
    with pytest.raises(DemoError, match=r"balls\.0003\.npz can not be read"):
        simulate.load_state(path)
    with pytest.raises(DemoError, match="run the simulation first"):
        simulate.load_state(tmp_path / "balls.0009.npz")


@pytest.mark.parametrize(("text", "frames"), [("7", range(7, 8)), ("1-48", range(1, 49)), ("-3--1", range(-3, 0))])
def test_frame_ranges(text: str, frames: range) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "a", "1-", "9-2", "1-2-3", "1.5"])
def test_bad_frame_ranges_are_refused(text: str) -> None:
    with pytest.raises(DemoError, match="--frames"):
        parse_frames(text)


@pytest.mark.parametrize("text", ["", "480", "480x", "1x1", "9000x2", "-4x4"])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(DemoError, match="--size"):
        parse_size(text)


def test_frame_path_fills_the_last_run_and_wants_one() -> None:
    assert frame_path("a#/x.##.####.png", 7) == Path("a#/x.##.0007.png")
    with pytest.raises(DemoError, match="no #"):
        frame_path("a#/frame.png", 7)
