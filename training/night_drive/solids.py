"""What stands on the street of the built-in drive: cars, trees, walkers, lamps and signs, made of flat faces.

Local coordinates are metres: x right, y up, z along the road. Colours are linear RGB reflectances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from illumigan_training.night_drive.chances import slot_rng

CAR_COLOURS = (
    (0.42, 0.42, 0.44),
    (0.05, 0.06, 0.1),
    (0.3, 0.03, 0.03),
    (0.6, 0.6, 0.58),
    (0.06, 0.13, 0.3),
    (0.1, 0.1, 0.1),
    (0.1, 0.2, 0.12),
    (0.34, 0.27, 0.16),
)
CLOTHES = (
    (0.05, 0.06, 0.09),
    (0.3, 0.07, 0.06),
    (0.1, 0.16, 0.3),
    (0.35, 0.3, 0.2),
    (0.45, 0.45, 0.45),
    (0.08, 0.18, 0.1),
)

Colour = Sequence[float]
Corners = Sequence[Sequence[float]] | np.ndarray


@dataclass(frozen=True)
class Solid:
    """Flat convex faces in local metres, in an order in which later ones may cover earlier ones."""

    points: np.ndarray  # N x 3, the corners of all faces one after the other
    starts: np.ndarray  # F, index of each face's first corner
    centres: np.ndarray  # F x 3
    normals: np.ndarray  # F x 3, unit length
    albedo: np.ndarray  # F x 3
    over: np.ndarray  # F x 3, what a small mark is painted on: into it the mark fades when it is a pixel or two large
    emission: np.ndarray  # F x 3, own radiance
    retro: np.ndarray  # F, how strongly the face sends light back to the lamp it came from
    closed: bool  # faces that look away from the camera can be left out


class SolidBuilder:
    """Collects faces and gives them outward normals."""

    def __init__(self, middle: Colour = (0.0, 0.0, 0.0), closed: bool = True) -> None:
        self._middle, self._closed = np.asarray(middle, np.float32), closed
        self._faces: list[tuple[np.ndarray, np.ndarray, Colour, Colour, Colour, float]] = []

    def face(
        self,
        points: Corners,
        albedo: Colour,
        emission: Colour = (0, 0, 0),
        retro: float = 0.0,
        normal: Colour | None = None,
        over: Colour | None = None,
    ) -> np.ndarray:
        """Add one face and return its corners (N x 3)."""
        corners = np.asarray(points, np.float32)
        if normal is None:
            across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            outward = across if across @ (corners.mean(0) - self._middle) >= 0 else -across
        else:
            outward = np.asarray(normal, np.float32)
        outward = outward / max(float(np.linalg.norm(outward)), 1e-9)
        self._faces.append((corners, outward.astype(np.float32), albedo, over or albedo, emission, retro))
        return corners

    def strips(self, quad: Corners, count: int, albedo: Colour) -> np.ndarray:
        """Add a quad cut into strips across its width, so that light can change along it; return its corners."""
        corners = np.asarray(quad, np.float32)
        for i in range(count):
            self.face(_inset(corners, i / count, (i + 1) / count, 0, 1), albedo)
        return corners

    def upright(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: float,
        albedo: Colour,
        emission: Colour = (0, 0, 0),
        retro: float = 0.0,
    ) -> None:
        """Add a rectangle that stands across the road."""
        self.face([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)], albedo, emission, retro)

    def disc(
        self,
        centre: Colour,
        radius: float,
        albedo: Colour,
        axis: int = 2,
        sides: int = 12,
        emission: Colour = (0, 0, 0),
        retro: float = 0.0,
        normal: Colour | None = None,
    ) -> None:
        """Add a regular polygon whose axis is x (0), y (1) or z (2)."""
        turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        points = np.tile(np.asarray(centre, np.float32), (sides, 1))
        first, second = (i for i in range(3) if i != axis)
        points[:, first] += radius * np.cos(turn)
        points[:, second] += radius * np.sin(turn)
        self.face(points, albedo, emission, retro, normal)

    def build(self) -> Solid:
        """Return the finished solid."""
        corners, normals, albedo, over, emission, retro = zip(*self._faces, strict=True)
        starts = np.cumsum([0, *(len(c) for c in corners[:-1])])
        return Solid(
            points=np.concatenate(corners),
            starts=starts,
            centres=np.stack([c.mean(0) for c in corners]),
            normals=np.stack(normals),
            albedo=np.array(albedo, np.float32),
            over=np.array(over, np.float32),
            emission=np.array(emission, np.float32),
            retro=np.array(retro, np.float32),
            closed=self._closed,
        )


def _inset(quad: np.ndarray, left: float, right: float, low: float, high: float) -> np.ndarray:
    """Return the part of a quad between fractions of its width (corner 0 to 1) and height (corner 0 to 3)."""
    a, b, c, d = quad
    return np.array(
        [
            (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
            for u, v in ((left, low), (right, low), (right, high), (left, high))
        ]
    )


@dataclass(frozen=True)
class Body:
    """The shape of a car in metres; z from the rear bumper, y from the road, x from the middle."""

    length: float
    height: float
    deck: float  # z where the boot lid ends and the rear window starts
    roof: tuple[float, float]  # z
    screen: float  # z of the windscreen's foot
    belt: float  # y of the windows' lower edge
    top: float  # half the roof's width
    windows: tuple[tuple[float, float], ...]  # shares of the cabin's side


_THREE_WINDOWS = ((0.1, 0.33), (0.36, 0.6), (0.63, 0.9))
BODIES = (
    Body(4.0, 1.46, 0.06, (0.55, 2.35), 3.1, 0.95, 0.69, _THREE_WINDOWS),  # hatchback
    Body(4.5, 1.42, 0.75, (1.35, 2.7), 3.5, 0.95, 0.69, _THREE_WINDOWS),  # saloon
    Body(4.8, 1.95, 0.02, (0.14, 3.6), 4.3, 1.02, 0.78, ((0.68, 0.92),)),  # van
)
_HALF, _FLAT = 0.87, 0.74  # half a car's width, and up to where its ends are flat
_RUBBER, _TRIM, _GLASS, _SHEEN = (0.012,) * 3, (0.025, 0.025, 0.028), (0.035, 0.04, 0.045), (0.065, 0.075, 0.085)


@lru_cache(maxsize=128)
def car(body: int, colour: int, lights: str, plate: int) -> Solid:
    """Return a car, rear at z = 0; body is an index into BODIES; lights "off", "on" or "brake"."""
    shape, paint = BODIES[body], CAR_COLOURS[colour]
    shade = tuple(0.75 * c for c in paint)
    b = SolidBuilder((0, 0.7, shape.length / 2))
    _shadow_and_tyres(b, shape.length)
    for side in (-1, 1):
        _car_side(b, shape, side, paint, shade)
    rear, front = _car_ends(b, shape, paint, shade)
    back = _car_top(b, shape, paint, shade)
    tail = {"off": (0, 0, 0), "on": (0.9, 0.035, 0.02), "brake": (4.5, 0.2, 0.1)}[lights]
    beam = (0, 0, 0) if lights == "off" else (26.0, 24.0, 20.0)
    for left, right in ((0.0, 0.17), (0.83, 1.0)):
        b.face(_inset(rear, left, right, 0.64, 0.9), (0.3, 0.02, 0.02), tail, retro=0.4)
        b.face(_inset(rear, left, right, 0.3, 0.35), (0.4, 0.03, 0.02), retro=2.0)
        b.face(_inset(front, left, right, 0.56, 0.94), (0.5,) * 3, beam)
    if lights == "brake":
        b.face(_inset(back, 0.38, 0.62, 0.88, 0.94), (0.3, 0.02, 0.02), tail)
    lamp = (0, 0, 0) if lights == "off" else (0.018, 0.017, 0.014)
    digits = np.random.default_rng(plate).integers(10, size=7)
    for face in (rear, front):
        b.face(_inset(face, 0.33, 0.67, 0.32, 0.48), (0.7, 0.7, 0.66), lamp, retro=0.5)
        for i, digit in enumerate(digits):
            _digit(b, _inset(face, 0.35 + 0.043 * i, 0.378 + 0.043 * i, 0.345, 0.455), int(digit))
    return b.build()


def _shadow_and_tyres(b: SolidBuilder, length: float) -> None:
    """Add what is under a car: darkened road and the tyres as seen from ahead and behind."""
    for soft, albedo in ((0.22, 0.055), (0.08, 0.028)):
        x = _HALF + soft
        b.face(
            [(-x, 0.01, -soft), (x, 0.01, -soft), (x, 0.01, length), (-x, 0.01, length)],
            (albedo,) * 3,
            normal=(0, 1, 0),
        )
    for x in (-_HALF + 0.08, _HALF - 0.28):
        for z in (0.4, length - 0.4):
            b.upright((x, x + 0.2), (0.0, 0.35), z, _RUBBER)


def _car_side(b: SolidBuilder, shape: Body, side: int, paint: Colour, shade: Colour) -> None:
    """Add one side of a car: body in strips, cabin, windows and wheels."""
    x, first, last = side * _HALF, 0.1, shape.length - 0.1
    screen, belt, nose = shape.screen, shape.belt, shape.belt - 0.16
    b.strips([(x, 0.24, first), (x, 0.24, screen), (x, belt, screen), (x, belt, first)], 9, paint)
    b.strips([(x, 0.24, screen), (x, 0.24, last), (x, nose, last), (x, belt, screen)], 3, paint)
    b.strips([(x, 0.24, first), (x, 0.24, last), (x, 0.34, last), (x, 0.34, first)], 3, _TRIM)
    b.strips([(x, 0.6, first), (x, 0.6, last), (x, 0.62, last), (x, 0.62, first)], 6, shade)
    roof = side * shape.top
    cabin = b.strips(
        [
            (x, belt, shape.deck),
            (x, belt, screen),
            (roof, shape.height, shape.roof[1]),
            (roof, shape.height, shape.roof[0]),
        ],
        3,
        paint,
    )
    for left, right in shape.windows:
        b.face(_inset(cabin, left, right, 0.1, 0.86), _GLASS)
        b.face(_inset(cabin, left, right, 0.55, 0.86), _SHEEN)
    for z in (0.78, shape.length - 0.82):
        b.disc((x * 1.01, 0.32, z), 0.36, _RUBBER, axis=0, sides=14)
        b.disc((x * 1.015, 0.32, z), 0.19, (0.09,) * 3, axis=0, sides=10)


def _car_ends(b: SolidBuilder, shape: Body, paint: Colour, shade: Colour) -> tuple[np.ndarray, np.ndarray]:
    """Add rear and front with rounded corners; return their corners, left to right as seen by who faces them."""
    belt, nose, end = shape.belt, shape.belt - 0.16, shape.length
    for inner, outer in ((-_FLAT, -_HALF), (_FLAT, _HALF)):
        b.face([(inner, 0.24, -0.04), (outer, 0.24, 0.1), (outer, belt, 0.14), (inner, belt, 0.0)], paint)
        b.face(
            [(inner, 0.24, end + 0.06), (outer, 0.24, end - 0.1), (outer, nose, end - 0.1), (inner, nose, end + 0.04)],
            paint,
        )
    rear = b.strips([(-_FLAT, 0.24, -0.04), (_FLAT, 0.24, -0.04), (_FLAT, belt, 0.0), (-_FLAT, belt, 0.0)], 4, paint)
    front = b.strips(
        [(_FLAT, 0.24, end + 0.06), (-_FLAT, 0.24, end + 0.06), (-_FLAT, nose, end + 0.04), (_FLAT, nose, end + 0.04)],
        4,
        paint,
    )
    b.face(_inset(rear, 0.0, 1.0, 0.0, 0.26), _TRIM)
    b.face(_inset(rear, 0.12, 0.88, 0.49, 0.505), shade)
    b.face(_inset(rear, 0.47, 0.53, 0.76, 0.84), (0.4,) * 3)
    b.face(_inset(front, 0.24, 0.76, 0.42, 0.78), _TRIM)
    b.face(_inset(front, 0.0, 1.0, 0.0, 0.22), _TRIM)
    return rear, front


def _car_top(b: SolidBuilder, shape: Body, paint: Colour, shade: Colour) -> np.ndarray:
    """Add bonnet, boot lid, roof, rear window and windscreen; return the corners of the rear window's frame."""
    w, top, belt, height, end = _HALF, shape.top, shape.belt, shape.height, shape.length
    back_edge, front_edge = ([(top, height, z), (-top, height, z)] for z in shape.roof)
    b.face([(-w, belt - 0.16, end), (w, belt - 0.16, end), (w, belt, shape.screen), (-w, belt, shape.screen)], shade)
    if shape.deck > 0.1:
        b.face(
            [(-_FLAT, belt, 0.0), (_FLAT, belt, 0.0), (w, belt, shape.deck), (-w, belt, shape.deck)],
            shade,
            normal=(0, 1, 0),
        )
    back = b.face([(-w, belt, shape.deck), (w, belt, shape.deck), *back_edge], paint)
    wind = b.face([(-w, belt, shape.screen), (w, belt, shape.screen), *front_edge], paint)
    b.face([*back_edge, *front_edge[::-1]], paint)
    b.face(_inset(back, 0.08, 0.92, 0.12, 0.84), _GLASS)
    b.face(_inset(back, 0.08, 0.92, 0.6, 0.84), _SHEEN)
    b.face(_inset(wind, 0.06, 0.94, 0.08, 0.9), _GLASS)
    return back


