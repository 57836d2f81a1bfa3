"""The painted surfaces of the built-in drive: the road, the house fronts and the skyline, as small textures.

Albedo textures are float32 or uint8 RGB in [0, 1] or its square root x 255 (`pack_albedo`); light is packed as a
logarithm (`pack_light`), so that an 8-bit canvas holds everything from a black sky to a headlamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from illumigan_training.night_drive.chances import chances, slot_rng, value_noise
from illumigan_training.night_drive.scene import CROSSING, KERB, PERIOD, Thing, slots
from illumigan_training.night_drive.solids import Solid, SolidBuilder

GROUND_HALF_WIDTH = 12.0
GROUND_TEXELS_S, GROUND_TEXELS_D = 16, 32  # texels per metre
FACADE_TEXELS = 28
WALLS = (
    (0.3, 0.15, 0.1),
    (0.5, 0.44, 0.34),
    (0.33, 0.33, 0.34),
    (0.42, 0.3, 0.17),
    (0.28, 0.34, 0.4),
    (0.55, 0.53, 0.5),
    (0.36, 0.2, 0.16),
)
LIGHT_FLOOR, LIGHT_STOPS = -13.0, 18.0  # log2 of the weakest light, and how many stops above it fit


def rgb(values: Sequence[float] | Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Return colours as float32."""
    return np.array(values, np.float32)


def pack_albedo(albedo: np.ndarray) -> np.ndarray:
    """Pack reflectance in [0, 1] into uint8."""
    return np.round(255 * np.sqrt(np.clip(albedo, 0, 1))).astype(np.uint8)


def pack_light(light: np.ndarray, dither: np.ndarray | float = 0.0) -> np.ndarray:
    """Pack linear light into uint8, 14 levels a stop; dither in (-0.5, 0.5) hides the steps."""
    return pack_stops(np.log2(np.maximum(light, 1e-9)), dither)


def pack_stops(stops: np.ndarray, dither: np.ndarray | float = 0.0) -> np.ndarray:
    """Pack light that is already a log2 into uint8."""
    code = (stops - LIGHT_FLOOR) * np.float32(255 / LIGHT_STOPS) + dither
    return np.round(np.clip(code, 0, 255)).astype(np.uint8)


