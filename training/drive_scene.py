"""The street of the built-in drive: what stands where, made of flat faces and small textures.

Everything is procedural and endless: a thing is a pure function of (seed, its slot along the road), so any stretch
of road can be asked for and comes out the same. Road coordinates: s along the road, d to the right of its centre
line, y up, all in metres. Solids use local (x right, y up, z along the road). Colours are linear RGB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

GROUND_PERIOD = 72.0  # metres after which the road surface repeats
GROUND_HALF_WIDTH = 12.0
GROUND_TEXELS_S, GROUND_TEXELS_D = 16, 32  # texels per metre
FACADE_TEXELS = 28
LANE = 1.65  # centre of the own lane; the oncoming one mirrors it
KERB = 5.4
HEADLAMP = (70.0, 67.0, 60.0)
LAMP_POWER = 48.0  # what a street lamp sends straight down
SODIUM, LED = (1.0, 0.5, 0.16), (0.95, 0.9, 0.78)
CAR_COLOURS = ((0.42, 0.42, 0.44), (0.05, 0.06, 0.1), (0.3, 0.03, 0.03), (0.6, 0.6, 0.58), (0.06, 0.13, 0.3),
               (0.1, 0.1, 0.1), (0.1, 0.2, 0.12), (0.34, 0.27, 0.16))
WALLS = ((0.3, 0.15, 0.1), (0.5, 0.44, 0.34), (0.33, 0.33, 0.34), (0.42, 0.3, 0.17), (0.28, 0.34, 0.4),
         (0.55, 0.53, 0.5), (0.36, 0.2, 0.16))
CLOTHES = ((0.05, 0.06, 0.09), (0.3, 0.07, 0.06), (0.1, 0.16, 0.3), (0.35, 0.3, 0.2), (0.45, 0.45, 0.45),
           (0.08, 0.18, 0.1))

Colour = Sequence[float]


def slot_rng(seed: int, kind: int, slot: int) -> np.random.Generator:
    """Return the random source that belongs to one slot of one kind of thing."""
    return np.random.default_rng([seed & 0xFFFFFFFF, kind, slot & 0xFFFFFFFF])


def rgb(values: Sequence[float] | Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Return colours as float32."""
    return np.array(values, np.float32)