def _digit(b: SolidBuilder, box: np.ndarray, digit: int) -> None:
    """Add a digit in seven-segment strokes."""
    lit = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")[digit]
    strokes = {
        "a": (0.0, 1.0, 0.84, 1.0),
        "g": (0.0, 1.0, 0.42, 0.58),
        "d": (0.0, 1.0, 0.0, 0.16),
        "f": (0.0, 0.26, 0.5, 1.0),
        "b": (0.74, 1.0, 0.5, 1.0),
        "e": (0.0, 0.26, 0.0, 0.5),
        "c": (0.74, 1.0, 0.0, 0.5),
    }
    for name in lit:
        b.face(_inset(box, *strokes[name]), (0.02, 0.02, 0.025), over=(0.6, 0.6, 0.57))


@lru_cache(maxsize=64)
def tree(seed: int, slot: int) -> Solid:
    """Return a street tree: a trunk and a crown of leafy blobs whose normals point out of the crown."""
    rng = slot_rng(seed, 1, slot)
    b = SolidBuilder(closed=False)
    tall, wide = rng.uniform(4.2, 5.6), rng.uniform(1.3, 1.9)
    bark = (0.07, 0.055, 0.04)
    b.face([(-0.16, 0, 0), (0.16, 0, 0), (0.09, tall, 0), (-0.09, tall, 0)], bark, normal=(0, 0.2, -1))
    for lean in (-0.8, 0.7):
        b.face([(-0.05, tall * 0.6, 0), (0.05, tall * 0.55, 0), (lean, tall, 0)], bark, normal=(0, 0.2, -1))
    blobs = rng.normal(0, 1, (70, 3))
    blobs *= (rng.uniform(0.35, 1, 70) / np.linalg.norm(blobs, axis=1))[:, None]
    blobs = blobs[blobs[:, 2] < 0.25]  # the rest is hidden behind these
    for at in blobs[np.argsort(-blobs[:, 2] + 0.6 * blobs[:, 1])]:
        turn = np.linspace(0, 2 * np.pi, 11, endpoint=False) + rng.uniform(0, 0.5, 11)
        reach = np.where(np.arange(11) % 2, 0.6, 1.0) * rng.uniform(0.18, 0.38, 11) * wide
        centre = at * (wide, wide * 0.85, wide) + (0, tall + wide * 0.3, 0)
        ring = np.stack([centre[0] + reach * np.cos(turn), centre[1] + reach * np.sin(turn), np.full(11, centre[2])], 1)
        green = np.array((0.07, 0.1, 0.035)) * rng.uniform(0.55, 1.5)
        b.face(ring, tuple(green), normal=tuple(at + np.array((0, 0.1, -0.15))))
    return b.build()