def mix(codes: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blend packed colours toward another by a share in [0, 1] that broadcasts."""
    return np.round(codes + (other.astype(np.float32) - codes) * share.astype(np.float32)).astype(np.uint8)


HOUSE_BEHIND = 14.0  # metres by which a house is painted as if further away, so that the street comes out in front
HAZE_ALBEDO = np.full(3, 128, np.uint8)  # packed 0.25
ALBEDO_TABLE = ((np.arange(256) / 255) ** 2).astype(np.float32)
LIGHT_TABLE = (2 ** (np.arange(256) * LIGHT_STOPS / 255 + LIGHT_FLOOR)).astype(np.float32)


def ground_albedo(seed: int) -> np.ndarray:
    """Return one period of the road surface: float32 RGB, rows along s, columns across d."""
    rng = slot_rng(seed, 10, 0)
    rows, columns = int(PERIOD * GROUND_TEXELS_S), int(2 * GROUND_HALF_WIDTH * GROUND_TEXELS_D)
    d = (np.arange(columns, dtype=np.float32) + 0.5) / GROUND_TEXELS_D - GROUND_HALF_WIDTH
    s = (np.arange(rows, dtype=np.float32) + 0.5) / GROUND_TEXELS_S
    coarse, fine = value_noise(rows, columns, (36, 12), rng), value_noise(rows, columns, (288, 128), rng)
    grain = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    tone = _asphalt(rows, columns, d, rng) * (1 + 0.16 * coarse + 0.1 * fine + 0.12 * grain)
    picture = tone[:, :, None] * rgb([1.0, 0.98, 0.95])
    _paint_markings(picture, d, s, 1 + 0.25 * fine)
    beyond = np.abs(d) > KERB
    slabs = 0.2 * (1 + 0.12 * coarse + 0.05 * grain)
    slabs *= 1 + 0.12 * np.kron(rng.uniform(-1, 1, (rows // 12, columns // 16)), np.ones((12, 16)))
    slabs[(np.arange(rows) % 12) == 0] *= 0.55
    slabs[:, (np.arange(columns) % 16) == 0] *= 0.6
    picture[:, beyond] = (slabs[:, :, None] * rgb([1.0, 0.95, 0.87]))[:, beyond]
    kerb = (np.abs(d) > KERB) & (np.abs(d) < KERB + 0.2)
    joints = np.where(np.arange(rows) % 16 == 0, 0.5, 1.0)[:, None, None]
    picture[:, kerb] = 0.32 * joints * rgb([1, 0.97, 0.92])
    picture[:, (np.abs(d) > KERB - 0.35) & (np.abs(d) <= KERB)] *= 0.6
    garden = np.abs(d) > 8.6
    grass = (0.09 * (1 + 0.5 * fine + 0.3 * grain))[:, :, None] * rgb([0.75, 1.0, 0.4])
    picture[:, garden] = grass[:, garden]
    return np.clip(picture, 0.004, 0.9).astype(np.float32)


def _asphalt(rows: int, columns: int, d: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the tone of bare asphalt with wheel tracks, repairs, cracks and manholes."""
    tone = np.full((rows, columns), 0.1, np.float32)
    lane = np.abs(np.abs(d) - 1.65)
    tone *= 1 + 0.14 * np.exp(-(((lane - 0.75) / 0.3) ** 2)) - 0.18 * np.exp(-((lane / 0.35) ** 2))
    for _ in range(9):
        row, column = int(rng.integers(0, rows - 120)), int(rng.integers(200, columns - 260))
        long, wide = rng.integers(30, 120), rng.integers(25, 60)
        tone[row : row + int(long), column : column + int(wide)] *= rng.uniform(0.6, 0.8)
    for _ in range(26):
        steps = np.stack([rng.normal(0, 9, 40), rng.normal(3, 5, 40)], 1)
        line = np.cumsum(steps, 0) + rng.uniform((210, 0), (columns - 210, rows))
        cv2.polylines(tone, [line.astype(np.int32)], False, 0.045, 1)
    for _ in range(5):
        at = int(rng.uniform(columns / 2 - 90, columns / 2 + 90)), int(rng.integers(20, rows - 20))
        cv2.ellipse(tone, at, (11, 6), 0, 0, 360, 0.05, -1)
        cv2.ellipse(tone, at, (9, 4), 0, 0, 360, 0.13, 1)
    return tone


def _paint_markings(picture: np.ndarray, d: np.ndarray, s: np.ndarray, wear: np.ndarray) -> None:
    """Paint lane lines, parking bays and a zebra crossing, in place."""
    paint = np.zeros(picture.shape[:2], bool)
    paint |= (np.abs(d) < 0.07)[None] & (s % 12 < 4)[:, None]
    paint |= (np.abs(np.abs(d) - 3.35) < 0.05)[None] & (s % 2 < 1.2)[:, None]
    paint |= ((np.abs(d) > 3.35) & (np.abs(d) < 5.3))[None] & (s % 7.2 < 0.1)[:, None]
    crossing = (s > CROSSING[0]) & (s < CROSSING[1])
    paint[crossing] = ((np.abs(d) < 5.2) & ((d + 0.25) % 1.0 < 0.5))[None]
    white = np.clip(0.52 * wear, 0.2, 0.7)[:, :, None] * rgb([1, 0.98, 0.92])
    picture[paint] = white[paint]


@dataclass(frozen=True)
class House:
    """One house front: where it stands, its packed albedo, and the packed light of what glows on it (0 for none)."""

    start: float
    end: float
    side: int  # -1 left, 1 right
    distance: float  # of the front from the centre line
    height: float
    wall: tuple[float, float, float]
    roof: float  # height of the ridge above the eaves
    albedo: list[np.ndarray]  # uint8, row 0 at the eaves, columns along s; each next half as high, a quarter as wide
    glow: list[np.ndarray]

    def at_size(self, width: float, height: float) -> int:
        """Return the coarsest texture that still has this many columns and rows."""
        fitting = [i for i, level in enumerate(self.albedo) if level.shape[1] >= width and level.shape[0] >= height]
        return fitting[-1] if fitting else 0


@lru_cache(maxsize=64)
def house(seed: int, side: int, slot: int, start: float, end: float) -> House:
    """Return the house of a slot, with its front painted."""
    rng = slot_rng(seed, 12 + side, slot)
    floors, wall = int(rng.integers(2, 5)), WALLS[rng.integers(len(WALLS))]
    height = 3.0 * floors + 0.8
    rows, columns = int(height * FACADE_TEXELS), int((end - start) * FACADE_TEXELS)
    tone = 1 + 0.15 * value_noise(rows, columns, (5, 7), rng) + 0.08 * rng.normal(0, 1, (rows, columns))
    if wall[0] > 1.6 * wall[2]:  # brick
        tone[(np.arange(rows) % 4) == 0] *= 0.72
        bricks = np.kron(rng.uniform(-1, 1, (rows // 4 + 1, columns // 9 + 1)), np.ones((4, 9)))
        tone *= 1 + 0.25 * bricks[:rows, :columns]
    tone *= np.linspace(0.85, 1.08, rows)[::-1, None]
    albedo = (np.clip(tone, 0.3, 1.6)[:, :, None] * rgb(wall)).astype(np.float32)
    glow = np.zeros((rows, columns, 3), np.float32)
    shop = bool(rng.random() < 0.3)
    for floor in range(floors):
        _paint_floor(albedo, glow, rows - int(3.0 * floor * FACADE_TEXELS), floor == 0, shop, rng)
    albedo[: int(0.3 * FACADE_TEXELS)] = 0.75 * rgb(wall)
    albedo[int(0.3 * FACADE_TEXELS) : int(0.4 * FACADE_TEXELS)] *= 0.4
    albedo[rows - int(0.5 * FACADE_TEXELS) :] *= 0.6
    pipe = int(rng.uniform(0.02, 0.05) * columns)
    albedo[:, pipe : pipe + 3] = 0.09
    glow[albedo.max(2) < 0.01] = 0
    return House(
        start,
        end,
        side,
        9.6 + float(rng.uniform(0, 0.9)),
        height,
        wall,
        float(rng.uniform(1.4, 2.8)),
        _levels(pack_albedo(albedo)),
        _levels(np.where(glow > 0, pack_light(glow), 0).astype(np.uint8)),
    )


def _levels(texture: np.ndarray) -> list[np.ndarray]:
    """Return a texture and its reductions; houses are seen at a slant, so width shrinks faster than height."""
    levels = [texture]
    for _ in range(2):
        rows, columns = levels[-1].shape[:2]
        size = columns // 4, rows // 2
        levels.append(np.asarray(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA)))
    return levels


def _paint_floor(
    albedo: np.ndarray, glow: np.ndarray, bottom: int, ground: bool, shop: bool, rng: np.random.Generator
) -> None:
    """Paint one floor's windows, and on the ground floor a door or a shop window, in place."""
    texel, columns = FACADE_TEXELS, albedo.shape[1]
    frame = rgb((0.55, 0.54, 0.5)) * rng.uniform(0.3, 1.0)
    bays = max(2, round(columns / (2.7 * texel)))
    door = int(rng.integers(bays)) if ground and not shop else -1
    for bay in range(bays):
        middle, half = int((bay + 0.5) * columns / bays), int(0.55 * texel)
        low, high = int(0.95 * texel), int(2.4 * texel)
        if bay == door:
            low, high, half = 0, int(2.2 * texel), int(0.5 * texel)
        elif ground and shop:
            low, high, half = int(0.5 * texel), int(2.4 * texel), int(1.2 * texel)
        top, foot, left, right = bottom - high, bottom - low, max(middle - half, 0), middle + half
        albedo[top - 3 : foot + 3, max(left - 3, 0) : right + 3] = frame
        if bay == door:
            albedo[top:foot, left:right] = rgb(rng.uniform(0.03, 0.2, 3))
            albedo[top + 4 : top + 14, left + 5 : right - 5] = 0.03
            continue
        albedo[foot + 3 : foot + 6, max(left - 5, 0) : right + 5] = 0.45
        albedo[top:foot, left:right] = np.linspace(0.075, 0.03, foot - top)[:, None, None] * rgb([0.8, 0.9, 1.0])
        if rng.random() < 0.5:  # a curtain behind the glass
            albedo[top:foot, left : left + half // 2] = 0.16
            albedo[top:foot, right - half // 2 : right] = 0.14
        lit = rng.random() < (0.75 if ground and shop else 0.2)
        if lit:
            _light_window(albedo, glow, (top, foot, left, right), ground and shop, rng)
        if not (ground and shop):
            albedo[top:foot, middle - 1 : middle + 2] = frame
            albedo[top + (foot - top) // 3 : top + (foot - top) // 3 + 2, left:right] = frame
            glow[top:foot, middle - 1 : middle + 2] = 0
            glow[top + (foot - top) // 3 : top + (foot - top) // 3 + 2, left:right] = 0
    if ground and shop:
        board = rgb(rng.uniform(0.03, 0.5, 3))
        albedo[bottom - int(3.0 * texel) : bottom - int(2.5 * texel), 6:-6] = board
        for at in np.arange(columns // 5, columns * 3 // 5, 13):
            tall = int(rng.integers(5, 9))
            albedo[bottom - int(2.75 * texel) - tall // 2 : bottom - int(2.75 * texel) + tall // 2, at : at + 8] = 0.7


def _light_window(
    albedo: np.ndarray, glow: np.ndarray, box: tuple[int, int, int, int], shop: bool, rng: np.random.Generator
) -> None:
    """Light the room behind a window: glow says how brightly, albedo becomes what is seen of the room."""
    top, foot, left, right = box
    colour = rgb((1.0, 0.62, 0.3) if rng.random() < 0.7 else (0.8, 0.92, 1.0))
    glow[top:foot, left:right] = 0.5 * colour * (1.0 if shop else rng.uniform(0.15, 0.6))
    clutter = np.clip(0.55 + 0.2 * rng.normal(0, 1, (4, 5)), 0.15, 1)
    room = np.asarray(cv2.resize(clutter, (right - left, foot - top), interpolation=cv2.INTER_LINEAR))
    albedo[top:foot, left:right] = room[:, :, None] * rgb([1, 0.95, 0.9])
    width = right - left
    for edge in (slice(left, left + width // 5), slice(right - width // 5, right)):
        albedo[top:foot, edge] *= 0.45 if not shop else 0.8


def houses(seed: int, low: float, high: float) -> list[House]:
    """Return the houses of both sides between two places along the road."""
    found = []
    for side in (-1, 1):
        for slot in slots(low - 16, high, 14.0):
            pick, following = chances(seed, 18 + side, slot), chances(seed, 18 + side, slot + 1)
            start, end = 14.0 * slot + 5 * pick[0], 14.0 * (slot + 1) + 5 * following[0]
            if pick[1] < 0.85 and end > low and start < high:
                found.append(house(seed, side, slot, start, end - (2.5 if pick[2] < 0.3 else 0.0)))
    return found


@lru_cache(maxsize=64)
def _shell(
    seed_side: int,
    start: float,
    end: float,
    distance: float,
    height: float,
    roof: float,
    wall: tuple[float, float, float],
) -> Solid:
    """Return the roof and the near gable of a house, from its start."""
    b, side, long = SolidBuilder(closed=False), seed_side, end - start
    near, middle, back = side * distance, side * (distance + 4.0), side * (distance + 8.0)
    gable = tuple(0.85 * c for c in wall)
    top = height + roof
    outline = [(near, 0, 0), (back, 0, 0), (back, height, 0), (middle, top, 0), (near, height, 0)]
    b.face(outline, gable, normal=(0, 0, -1))
    eaves = side * (distance - 0.3)
    slope = (-side * roof, 4.0, 0)
    b.face(
        [(eaves, height - 0.1, 0), (eaves, height - 0.1, long), (middle, top, long), (middle, top, 0)],
        (0.09, 0.06, 0.05),
        normal=slope,
    )
    b.face(
        [(eaves, height - 0.18, 0), (eaves, height - 0.18, long), (eaves, height, long), (eaves, height, 0)],
        (0.3, 0.3, 0.29),
        normal=(-side, 0, 0),
    )
    return b.build()


def shell(house: House) -> Thing:
    """Return what is solid about a house: roof, gutter and gable, painted right after its front."""
    solid = _shell(house.side, house.start, house.end, house.distance, house.height, house.roof, house.wall)
    return Thing(solid, 0.0, house.start, behind=house.end - house.start + HOUSE_BEHIND - 4)


@lru_cache(maxsize=4)
def skyline(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (roof height per column as a fraction of the focal length, lit windows) of the far town.

    The panorama is 4096 columns wide and repeats; the windows are (N x 2) column and height of each.
    """
    rng = slot_rng(seed, 11, 0)
    heights, column = np.zeros(4096, np.float32), 0
    while column < 4096:
        wide = int(rng.integers(25, 90))
        heights[column : column + wide] = rng.uniform(0.03, 0.06) + (0.03 if rng.random() < 0.2 else 0)
        column += wide
    at = rng.integers(0, 4096, 260)
    return heights, np.stack([at, heights[at] * rng.uniform(0.25, 0.92, 260)], 1).astype(np.float32)
