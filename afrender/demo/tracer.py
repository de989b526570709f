"""A wavefront ray tracer in numpy: all rays of one bounce are columns, there is no object and no call per ray.

Rules of this file:
- no light is made: every surface passes on at most what it receives (albedo and mirror share one unit of energy);
- the same scene, size, samples and seed give the same picture, whatever the size of the slices;
- soft shadows, ambient shade and colour bleeding are closed forms over balls, so a flat area needs one ray only.

Sources: form factor of a ball, F = cos(a) (r/d)^2, Siegel and Howell, "Thermal Radiation Heat Transfer"; Schlick (1994)
for Fresnel; the share of a round light that a ball covers is taken from the distance of their edges over the light's
width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from afrender.demo.scene import FLOOR, Array, Scene, floats

__all__ = ["develop", "render", "trace_rays"]

Ids = NDArray[np.int64]
Progress = Callable[[float], None]

SKY = -1
BOUNCES = 5
SLICE = 12_000  # rays at once: the arrays of one slice stay in the processor's cache
FAINT = 0.02  # a reflection that can add less than this is not followed
GLASS_INDEX = 1.5
GLASS_TINT = floats((0.90, 0.97, 0.95))
EDGE = 0.035  # difference of neighbours, in developed brightness, above which a pixel gets all its samples
FOG_LENGTH = 34.0


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("ij,ij->i", a, b), dtype=np.float32)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.sqrt(_dot(vectors, vectors))[:, None], dtype=np.float32)


def _schlick(mirror: Array, cosine: Array) -> Array:
    return np.asarray(mirror + (1 - mirror) * (np.clip(1 - cosine, 0, 1) ** 5)[:, None], dtype=np.float32)


def _nearest(scene: Scene, origin: Array, towards: Array, leaving: Ids) -> tuple[Array, Ids]:
    """Distance and id of what each ray meets first; the ball it leaves is passed over (balls are convex)."""
    along = _dot(origin, towards)[:, None] - towards @ scene.centre.T
    offset = _dot(scene.centre, scene.centre) - scene.radius**2
    beyond = _dot(origin, origin)[:, None] - 2 * (origin @ scene.centre.T) + offset
    inside = along * along - beyond
    starts = np.nonzero(leaving >= 0)[0]
    inside[starts, leaving[starts]] = -1.0
    distance = np.where(inside > 0, -along - np.sqrt(np.maximum(inside, 0)), np.inf)
    distance[distance < 1e-4] = np.inf
    ball = np.argmin(distance, axis=1)
    nearest = distance[np.arange(len(ball)), ball]
    found = np.where(np.isfinite(nearest), ball, SKY)
    down = np.minimum(towards[:, 1], -1e-6)
    floor = np.where((towards[:, 1] < -1e-6) & (leaving != FLOOR), -origin[:, 1] / down, np.inf)
    is_floor = (floor < nearest) & (floor > 0)
    return np.where(is_floor, floor, nearest).astype(np.float32), np.where(is_floor, FLOOR, found)


def _light_and_shade(scene: Scene, point: Array, normal: Array, own: Ids, bounce: Array) -> Array:
    """Light that arrives at surface points, as the radiance a white surface there would show (n, 3)."""
    light = scene.sky.direction()
    apart2 = _dot(point, point)[:, None] - 2 * (point @ scene.centre.T) + _dot(scene.centre, scene.centre)
    selves = np.nonzero(own >= 0)[0]
    apart2[selves, own[selves]] = 1e9  # a ball neither shades nor lights itself
    apart2 = np.maximum(apart2, scene.radius**2)
    # The share of the upper half-space each ball fills, weighted by the cosine.
    lift = normal @ scene.centre.T - _dot(point, normal)[:, None]
    factor = np.maximum(lift, 0) * (scene.radius**2) / (apart2 * np.sqrt(apart2))
    filled = factor.sum(axis=1)
    factor /= np.maximum(filled, 1.0)[:, None]
    open_share = np.clip(1.0 - filled, 0.0, 1.0)[:, None]
    arriving = scene.sky.ambient(normal) * open_share + factor @ bounce
    # The lower half-space of a ball sees the floor, darker where the ball itself keeps the light away.
    below = np.where(own >= 0, 0.5 - 0.5 * normal[:, 1], 0.0).astype(np.float32)[:, None]
    gap = np.clip(point[:, 1] / 0.9, 0.0, 1.0)[:, None]
    arriving = arriving * (1 - below) + below * _floor_glow(scene) * (0.25 + 0.75 * gap) * open_share
    # The light: how much of its disc each ball covers.
    facing = np.maximum(normal @ light, 0)
    ahead = scene.centre @ light - (point @ light)[:, None]
    beside = np.sqrt(np.maximum(apart2 - ahead * ahead, 0))
    width = np.maximum(ahead, 1e-3) * scene.sky.width
    edge = np.clip(0.5 - 0.5 * (beside - scene.radius) / width, 0, 1)
    cover = edge * edge * (3 - 2 * edge) * np.minimum((scene.radius / width) ** 2, 1)
    seen = np.prod(np.where((ahead > 0) & (apart2 < 1e8), 1 - cover, 1), axis=1)
    return np.asarray(arriving + (facing * seen)[:, None] * scene.sky.irradiance(), dtype=np.float32)


def _floor_glow(scene: Scene) -> Array:
    """Mean radiance of the open floor, as balls see it from above."""
    mean = 0.5 * (floats(scene.floor_light) + floats(scene.floor_dark))
    up = floats([[0, 1, 0]])
    lit = scene.sky.ambient(up)[0] + scene.sky.irradiance() * scene.sky.direction()[1]
    return np.asarray(mean * lit, dtype=np.float32)


def _bounce(scene: Scene) -> Array:
    """What each ball sends to its neighbours: its glow, and its colour under the mean light."""
    sides = floats([[0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]])
    mean = scene.sky.ambient(sides).mean(axis=0) + 0.2 * scene.sky.irradiance()
    colour = np.clip(scene.albedo + scene.mirror, 0, 1)
    return np.asarray(np.where(scene.glow.sum(axis=1)[:, None] > 0, scene.glow, colour * mean), dtype=np.float32)


def _checker(scene: Scene, point: Array, footprint: Array) -> Array:
    """The floor's colour: a checker, box-filtered over the pixel's footprint so that it fades instead of flickering."""
    width = floats(np.maximum(footprint, 1e-3)[:, None])

    def wave(at: Array) -> Array:
        return np.asarray(np.abs(((at * 0.5) % 1.0) - 0.5), dtype=np.float32)

    across = floats(point[:, 0::2] * 0.8)
    square = 2.0 * (wave(floats(across - 0.5 * width)) - wave(floats(across + 0.5 * width))) / width
    mix = (0.5 - 0.5 * square[:, 0] * square[:, 1])[:, None]
    mix = 0.5 + (mix - 0.5) * np.exp(-footprint * 0.9)[:, None]
    far = np.clip(np.hypot(point[:, 0], point[:, 2]) / 16.0, 0, 1)[:, None]
    colour = floats(scene.floor_dark) * (1 - mix) + floats(scene.floor_light) * mix
    return np.asarray(colour * (1 - 0.35 * far), dtype=np.float32)


def _through_glass(scene: Scene, point: Array, normal: Array, towards: Array, ball: Ids) -> tuple[Array, Array]:
    """In and out of a glass ball in one step (the chord is known): where and how the ray leaves it."""
    cosine = np.clip(-_dot(towards, normal), 0, 1)
    ratio = np.float32(1 / GLASS_INDEX)
    inner_cosine = np.sqrt(1 - ratio**2 * (1 - cosine**2))
    inside = _unit(ratio * towards + (ratio * cosine - inner_cosine)[:, None] * normal)
    leave = point + inside * (2 * scene.radius[ball] * inner_cosine)[:, None]
    # By symmetry of the ball the ray is bent on leaving just as much as on entering.
    outward = (leave - scene.centre[ball]) / scene.radius[ball][:, None]
    out = _unit(GLASS_INDEX * (inside - outward * inner_cosine[:, None]) + outward * cosine[:, None])
    return leave.astype(np.float32), out


def trace_rays(scene: Scene, origin: Array, towards: Array, spread: float = 0.002) -> tuple[Array, Ids]:
    """Follow rays (n, 3) through the scene: radiance (n, 3) and the id of what each one met first.

    `towards` are unit vectors; `spread` is the angle between neighbouring rays, in radians.
    """
    count = len(origin)
    radiance = np.zeros((count, 3), dtype=np.float32)
    bounce = _bounce(scene)
    ray = np.arange(count)
    weight = np.ones((count, 3), dtype=np.float32)
    length = np.zeros(count, dtype=np.float32)
    blur = np.zeros(count, dtype=np.float32)
    leaving: Ids = np.full(count, SKY, dtype=np.int64)
    first: Ids = np.full(count, SKY, dtype=np.int64)

    def add(which: Ids, light: Array) -> None:
        for channel in range(3):
            radiance[:, channel] += np.bincount(which, light[:, channel], minlength=count).astype(np.float32)

    for depth in range(BOUNCES + 1):
        distance, met = _nearest(scene, origin, towards, leaving)
        if depth == 0:
            first[:] = met
        sky = met == SKY
        if sky.any():
            add(ray[sky], weight[sky] * scene.sky.radiance(towards[sky], blur[sky]))
        on = np.nonzero(~sky)[0]
        if not len(on):
            break
        ray, weight, met, towards = ray[on], weight[on], met[on], towards[on]
        length = length[on] + distance[on]
        point = origin[on] + towards * distance[on][:, None]
        ball = np.maximum(met, 0)
        floor = (met == FLOOR)[:, None]
        point[floor[:, 0], 1] = 0.0
        normal = np.where(floor, floats((0, 1, 0)), _unit(point - scene.centre[ball])).astype(np.float32)
        cosine = np.clip(-_dot(towards, normal), 0, 1)
        footprint = floats(spread * length / np.maximum(cosine, 0.05))
        albedo = np.where(floor, _checker(scene, point, footprint), scene.albedo[ball])
        mirror = np.where(floor, np.float32(scene.floor_mirror), scene.mirror[ball])
        share = _schlick(mirror, cosine)
        share *= np.where(floor, 0.8, 1.0).astype(np.float32)
        glow = np.where(floor, np.float32(0), scene.glow[ball] * (0.35 + 0.65 * cosine)[:, None])
        glass = scene.glass[ball] & ~floor[:, 0]
        body = (1 - share) * albedo * _light_and_shade(scene, point, normal, np.where(floor[:, 0], SKY, met), bounce)
        body[glass] = 0.0
        # Far floor dissolves into the horizon; what is left of the weight goes on into the reflection.
        clear = np.where(floor[:, 0], np.exp(-np.square(length / FOG_LENGTH)), 1.0).astype(np.float32)[:, None]
        level = towards * floats((1, 0, 1))
        haze = scene.sky.radiance(_unit(level + floats((0, 0.015, 0)))) if floor.any() else np.float32(0)
        add(ray, weight * (clear * (body + glow) + (1 - clear) * haze))
        if depth == BOUNCES:
            break
        mirrored = _unit(towards + 2 * cosine[:, None] * normal)
        passed = weight * share * clear
        rough = np.where(floor[:, 0], np.float32(0.12), scene.blur[ball])
        go = passed.max(axis=1) > FAINT
        parts = [(point[go], mirrored[go], ray[go], passed[go], length[go], rough[go], met[go])]
        if glass.any():
            leave, out = _through_glass(scene, point[glass], normal[glass], towards[glass], ball[glass])
            through = weight[glass] * (1 - share[glass]) * GLASS_TINT
            parts.append((leave, out, ray[glass], through, length[glass], blur[on][glass], met[glass]))
        joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
        origin, towards, ray, weight, length, blur, leaving = joined
        if not len(ray):
            break
    return radiance, first


def _rays(scene: Scene, x: Array, y: Array, width: int, height: int) -> tuple[Array, Array]:
    """Rays through picture positions in pixels (x to the right, y downwards, (0, 0) the upper left corner)."""
    camera = scene.camera
    ahead = _unit((camera.target - camera.eye)[None])[0]
    right = _unit(np.cross(ahead, floats((0, 1, 0)))[None].astype(np.float32))[0]
    up = np.cross(right, ahead).astype(np.float32)
    across = (2 * x / width - 1) * camera.tangent * (width / height)
    above = (1 - 2 * y / height) * camera.tangent
    towards = _unit((ahead + across[:, None] * right + above[:, None] * up).astype(np.float32))
    return np.broadcast_to(camera.eye, towards.shape).astype(np.float32), towards


def _edges(picture: Array, met: Ids) -> NDArray[np.bool_]:
    """Pixels beside a visible step in brightness or between two things: those are worth more samples."""
    tone = develop(picture)
    marks = np.zeros(met.shape, dtype=bool)
    for axis in (0, 1):
        step = (np.abs(np.diff(tone, axis=axis)).max(axis=2) > EDGE) | (np.diff(met, axis=axis) != 0)
        if axis == 0:
            marks[1:] |= step
            marks[:-1] |= step
        else:
            marks[:, 1:] |= step
            marks[:, :-1] |= step
    return marks


def render(
    scene: Scene, width: int, height: int, *, samples: int = 8, seed: int = 0, progress: Progress | None = None
) -> Array:
    """Make one picture: linear radiance (height, width, 3), float32.

    Every pixel gets one ray; pixels at edges get `samples` more, jittered on a low-discrepancy grid turned by `seed`.
    `progress` is called with the finished share, 0..1.
    """
    tell = progress or (lambda share: None)
    spread = float(2 * scene.camera.tangent / height)
    row, column = np.divmod(np.arange(width * height), width)
    flat, met = _trace_slices(scene, column + 0.5, row + 0.5, width, height, spread, lambda part: tell(0.3 * part))
    marks = _edges(flat.reshape(height, width, 3), met.reshape(height, width)).ravel()
    chosen = np.nonzero(marks)[0]
    if samples > 1 and len(chosen):
        turn = np.random.default_rng(seed).random((2, width * height))
        step = np.arange(samples)
        # The plastic number's sequence: evenly spread points in the square, for any count (Roberts, 2018).
        jitter_x = (step * 0.7548776662466927 + turn[0][chosen][:, None]) % 1.0
        jitter_y = (step * 0.5698402909980532 + turn[1][chosen][:, None]) % 1.0
        x = (column[chosen][:, None] + jitter_x).ravel()
        y = (row[chosen][:, None] + jitter_y).ravel()
        more, _ = _trace_slices(scene, x, y, width, height, spread, lambda part: tell(0.3 + 0.7 * part))
        # The first light in a sample is held back, or one bright reflection would leave a dotted edge.
        held = np.minimum(more, 4.0).reshape(len(chosen), samples, 3)
        flat[chosen] = held.mean(axis=1)
    tell(1.0)
    return flat.reshape(height, width, 3)


def _trace_slices(
    scene: Scene, x: NDArray[np.float64], y: NDArray[np.float64], width: int, height: int, spread: float, tell: Progress
) -> tuple[Array, Ids]:
    radiance = np.empty((len(x), 3), dtype=np.float32)
    met = np.empty(len(x), dtype=np.int64)
    for start in range(0, len(x), SLICE):
        part = slice(start, start + SLICE)
        origin, towards = _rays(scene, x[part].astype(np.float32), y[part].astype(np.float32), width, height)
        radiance[part], met[part] = trace_rays(scene, origin, towards, spread)
        tell(min(1.0, (start + SLICE) / len(x)))
    return radiance, met


def develop(picture: Array) -> Array:
    """Turn linear radiance into display values 0..1: a filmic curve (Narkowicz, 2016), then the sRGB gamma."""
    light = np.maximum(picture, 0) * 0.85
    curve = np.clip((light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)
    return np.asarray(np.power(curve, 1 / 2.2), dtype=np.float32)