@lru_cache(maxsize=512)
def pedestrian(look: int, phase: int) -> Solid:
    """Return a walker at one of 24 phases of the stride."""
    rng = np.random.default_rng(look)
    coat, legs = CLOTHES[rng.integers(len(CLOTHES))], (0.05, 0.05, 0.07) if rng.random() < 0.6 else (0.12, 0.13, 0.2)
    skin, swing = (0.34, 0.22, 0.16), np.sin(2 * np.pi * phase / 24)
    b = SolidBuilder(closed=False)
    ahead = (0, 0.1, -1)
    for foot in (swing, -swing):
        hip, x = 0.07 * np.sign(foot or 1), 0.2 * foot
        lift = 0.08 * max(0.0, float(np.cos(2 * np.pi * phase / 24)) * np.sign(foot or 1))
        b.face(
            [(hip - 0.09, 0.85, 0), (hip + 0.09, 0.85, 0), (x + 0.06, 0.07 + lift, 0), (x - 0.06, 0.07 + lift, 0)],
            legs,
            normal=ahead,
        )
        b.face(
            [(x - 0.07, 0.08 + lift, 0), (x + 0.12, 0.08 + lift, 0), (x + 0.13, lift, 0), (x - 0.07, lift, 0)],
            (0.04, 0.035, 0.03),
            normal=ahead,
        )
        b.face(
            [
                (hip * 3.2 - 0.05, 1.4, 0),
                (hip * 3.2 + 0.05, 1.4, 0),
                (hip * 3.4 - 0.7 * x + 0.04, 0.85, 0),
                (hip * 3.4 - 0.7 * x - 0.04, 0.85, 0),
            ],
            coat,
            normal=ahead,
        )
    b.face(
        [(-0.2, 0.75, 0), (0.2, 0.75, 0), (0.22, 1.36, 0), (0.12, 1.47, 0), (-0.12, 1.47, 0), (-0.22, 1.36, 0)],
        coat,
        normal=ahead,
    )
    if rng.random() < 0.5:
        b.upright((-0.21, 0.21), (1.08, 1.13), -0.01, (0.5, 0.5, 0.4), retro=1.5)
    b.disc((0, 1.62, 0), 0.115, skin, normal=ahead)
    b.face(
        [(-0.12, 1.62, 0), (-0.09, 1.73, 0), (0.0, 1.76, 0), (0.09, 1.73, 0), (0.12, 1.62, 0)],
        (0.04, 0.03, 0.02),
        normal=ahead,
    )
    return b.build()


