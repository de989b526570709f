"""Balls that fall on a big fixed ball, on a floor and on each other: one cache file per frame.

Run as ``python -m afrender.demo.simulate --frames 1-48 --cache DIR``. A line ``FRAME: n`` is printed only when
the files of all frames before n are complete, so a farm may start rendering frame n-1 while the simulation goes on.
Lengths are metres, times seconds. Contacts are impulses with restitution (Newton's law of impact); mass goes with
volume.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afrender.demo.frames import DemoError, fail, frame_path, parse_frames, say, write_atomic

__all__ = ["BALLS", "World", "advance", "cache_path", "energy", "load_state", "main", "make_world", "save_state"]

Array = NDArray[np.float64]

GRAVITY = 8.6
FRAMES_PER_SECOND = 24
STEPS_PER_FRAME = 240
FLOOR_BOUNCE = 0.74
BALL_BOUNCE = 0.86
FLOOR_GRIP = 0.985  # how much of the speed along the floor a ball keeps in one impact
ARENA = 4.6  # radius of the round, invisible fence that keeps balls in the picture
BIG_RADIUS = 1.15
BALLS = 21  # with the fixed one, which is number 0
MATERIALS = 10  # small balls go through the materials 1..MATERIALS of the scene


@dataclass
class World:
    """All balls at one moment: arrays with one row per ball; ball 0 is fixed."""

    position: Array  # (n, 3), y is up, the floor is y = 0
    velocity: Array  # (n, 3)
    radius: Array  # (n,)
    material: NDArray[np.int64]  # (n,), index into the scene's materials

    @property
    def inverse_mass(self) -> Array:
        """1 / mass per ball, zero for the fixed one; density is one."""
        inverse = 1.0 / self.radius**3
        inverse[0] = 0.0
        return inverse


def make_world(seed: int = 7, balls: int = BALLS) -> World:
    """Place the fixed ball and a loose swarm above it that touches nothing; the same seed gives the same world.

    Raises:
        DemoError: so many balls were asked for that they do not fit.
    """
    random = np.random.default_rng(seed)
    position = [np.array([0.0, BIG_RADIUS, 0.0])]
    radius = [BIG_RADIUS]
    velocity = [np.zeros(3)]
    tries = 0
    while len(position) < balls:
        tries += 1
        if tries > 20_000:
            raise DemoError(f"{balls} balls do not fit above the floor; ask for fewer with --balls.")
        size = random.uniform(0.20, 0.42)
        angle, away = random.uniform(0, 2 * np.pi), 2.1 * np.sqrt(random.uniform())
        place = np.array([away * np.cos(angle), random.uniform(2.75, 6.2), away * np.sin(angle)])
        gaps = [np.linalg.norm(place - other) - size - near for other, near in zip(position, radius, strict=True)]
        if min(gaps) < 0.06:
            continue
        position.append(place)
        radius.append(size)
        velocity.append(random.normal(0.0, 0.25, 3) - np.array([0.0, 2.2, 0.0]))
    material = np.zeros(balls, dtype=np.int64)
    material[1:] = 1 + np.arange(balls - 1) % MATERIALS
    return World(np.array(position), np.array(velocity), np.array(radius), material)


def energy(world: World) -> float:
    """Kinetic plus potential energy of the moving balls, for density one and without the factor 4/3 pi."""
    mass = world.radius[1:] ** 3
    kinetic = 0.5 * np.sum(mass * np.sum(world.velocity[1:] ** 2, axis=1))
    return float(kinetic + GRAVITY * np.sum(mass * world.position[1:, 1]))


def advance(world: World, seconds: float, steps: int) -> None:
    """Move the world on in place by equal steps of leapfrog flight, each followed by the impacts it led to."""
    step = seconds / steps
    inverse = world.inverse_mass
    reach = world.radius[:, None] + world.radius[None, :]
    pull = np.array([0.0, GRAVITY * step, 0.0])
    for _ in range(steps):
        # Exact for free flight: position takes the mean of the old and the new velocity.
        world.position[1:] += (world.velocity[1:] - 0.5 * pull) * step
        world.velocity[1:] -= pull
        _hit_floor_and_fence(world)
        _hit_each_other(world, reach, inverse)


def _hit_floor_and_fence(world: World) -> None:
    position, velocity, radius = world.position, world.velocity, world.radius
    low = (position[:, 1] < radius) & (velocity[:, 1] < 0)
    low[0] = False
    if low.any():
        velocity[low, 1] *= -FLOOR_BOUNCE
        velocity[low, 0] *= FLOOR_GRIP
        velocity[low, 2] *= FLOOR_GRIP
    across = np.hypot(position[:, 0], position[:, 2])
    for ball in np.nonzero(across + radius > ARENA)[0]:
        outward = position[ball] * np.array([1.0, 0.0, 1.0]) / across[ball]
        speed = float(velocity[ball] @ outward)
        if speed > 0:
            velocity[ball] -= (1 + FLOOR_BOUNCE) * speed * outward


def _hit_each_other(world: World, reach: Array, inverse: Array) -> None:
    position, velocity = world.position, world.velocity
    apart = position[:, None, :] - position[None, :, :]
    distance2 = np.einsum("ijk,ijk->ij", apart, apart)
    touching = np.argwhere(np.triu(distance2 < reach * reach, 1))
    for first, second in touching:
        along = apart[first, second] / np.sqrt(distance2[first, second])
        closing = float((velocity[first] - velocity[second]) @ along)
        if closing >= 0:
            continue
        impulse = -(1 + BALL_BOUNCE) * closing / (inverse[first] + inverse[second])
        velocity[first] += impulse * inverse[first] * along
        velocity[second] -= impulse * inverse[second] * along


def cache_path(folder: str | Path, frame: int) -> Path:
    """Where the state of one frame lies inside the cache folder."""
    return frame_path(str(Path(folder) / "balls.####.npz"), frame)


def save_state(path: Path, world: World) -> None:
    """Write the arrays of one moment as an npz file, whole or not at all."""
    write_atomic(
        path,
        lambda stream: np.savez(
            stream, position=world.position, velocity=world.velocity, radius=world.radius, material=world.material
        ),
    )


def load_state(path: Path) -> World:
    """Read back what `save_state` wrote.

    Raises:
        DemoError: the file is missing or is no cache file of this simulation.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return World(data["position"], data["velocity"], data["radius"], data["material"])
    except (OSError, ValueError, KeyError) as error:
        raise DemoError(f"The simulation's file {path} can not be read ({error}); run the simulation first.") from error


def run(frames: range, folder: Path, *, seed: int, balls: int, steps: int) -> None:
    """Simulate all frames and write each one's file before the next is announced."""
    world = make_world(seed, balls)
    say(f"ACTIVITY: {balls} balls, {steps} steps a frame")
    for frame in frames:
        say(f"FRAME: {frame}")
        save_state(cache_path(folder, frame), world)
        advance(world, 1.0 / FRAMES_PER_SECOND, steps)
    say("PROGRESS: 100%")
    say(f"ACTIVITY: {len(frames)} frames in the cache")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulation from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="afrender.demo.simulate", description="Simulate bouncing balls.")
    parser.add_argument("--frames", default="1-48", help="first-last")
    parser.add_argument("--cache", required=True, help="folder for one file per frame")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--balls", type=int, default=BALLS)
    parser.add_argument("--steps", type=int, default=STEPS_PER_FRAME, help="steps of the simulation in one frame")
    options = parser.parse_args(argv)
    try:
        run(
            parse_frames(options.frames),
            Path(options.cache),
            seed=options.seed,
            balls=max(2, options.balls),
            steps=max(1, options.steps),
        )
    except (DemoError, OSError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