def value_noise(rows: int, columns: int, cells: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return smooth noise (rows x columns, float32, about -1..1) that repeats over its edges."""
    grid = np.pad(rng.uniform(-1, 1, cells).astype(np.float32), 3, mode="wrap")
    step = rows / cells[0], columns / cells[1]
    y, x = (np.arange(n, dtype=np.float32) / k + 3 for n, k in zip((rows, columns), step, strict=True))
    map_x, map_y = np.meshgrid(x, y)
    return np.asarray(cv2.remap(grid, map_x, map_y, cv2.INTER_CUBIC))


@dataclass(frozen=True)
class Solid:
    """Flat convex faces in local metres, in an order in which later ones may cover earlier ones."""

    points: np.ndarray  # N x 3, the corners of all faces one after the other
    starts: np.ndarray  # F, index of each face's first corner
    centres: np.ndarray  # F x 3
    normals: np.ndarray  # F x 3, unit length
    albedo: np.ndarray  # F x 3
    emission: np.ndarray  # F x 3, own radiance
    retro: np.ndarray  # F, how strongly the face sends light back to the lamp it came from
    closed: bool  # faces that look away from the camera can be left out


class SolidBuilder:
    """Collects faces and gives them outward normals."""

    def __init__(self, middle: Colour = (0.0, 0.0, 0.0), closed: bool = True) -> None:
        self._middle, self._closed = np.asarray(middle, np.float32), closed
        self._faces: list[tuple[np.ndarray, np.ndarray, Colour, Colour, float]] = []

    def face(self, points: object, albedo: Colour, emission: Colour = (0, 0, 0), retro: float = 0.0,
             normal: Colour | None = None) -> np.ndarray:
        """Add one face and return its corners (N x 3)."""
        corners = np.asarray(points, np.float32)
        if normal is None:
            across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            outward = across if across @ (corners.mean(0) - self._middle) >= 0 else -across
        else:
            outward = np.asarray(normal, np.float32)
        outward = outward / max(float(np.linalg.norm(outward)), 1e-9)
        self._faces.append((corners, outward.astype(np.float32), albedo, emission, retro))
        return corners

    def upright(self, x: tuple[float, float], y: tuple[float, float], z: float, albedo: Colour,
                emission: Colour = (0, 0, 0), retro: float = 0.0) -> None:
        """Add a rectangle that stands across the road."""
        self.face([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)], albedo, emission, retro)

    def disc(self, centre: Colour, radius: float, albedo: Colour, axis: int = 2, sides: int = 12,
             emission: Colour = (0, 0, 0), retro: float = 0.0, normal: Colour | None = None) -> None:
        """Add a regular polygon whose axis is x (0), y (1) or z (2)."""
        turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        points = np.tile(np.asarray(centre, np.float32), (sides, 1))
        first, second = (i for i in range(3) if i != axis)
        points[:, first] += radius * np.cos(turn)
        points[:, second] += radius * np.sin(turn)
        self.face(points, albedo, emission, retro, normal)

    def build(self) -> Solid:
        """Return the finished solid."""
        corners, normals, albedo, emission, retro = zip(*self._faces, strict=True)
        starts = np.cumsum([0, *(len(c) for c in corners[:-1])])
        return Solid(np.concatenate(corners), starts, np.stack([c.mean(0) for c in corners]), np.stack(normals),
                     np.array(albedo, np.float32), np.array(emission, np.float32), np.array(retro, np.float32),
                     self._closed)


def _inset(quad: np.ndarray, left: float, right: float, low: float, high: float) -> np.ndarray:
    """Return the part of a quad between fractions of its width (corner 0 to 1) and height (corner 0 to 3)."""
    a, b, c, d = quad
    return np.array([(a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
                     for u, v in ((left, low), (right, low), (right, high), (left, high))])


@lru_cache(maxsize=128)
def car(body: int, colour: int, lights: str, plate: int) -> Solid:
    """Return a car, rear at z = 0; body 0 hatchback, 1 saloon, 2 van; lights "off", "on" or "brake"."""
    length, height, deck, roof_back, roof_front, screen = (
        (4.0, 1.46, 0.06, 0.55, 2.35, 3.1), (4.5, 1.42, 0.75, 1.35, 2.7, 3.5), (4.8, 1.95, 0.02, 0.14, 3.6, 4.3),
    )[body]
    paint, dark, glass, white = CAR_COLOURS[colour], (0.025, 0.025, 0.028), (0.035, 0.04, 0.045), (0.7, 0.7, 0.66)
    shade, sheen = tuple(0.75 * c for c in paint), (0.065, 0.075, 0.085)
    w, top, belt = 0.87, 0.69 if body < 2 else 0.78, 0.95 if body < 2 else 1.02
    b = SolidBuilder((0, 0.7, length / 2))
    for soft, albedo in ((0.22, 0.055), (0.08, 0.028)):
        ring = [(-w - soft, 0.01, -soft), (w + soft, 0.01, -soft), (w + soft, 0.01, length), (-w - soft, 0.01, length)]
        b.face(ring, (albedo,) * 3, normal=(0, 1, 0))
    for x in (-w + 0.04, w - 0.27):
        b.upright((x, x + 0.23), (0.0, 0.35), 0.25, dark)
        b.upright((x, x + 0.23), (0.0, 0.35), length - 0.25, dark)
    for side in (-w, w):
        roof_x, nose = np.sign(side) * top, belt - 0.16
        b.face([(side, 0.24, 0.02), (side, 0.24, length - 0.05), (side, nose, length), (side, belt, screen),
                (side, belt, 0.04)], paint)
        b.face([(side, 0.24, 0.02), (side, 0.24, length - 0.05), (side, 0.34, length), (side, 0.34, 0.0)], dark)
        b.face([(side, 0.6, 0.1), (side, 0.6, length - 0.1), (side, 0.62, length - 0.1), (side, 0.62, 0.1)], shade)
        cabin = b.face([(side, belt, deck), (side, belt, screen), (roof_x, height, roof_front),
                        (roof_x, height, roof_back)], paint)
        for left, right in ((0.1, 0.33), (0.36, 0.6), (0.63, 0.9)) if body < 2 else ((0.68, 0.92),):
            b.face(_inset(cabin, left, right, 0.1, 0.86), glass)
            b.face(_inset(cabin, left, right, 0.55, 0.86), sheen)
        for z in (0.78, length - 0.82):
            b.disc((side * 1.01, 0.32, z), 0.36, (0.012,) * 3, axis=0, sides=14)
            b.disc((side * 1.015, 0.32, z), 0.19, (0.09,) * 3, axis=0, sides=10)
    x = w - 0.13
    for left, right in ((-x, -w), (x, w)):  # rounded corners
        b.face([(left, 0.24, -0.04), (right, 0.24, 0.1), (right, belt, 0.14), (left, belt, 0.0)], paint)
        b.face([(left, 0.24, length + 0.06), (right, 0.24, length - 0.1), (right, belt - 0.16, length - 0.1),
                (left, belt - 0.16, length + 0.04)], paint)
    rear = b.face([(-x, 0.24, -0.04), (x, 0.24, -0.04), (x, belt, 0.0), (-x, belt, 0.0)], paint)
    front = b.face([(-x, 0.24, length + 0.06), (x, 0.24, length + 0.06), (x, belt - 0.16, length + 0.04),
                    (-x, belt - 0.16, length + 0.04)], paint)
    b.face([(-w, belt - 0.16, length), (w, belt - 0.16, length), (w, belt, screen), (-w, belt, screen)], shade)
    b.face([(-w, belt, 0.0), (w, belt, 0.0), (w, belt, deck), (-w, belt, deck)], shade, normal=(0, 1, 0))
    back = b.face([(-w * 0.96, belt, deck), (w * 0.96, belt, deck), (top, height, roof_back), (-top, height, roof_back)],
                  paint)
    wind = b.face([(-w * 0.96, belt, screen), (w * 0.96, belt, screen), (top, height, roof_front),
                   (-top, height, roof_front)], paint)
    b.face([(-top, height, roof_back), (top, height, roof_back), (top, height, roof_front), (-top, height, roof_front)],
           paint)
    b.face(_inset(back, 0.08, 0.92, 0.12, 0.84), glass)
    b.face(_inset(back, 0.08, 0.92, 0.6, 0.84), sheen)
    b.face(_inset(wind, 0.06, 0.94, 0.08, 0.9), glass)
    b.face(_inset(rear, 0.0, 1.0, 0.0, 0.26), dark)
    b.face(_inset(rear, 0.12, 0.88, 0.49, 0.505), shade)
    b.face(_inset(rear, 0.47, 0.53, 0.76, 0.84), (0.4,) * 3)
    b.face(_inset(front, 0.24, 0.76, 0.42, 0.78), dark)
    b.face(_inset(front, 0.0, 1.0, 0.0, 0.22), dark)
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
        b.face(_inset(face, 0.33, 0.67, 0.32, 0.48), white, lamp, retro=0.5)
        for i, digit in enumerate(digits):
            _digit(b, _inset(face, 0.35 + 0.043 * i, 0.378 + 0.043 * i, 0.345, 0.455), int(digit))
    return b.build()


def _digit(b: SolidBuilder, box: np.ndarray, digit: int) -> None:
    """Add a digit in seven-segment strokes."""
    lit = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")[digit]
    strokes = {"a": (0.0, 1.0, 0.84, 1.0), "g": (0.0, 1.0, 0.42, 0.58), "d": (0.0, 1.0, 0.0, 0.16),
               "f": (0.0, 0.26, 0.5, 1.0), "b": (0.74, 1.0, 0.5, 1.0), "e": (0.0, 0.26, 0.0, 0.5),
               "c": (0.74, 1.0, 0.0, 0.5)}
    for name in lit:
        b.face(_inset(box, *strokes[name]), (0.02, 0.02, 0.025))


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
        b.face([(hip - 0.09, 0.85, 0), (hip + 0.09, 0.85, 0), (x + 0.06, 0.07 + lift, 0), (x - 0.06, 0.07 + lift, 0)],
               legs, normal=ahead)
        b.face([(x - 0.07, 0.08 + lift, 0), (x + 0.12, 0.08 + lift, 0), (x + 0.13, lift, 0), (x - 0.07, lift, 0)],
               (0.04, 0.035, 0.03), normal=ahead)
        b.face([(hip * 3.2 - 0.05, 1.4, 0), (hip * 3.2 + 0.05, 1.4, 0), (hip * 3.4 - 0.7 * x + 0.04, 0.85, 0),
                (hip * 3.4 - 0.7 * x - 0.04, 0.85, 0)], coat, normal=ahead)
    b.face([(-0.2, 0.75, 0), (0.2, 0.75, 0), (0.22, 1.36, 0), (0.12, 1.47, 0), (-0.12, 1.47, 0), (-0.22, 1.36, 0)],
           coat, normal=ahead)
    if rng.random() < 0.5:
        b.upright((-0.21, 0.21), (1.08, 1.13), -0.01, (0.5, 0.5, 0.4), retro=1.5)
    b.disc((0, 1.62, 0), 0.115, skin, normal=ahead)
    b.face([(-0.12, 1.62, 0), (-0.09, 1.73, 0), (0.0, 1.76, 0), (0.09, 1.73, 0), (0.12, 1.62, 0)], (0.04, 0.03, 0.02),
           normal=ahead)
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
    b.face([(x[0], 7.36, -0.12), (x[1], 7.36, -0.12), (x[1], 7.42, 0.12), (x[0], 7.42, 0.12)], (0.5,) * 3, glow,
           normal=(0, -1, 0))
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
        for x in (-0.14, 0.03):
            b.upright((x, x + 0.11), (2.28, 2.52), -0.03, (0.02,) * 3)
            b.upright((x + 0.035, x + 0.075), (2.32, 2.48), -0.035, white, retro=2.0)
    elif kind == 1:
        for size, albedo in ((1.0, red), (0.7, white)):
            b.face([(-0.45 * size, 2.4 - 0.26 * size, -0.02), (0.45 * size, 2.4 - 0.26 * size, -0.02),
                    (0, 2.4 + 0.52 * size, -0.02)], albedo, retro=2.0, normal=ahead)
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


@dataclass(frozen=True)
class Thing:
    """A solid set down on the road; turn is 1 where it looks along s, -1 where it comes toward us."""

    solid: Solid
    d: float
    s: float
    turn: int = 1


@dataclass(frozen=True)
class Lamp:
    """A light that hangs over or moves along the road; `beam` is 1 or -1 for headlamps, 0 for lamps that shine down."""

    place: tuple[float, float, float]  # d, y, s
    power: tuple[float, float, float]
    beam: int = 0


def slots(low: float, high: float, spacing: float) -> range:
    """Return the slots of a spacing that lie between two places along the road."""
    return range(int(np.floor(low / spacing)), int(np.ceil(high / spacing)) + 1)


def own_position(time: float) -> float:
    """Return how far along the road the own car is after a time in seconds."""
    return 30.0 + 10.5 * time - 4.0 * (float(np.cos(time / 3.0)) - 1.0)


@lru_cache(maxsize=8192)
def chances(seed: int, kind: int, slot: int) -> tuple[float, ...]:
    """Return eight numbers in [0, 1) that decide what stands in a slot."""
    return tuple(slot_rng(seed, kind, slot).random(8).tolist())


def _any_car(body: float, colour: float, plate: float, lights: str) -> Solid:
    """Return the car that three numbers in [0, 1) pick."""
    return car(int(3 * body), int(len(CAR_COLOURS) * colour), lights, int(1000 * plate))


def traffic(seed: int, time: float, reach: float) -> tuple[list[Thing], list[Lamp]]:
    """Return the moving cars up to a reach ahead, with the light they give."""
    things, lamps = [], []
    own, phase = own_position(time), 6.28 * chances(seed, 2, 0)[0]
    for slot, (gap, swing) in enumerate(((17.0, 4.0), (58.0, 9.0))):
        pick = chances(seed, 2, slot)
        closing = float(np.cos(0.8 * time + phase + gap))
        s, braking = own + gap + swing * float(np.sin(0.8 * time + phase + gap)), closing < -0.35
        things.append(Thing(_any_car(pick[1], pick[2], pick[3], "brake" if braking else "on"), LANE, s))
        glow = 1.6 if braking else 0.5
        lamps.append(Lamp((LANE, 0.8, s - 0.5), (glow, 0.06 * glow, 0.04 * glow)))
        lamps.append(Lamp((LANE, 0.65, s + 4.3), HEADLAMP, 1))
    for slot in slots(own + 12.5 * time - 20, own + 12.5 * time + reach, 64.0):
        pick = chances(seed, 3, slot)
        if pick[0] < 0.85:
            s = 64.0 * slot + 40 * pick[1] - 12.5 * time
            things.append(Thing(_any_car(pick[2], pick[3], pick[4], "on"), -LANE, s, -1))
            lamps.append(Lamp((-LANE, 0.65, s - 4.4), HEADLAMP, -1))
    return things, lamps


def street_lamps(seed: int, low: float, high: float) -> tuple[list[Thing], list[Lamp]]:
    """Return the lamp posts of a stretch, alternating sides, a few of them dark, with the light they give."""
    things, lamps = [], []
    for slot in slots(low, high, 23.0):
        pick, side, s = chances(seed, 4, slot), 1 if slot % 2 else -1, 23.0 * slot + 5
        colour, on = LED if pick[0] < 0.25 else SODIUM, pick[1] < 0.8
        things.append(Thing(street_lamp(side, colour, on), side * 5.9, s))
        if on:
            power = LAMP_POWER * colour[0], LAMP_POWER * colour[1], LAMP_POWER * colour[2]
            lamps.append(Lamp((side * 4.2, 7.3, s), power))
    return things, lamps


def furniture(seed: int, time: float, low: float, high: float) -> list[Thing]:
    """Return the parked cars, trees, signs and walkers of a stretch."""
    return [*_parked(seed, low, high), *_beside(seed, low, high), *_walkers(seed, time, low, high)]


def _parked(seed: int, low: float, high: float) -> Iterator[Thing]:
    """Yield parked cars, none of them on the crossing."""
    for slot in slots(low, high, 7.2):
        for side, share in ((1, 0.6), (-1, 0.5)):
            pick = chances(seed, 5 + side, slot)
            if pick[0] < share and not 38.0 < 7.2 * slot % GROUND_PERIOD < 45.0:
                s = 7.2 * slot + 0.6 + pick[1] + (5.0 if side < 0 else 0.0)
                yield Thing(_any_car(pick[2], pick[3], pick[4], "off"), side * (4.2 + 0.25 * pick[5]), s, side)


def _beside(seed: int, low: float, high: float) -> Iterator[Thing]:
    """Yield street trees and road signs."""
    for slot in slots(low, high, 12.0):
        for side in (-1, 1):
            pick = chances(seed, 8 + side, slot)
            if pick[0] < 0.4:
                yield Thing(tree(seed, 2 * slot + side), side * 6.5, 12.0 * slot + 8 * pick[1])
    for slot in slots(low, high, 34.0):
        pick = chances(seed, 14, slot)
        yield Thing(road_sign(int(4 * pick[0])), 5.8, 34.0 * slot + 25 * pick[1])


def _walkers(seed: int, time: float, low: float, high: float) -> Iterator[Thing]:
    """Yield the people on the pavements."""
    for way in (-1, 1):
        walked = way * 1.3 * time
        for slot in slots(low - walked, high - walked, 16.0):
            pick = chances(seed, 15 + way, slot)
            if pick[0] < 0.6:
                side, phase = 1 if pick[1] < 0.6 else -1, int(24 * (0.9 * time + pick[2])) % 24
                walker = pedestrian(int(60 * pick[3]), phase)
                yield Thing(walker, side * (5.9 + 2.1 * pick[4]), 16.0 * (slot + pick[5]) + walked)