@lru_cache(maxsize=8)
def street_lamp(side: int, colour: Colour, on: bool) -> Solid:
    """Return a lamp post whose arm reaches over the road from the given side (-1 left, 1 right)."""
    b, steel = SolidBuilder(closed=False), (0.16, 0.17, 0.17)
    b.face([(-0.09, 0, 0), (0.09, 0, 0), (0.05, 7.2, 0), (-0.05, 7.2, 0)], steel, normal=(0, 0, -1))
    b.face([(-0.14, 0, 0), (0.14, 0, 0), (0.12, 1.1, 0), (-0.12, 1.1, 0)], steel, normal=(0, 0, -1))
    b.face([(0, 7.1, 0), (0, 7.2, 0), (-side * 1.5, 7.5, 0), (-side * 1.5, 7.42, 0)], steel, normal=(0, -1, -0.3))
    x = sorted((-side * 1.4, -side * 2.1))
    b.face([(x[0], 7.4, 0), (x[1], 7.4, 0), (x[1], 7.54, 0), (x[0], 7.54, 0)], (0.2,) * 3, normal=(0, 0.2, -1))
    glow = tuple(22.0 * c for c in colour) if on else (0.0, 0.0, 0.0)
    b.face(
        [(x[0], 7.36, -0.12), (x[1], 7.36, -0.12), (x[1], 7.42, 0.12), (x[0], 7.42, 0.12)],
        (0.5,) * 3,
        glow,
        normal=(0, -1, 0),
    )
    return b.build()


