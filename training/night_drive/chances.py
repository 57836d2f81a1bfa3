"""Chance for the built-in drive: every draw belongs to a slot along the road, so that the street never changes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np


def slot_rng(seed: int, kind: int, slot: int) -> np.random.Generator:
    """Return the random source that belongs to one slot of one kind of thing."""
    return np.random.default_rng([seed & 0xFFFFFFFF, kind, slot & 0xFFFFFFFF])


@lru_cache(maxsize=8192)
def chances(seed: int, kind: int, slot: int) -> tuple[float, ...]:
    """Return eight numbers in [0, 1) that decide what stands in a slot."""
    return tuple(slot_rng(seed, kind, slot).random(8).tolist())


def value_noise(rows: int, columns: int, cells: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return smooth noise (rows x columns, float32, about -1..1) that repeats over its edges."""
    grid = np.pad(rng.uniform(-1, 1, cells).astype(np.float32), 3, mode="wrap")
    step = rows / cells[0], columns / cells[1]
    y, x = (np.arange(n, dtype=np.float32) / k + 3 for n, k in zip((rows, columns), step, strict=True))
    map_x, map_y = np.meshgrid(x, y)
    return np.asarray(cv2.remap(grid, map_x, map_y, cv2.INTER_CUBIC))
