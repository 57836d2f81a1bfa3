"""Scenes made to show what a generator does wrong; of each it is known what would be right.

    ramp    grey that rises evenly from black to a level: what is made of it should rise as well, and stay grey
    lamp    a dark wall without a lamp, and with one at its other end: what the lamp does not reach should stay as it is
    drive   a frame of the rendered night drive, divided: how far it is lifted

All are uint8 BGR, 360 x 640 x 3; what is measured is in levels, 0..255.
"""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8, mean_luma
from illumigan_training.evaluation.images import Method
from illumigan_training.night_drive.drive import night_drive

WIDTH, HEIGHT = 640, 360
RAMPS = (25, 40, 80)
"""The levels at the bright ends of the ramps."""
DIVISORS = (8, 16, 32)
"""By how much the frame of the drive is divided."""
WALL = (4, 12)  # levels of the wall's darkest and brightest places
LAMP_XY, LAMP_RADIUS = (60, 90), 14  # pixels; its light falls off by the square of the distance, and ends before UNLIT
UNLIT = slice(WIDTH // 2, WIDTH)  # columns that the lamp does not reach


def ramp(level: int) -> np.ndarray:
    """Return grey that rises from 0 to a level from left to right."""
    row = np.rint(np.linspace(0, level, WIDTH)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)))


def wall(*, lit: bool) -> np.ndarray:
    """Return a dark wall of large patches, with a lamp in front of its left half or without; the right one is equal."""
    patches = np.random.default_rng(0).uniform(*WALL, (9, 16)).astype(np.float32)
    light = cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    if lit:
        x, y = np.meshgrid(np.arange(WIDTH) - LAMP_XY[0], np.arange(HEIGHT) - LAMP_XY[1])
        radii = np.hypot(x, y) / LAMP_RADIUS
        light = np.where(radii < 1, 255, light + 255 / (1 + radii) ** 2)
        light[:, UNLIT] = wall(lit=False)[:, UNLIT, 0]
    grey = np.rint(np.clip(light, 0, 255)).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))


def bands(made: np.ndarray) -> float:
    """Return how deep the dark bands in an enhanced ramp are: by how much it falls where the ramp rises."""
    rising = luminance_u8(made).mean(axis=0)
    return float((np.maximum.accumulate(rising) - rising).max())


def tint(made: np.ndarray) -> float:
    """Return how far a colour of an enhanced ramp lies from the mean of its three colours, at its worst column."""
    colours = made.mean(axis=0)
    return float(np.abs(colours - colours.mean(axis=1, keepdims=True)).max())


def measure_scenes(method: Method) -> dict[str, float]:
    """Return what a method makes of the scenes, in levels by title.

    Bands and tint are those of the worst ramp; "unlit" and "lamp lit" are the mean luminance of the half of the wall
    that the lamp does not reach; "drive / 8" and so on the mean luminance of the drive's frame.
    """
    ramps = [method(ramp(level)) for level in RAMPS]
    numbers = {"bands": max(map(bands, ramps)), "tint": max(map(tint, ramps))}
    for title, lit in (("unlit", False), ("lamp lit", True)):
        numbers[title] = 255 * mean_luma(np.ascontiguousarray(method(wall(lit=lit))[:, UNLIT]))
    frame = next(night_drive(WIDTH, HEIGHT, fps=1, seconds=1))
    for divisor in DIVISORS:
        darker = np.rint(frame / divisor).astype(np.uint8)
        numbers[f"drive / {divisor}"] = 255 * mean_luma(method(darker))
    return numbers
