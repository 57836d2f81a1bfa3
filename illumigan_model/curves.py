"""A CurveGrid's tone curves applied to a full-resolution uint8 frame on the CPU, in one fused pass.

Same operator as `generators.curve_grid.apply_curves`, in integers where that is exact enough: the result lies within
one level of the float operator. Between two rows of tiles the curves become one table: for each of 17 column spans
(between tile centres), each colour and each level, the four tiles' values in one 32-bit word. Each pixel then costs
one look-up and one blend a colour.

With denoising (`denoise`), the table has 512 steps, uniform in sqrt(x), so that denoised shades between two levels are
kept apart.

A frame is cut into one band of rows for each thread, a band into blocks that stay in a core's cache on their way
from the frame to the result.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from illumigan_model.denoise import CHROMA_REACH, LUMA_REACH
from illumigan_model.kernels import open_kernels

THUMBNAIL_WH = (256, 144)
GRID_WH = (16, 9)
KNOTS = 8
SPANS = GRID_WH[0] + 1
FINE_STEPS = 512
BLOCK_PIXELS = 1 << 15

IDENTITY = np.tile((np.arange(KNOTS, dtype=np.float32) / (KNOTS - 1)) ** 2, 3)[:, None, None]
"""Knot values of the curves that change nothing, 24 x 1 x 1."""


@dataclass(frozen=True)
class Plan:
    """Where the pixels of one frame size lie in the grid.

    `tile` and `below` give for each row the tile row above it and the weight in [0, 1] of the next one; `begins` the
    first column of each span, `right` each column's weight in [0, 1] of the span's right-hand tile.
    """

    tile: np.ndarray
    below: np.ndarray
    begins: np.ndarray
    right: np.ndarray

    @property
    def block_rows(self) -> int:
        """Rows of the largest block."""
        return max(BLOCK_PIXELS // len(self.right), 1)

    def blocks(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Cut the rows first..last into blocks: the tile row above each, its first row and the one after its last."""
        while first < last:
            tile = int(self.tile[first])
            end = min(first + self.block_rows, last, int(np.searchsorted(self.tile, tile, side="right")))
            yield tile, first, end
            first = end


@lru_cache(maxsize=16)
def plan(width: int, height: int) -> Plan:
    """Return the plan of a frame size."""
    across, down = GRID_WH
    row = np.clip((np.arange(height) + 0.5) * down / height - 0.5, 0, down - 1)
    tile = np.minimum(np.floor(row), down - 2)
    column = (np.arange(width) + 0.5) * across / width - 0.5
    floor = np.floor(column)
    return Plan(
        tile=tile.astype(np.int64),
        below=(row - tile).astype(np.float32),
        begins=np.searchsorted(floor + 1, np.arange(SPANS + 1)).astype(np.int64),
        right=(column - floor).astype(np.float32),
    )


@dataclass(frozen=True)
class Steps:
    """Where the steps of a look-up table lie between the knots of a curve.

    The steps `edges[k]` .. `edges[k + 1]` lie between the knots k and k + 1; `share` is the weight of the upper one.
    """

    edges: np.ndarray
    share: np.ndarray


def steps_at(roots: np.ndarray) -> Steps:
    """Return the steps that stand for these square roots of values in [0, 1], which ascend from 0 to 1."""
    position = (KNOTS - 1) * roots
    knot = np.minimum(position.astype(np.int64), KNOTS - 2)
    return Steps(np.searchsorted(knot, np.arange(KNOTS)).astype(np.int64), (position - knot).astype(np.float32))


LEVELS = steps_at(np.sqrt(np.arange(256) / 255))
FINE = steps_at(np.arange(FINE_STEPS) / (FINE_STEPS - 1))


@dataclass(frozen=True)
class Scratch:
    """Arrays that the kernels work in, as they describe them."""

    levels: np.ndarray
    index: np.ndarray
    found: np.ndarray
    luma: np.ndarray
    planes: np.ndarray
    drawn: np.ndarray
    table: np.ndarray


_local = threading.local()


def scratch(width: int, rows: int, steps: int) -> Scratch:
    """Return this thread's scratch for blocks of so many rows; it is kept until another size is asked for."""
    size = (width, rows, steps)
    if getattr(_local, "size", None) != size:
        _local.size = size
        _local.scratch = Scratch(
            levels=np.empty((rows, 3, width), np.float32),
            index=np.empty((rows, 3, width), np.uint16),
            found=np.empty((4, width), np.uint32),
            luma=np.empty((5, width + 4), np.float32),
            planes=np.empty((11, width), np.float32),
            drawn=np.empty((2, GRID_WH[0], 3, steps), np.uint8),
            table=np.empty((SPANS, 3, steps), np.uint32),
        )
    kept: Scratch = _local.scratch
    return kept


def apply(
    frame: np.ndarray, mean: np.ndarray, curves: np.ndarray, noise: float, pool: ThreadPoolExecutor, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Apply a grid of curves to a frame.

    Args:
        frame: uint8 BGR, H x W x 3, C-contiguous, at least 16 x 16.
        mean: its `denoise.surroundings`, uint8 BGR, (H // 4) x (W // 4) x 3; only looked at to denoise.
        curves: float32 in [0, 1], 25 x 9 x 16: 24 curve values and u, as `CurveGrid.curves` gives them.
        noise: standard deviation of the noise to take out, in levels; 0 denoises nothing.
        pool: threads that help; `threads` - 1 of them are used.
        threads: number of bands that the frame is cut into.

    Returns:
        (enhanced frame, uint8 BGR H x W x 3; attention map, uint8 H x W), both made anew for each frame.
    """
    kernels = open_kernels()
    height, width = frame.shape[:2]
    where = plan(width, height)
    steps = FINE if noise > 0 else LEVELS
    levels = np.clip(curves[:-1], 0, 1).reshape(3, KNOTS, *GRID_WH[::-1])[::-1] * np.float32(255)
    knots, unisons = np.ascontiguousarray(levels.transpose(2, 3, 0, 1)), np.ascontiguousarray(curves[-1])
    out, attention = np.empty_like(frame), np.empty((height, width), np.uint8)
    flat, flat_out = frame.reshape(height, -1), out.reshape(height, -1)
    flat.flags.writeable = False  # frames come both ways; one way means that the kernels are compiled once
    if noise > 0:
        calm = cv2.blur(mean, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(mean.shape[0], -1)

    def band(first: int, last: int) -> None:
        work = scratch(width, where.block_rows, len(steps.share))
        above = -1
        for tile, begin, end in where.blocks(first, last):
            if tile != above:
                above = tile
                kernels.curves.tabulate(knots, tile, steps.edges, steps.share, work.drawn, work.table)
            block = (work.levels, work.index)
            if noise > 0:
                how = (LUMA_REACH * noise, CHROMA_REACH * noise, len(steps.share))
                kernels.denoise.clean(flat, calm, *how, begin, end, work.luma, work.planes, *block, attention)
            else:
                kernels.curves.unpack(flat, begin, end, *block, attention)
            place = (tile, where.below, where.begins, where.right, begin, end)
            kernels.curves.enhance(*block, work.table, unisons, *place, work.found, flat_out)

    cuts = [height * part // threads for part in range(threads + 1)]
    helpers = [pool.submit(band, cuts[part], cuts[part + 1]) for part in range(1, threads)]
    band(cuts[0], cuts[1])
    for helper in helpers:
        helper.result()
    return out, attention
