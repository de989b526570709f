"""What the demo's picture shows: materials, sky, floor and the camera's path; colours are linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from afrender.demo.simulate import World

__all__ = ["FLOOR", "MATERIALS", "Array", "Camera", "Material", "Scene", "Sky", "build_scene", "camera_at", "floats"]

Array = NDArray[np.float32]


def floats(values: ArrayLike) -> Array:
    """The values as an array of single floats: twice as many fit in the processor's cache, and eyes see no more."""
    return np.asarray(values, dtype=np.float32)


FLOOR = -2  # the id of the floor where balls have 0..n-1, and the sky -1


@dataclass(frozen=True)
class Material:
    """How one surface answers light: all colours in 0..1, apart from `glow`, which is radiance."""

    albedo: tuple[float, float, float]
    mirror: tuple[float, float, float] = (0.04, 0.04, 0.04)  # reflectance seen straight on (Fresnel's F0)
    blur: float = 0.05  # 0 sharp highlight .. 1 wide
    metal: bool = False
    glass: bool = False
    glow: tuple[float, float, float] = (0.0, 0.0, 0.0)


MATERIALS = (
    Material((0.0, 0.0, 0.0), (0.90, 0.91, 0.93), 0.0, metal=True),  # the big polished ball
    Material((0.80, 0.06, 0.05)),
    Material((0.02, 0.22, 0.62)),
    Material((0.0, 0.0, 0.0), (1.00, 0.70, 0.28), 0.10, metal=True),
    Material((0.85, 0.83, 0.78), blur=0.3),
    Material((0.03, 0.03, 0.03), (0.05, 0.05, 0.05), glass=True),
    Material((0.95, 0.38, 0.03)),
    Material((0.02, 0.42, 0.36)),
    Material((0.20, 0.05, 0.02), glow=(3.6, 0.95, 0.13)),
    Material((0.62, 0.05, 0.32)),
    Material((0.0, 0.0, 0.0), (0.95, 0.55, 0.42), 0.15, metal=True),
)


@dataclass(frozen=True)
class Sky:
    """A dusk sky with one soft light; `uniform` replaces it all by one even radiance (for checks of energy)."""

    light: tuple[float, float, float] = (-0.62, 0.46, 0.36)  # towards the light, any length
    width: float = 0.11  # tangent of the light's angular radius
    power: tuple[float, float, float] = (2.6, 1.95, 1.3)  # light's irradiance / pi on a surface that faces it
    uniform: float | None = None

    def direction(self) -> Array:
        """Unit vector towards the light."""
        towards = np.asarray(self.light, dtype=np.float32)
        return towards / np.float32(np.linalg.norm(towards))

    def irradiance(self) -> Array:
        """The light's irradiance / pi on a surface that faces it; nothing under an even sky."""
        return np.asarray(self.power if self.uniform is None else (0, 0, 0), dtype=np.float32)

    def radiance(self, towards: Array, blur: Array | float = 0.0) -> Array:
        """What is seen in the directions `towards` (n, 3); `blur` widens the light's disc, as glossy surfaces do."""
        if self.uniform is not None:
            return np.full(towards.shape, self.uniform, dtype=np.float32)
        facing = towards @ self.direction()
        up = np.clip(towards[:, 1], 0.0, 1.0)
        warm = np.square(0.5 + 0.5 * (towards[:, 0] * -0.80 + towards[:, 2] * 0.60))[:, None]
        horizon = warm * floats((0.98, 0.42, 0.17)) + (1 - warm) * floats((0.27, 0.23, 0.38))
        zenith = floats((0.035, 0.085, 0.24))
        fall = np.exp(-3.8 * up)[:, None]
        colour = horizon * fall + zenith * (1 - fall)
        away = np.maximum(1.0 - facing, 0.0)  # about half the square of the angle
        core = 0.5 * self.width**2
        spread = core * (1.0 + 60.0 * np.square(blur))
        disc = np.exp(-np.square(np.minimum(away / spread, 8.0))) * 18.0 * (core / spread)
        halo = 0.45 * np.exp(-away / 0.035) + 0.22 * np.exp(-away / 0.22)
        return np.asarray(colour + (disc + halo)[:, None] * floats((1.0, 0.78, 0.52)), dtype=np.float32)

    def ambient(self, normal: Array) -> Array:
        """Mean radiance of the sky as surfaces of these normals (n, 3) receive it, without the light."""
        if self.uniform is not None:
            return np.full(normal.shape, self.uniform, dtype=np.float32)
        up = 0.5 + 0.5 * normal[:, 1:2]
        warm = np.square(0.5 + 0.5 * (normal[:, 0:1] * -0.80 + normal[:, 2:3] * 0.60))
        side = warm * floats((0.48, 0.25, 0.14)) + (1 - warm) * floats((0.15, 0.15, 0.25))
        return np.asarray(up * floats((0.13, 0.16, 0.29)) + (1 - up) * side, dtype=np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole: where it stands, what it looks at, and half its field of view as a tangent."""

    eye: Array
    target: Array
    tangent: float = 0.40


@dataclass(frozen=True)
class Scene:
    """Balls as columns (float32), their materials as columns, the floor's look and the sky."""

    centre: Array  # (n, 3)
    radius: Array  # (n,)
    albedo: Array  # (n, 3)
    mirror: Array  # (n, 3)
    blur: Array  # (n,)
    glass: NDArray[np.bool_]  # (n,)
    glow: Array  # (n, 3)
    sky: Sky
    camera: Camera
    floor_light: tuple[float, float, float] = (0.42, 0.38, 0.36)
    floor_dark: tuple[float, float, float] = (0.075, 0.08, 0.105)
    floor_mirror: float = 0.09


def camera_at(moment: float) -> Camera:
    """The camera's path: `moment` runs from 0 to 1 over the animation; an eased arc that sinks and comes nearer."""
    ease = moment * moment * (3 - 2 * moment)
    turn = np.radians(24.0 + 62.0 * ease)
    away = 8.6 - 1.5 * ease
    height = 2.7 - 1.25 * ease
    eye = floats((away * np.sin(turn), height, away * np.cos(turn)))
    target = floats((0.0, 1.55 - 0.45 * ease, 0.0))
    return Camera(eye, target)


def build_scene(world: World, moment: float, sky: Sky | None = None) -> Scene:
    """Join one moment of the simulation with its materials and the camera of that moment (0..1)."""
    used = [MATERIALS[number % len(MATERIALS)] for number in world.material]
    return Scene(
        centre=world.position.astype(np.float32),
        radius=world.radius.astype(np.float32),
        albedo=floats([each.albedo for each in used]),
        mirror=floats([each.mirror for each in used]),
        blur=floats([each.blur for each in used]),
        glass=np.array([each.glass for each in used], dtype=bool),
        glow=floats([each.glow for each in used]),
        sky=sky if sky is not None else Sky(),
        camera=camera_at(moment),
    )