@lru_cache(maxsize=8)
def road_sign(kind: int) -> Solid:
    """Return a retro-reflective sign on a post: 0 limit, 1 warning, 2 direction board, 3 parking."""
    b, red, white, blue = SolidBuilder(closed=False), (0.45, 0.03, 0.03), (0.6, 0.6, 0.58), (0.03, 0.1, 0.4)
    ahead = (0, 0, -1)
    b.face([(-0.035, 0, 0), (0.035, 0, 0), (0.035, 2.6, 0), (-0.035, 2.6, 0)], (0.25,) * 3, normal=ahead)
    if kind == 0:
        for radius, albedo in ((0.36, red), (0.27, white)):
            b.disc((0, 2.4, -0.02), radius, albedo, sides=20, retro=2.0, normal=ahead)
        for x, digit in ((-0.15, 5), (0.03, 0)):
            box = np.array([(x, 2.28, -0.03), (x + 0.12, 2.28, -0.03), (x + 0.12, 2.52, -0.03), (x, 2.52, -0.03)])
            _digit(b, box, digit)
    elif kind == 1:
        for size, albedo in ((1.0, red), (0.7, white)):
            b.face(
                [
                    (-0.45 * size, 2.4 - 0.26 * size, -0.02),
                    (0.45 * size, 2.4 - 0.26 * size, -0.02),
                    (0, 2.4 + 0.52 * size, -0.02),
                ],
                albedo,
                retro=2.0,
                normal=ahead,
            )
        b.upright((-0.03, 0.03), (2.3, 2.55), -0.03, (0.02,) * 3)
    elif kind == 2:
        b.upright((-0.75, 0.75), (1.9, 2.65), -0.02, white, retro=1.5)
        b.upright((-0.72, 0.72), (1.93, 2.62), -0.025, blue, retro=1.5)
        for x, y, wide in ((-0.55, 2.36, 0.8), (-0.55, 2.1, 0.55)):
            b.upright((x, x + wide), (y, y + 0.12), -0.03, white, retro=1.5)
        b.face([(0.42, 2.05, -0.03), (0.62, 2.05, -0.03), (0.52, 2.5, -0.03)], white, retro=1.5, normal=ahead)
    else:
        b.upright((-0.3, 0.3), (2.05, 2.65), -0.02, blue, retro=2.0)
        b.upright((-0.12, -0.04), (2.13, 2.57), -0.03, white, retro=2.0)
        b.disc((0.03, 2.46, -0.03), 0.12, white, retro=2.0, normal=ahead)
    return b.build()
