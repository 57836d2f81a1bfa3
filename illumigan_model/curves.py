"""A CurveGrid's tone curves applied to a full-resolution uint8 frame on the CPU, in one fused pass.

Same operator as `generators.curve_grid.apply_curves`, in integers where that is exact enough: the result lies within
one level of the float operator. The curves of all tiles become one table: for each row of tiles and each of 17 column
spans (between tile centres) the left and the right tile's value for every level, packed into one 32-bit word. A frame
row blends two table rows, then each pixel costs one look-up a colour.

With denoising, a pixel is first split into the mean of its surroundings (a quarter-size picture) and what departs from
it. Departures smaller than the noise are shrunk away, colour before luminance, dark places before bright ones (the
coring of Simoncelli and Adelson, "Noise removal via Bayesian wavelet coring", ICIP 1996, on one level of a Laplacian
pyramid). The table then has 512 steps, uniform in sqrt(x), so that denoised shades between two levels are kept apart.

The pass is compiled by numba where that is installed, else it runs in NumPy with the same result and much slower.
"""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import cv2
import numpy as np

THUMBNAIL_WH = (256, 144)
GRID_WH = (16, 9)
KNOTS = 8
SPANS = GRID_WH[0] + 1
FINE_STEPS = 512
# Colour noise goes where luminance noise partly stays: eyes and detectors need its edges.
LUMA_SHARE, CHROMA_SHARE = 1.6, 3.5
REDUCE = 4

IDENTITY = np.tile((np.arange(KNOTS, dtype=np.float32) / (KNOTS - 1)) ** 2, 3)[:, None, None]
"""Knot values of the curves that change nothing, 24 x 1 x 1."""


@lru_cache(maxsize=1)
def open_kernel() -> tuple[ModuleType, str]:
    """Return the module that runs the pass, and why it is not the compiled one ("" if it is)."""
    try:
        return importlib.import_module("illumigan_model.curves_numba"), ""
    except Exception as error:  # a numba that does not fit NumPy raises more than ImportError
        return importlib.import_module("illumigan_model.curves_numpy"), f"numba cannot be used: {error}"


def kernel_reason() -> str:
    """Return why frames are enhanced by the slow NumPy kernel, "" if they are not."""
    return open_kernel()[1]


@dataclass(frozen=True)
class Plan:
    """Where the pixels of one frame size lie in the grid.

    `tile` and `below` give for each row the tile row above it and the weight (0..256) of the next one; `begins` the
    first column of each span, `right` each column's weight in [0, 1] of the span's right-hand tile.
    """

    tile: np.ndarray
    below: np.ndarray
    begins: np.ndarray
    right: np.ndarray


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
        below=np.rint((row - tile) * 256).astype(np.uint32),
        begins=np.searchsorted(floor + 1, np.arange(SPANS + 1)).astype(np.int64),
        right=(column - floor).astype(np.float32),
    )


def hat_weights(position: np.ndarray) -> np.ndarray:
    """Return the weights (KNOTS x n) of the knots at positions (n) in 0..KNOTS-1."""
    return np.maximum(0, 1 - np.abs(position[None, :] - np.arange(KNOTS)[:, None])).astype(np.float32)


LEVELS = hat_weights((KNOTS - 1) * np.sqrt(np.arange(256) / 255))
FINE_LEVELS = hat_weights((KNOTS - 1) * np.arange(FINE_STEPS) / (FINE_STEPS - 1))


def pack_tables(curves: np.ndarray, fine: bool) -> np.ndarray:
    """Return the packed look-up table of a grid of curves.

    Args:
        curves: float32 in [0, 1], 24 x 9 x 16: R, G, B in turn, 8 knots each.
        fine: True for 512 steps uniform in sqrt(x), False for the 256 levels.

    Returns:
        uint32, 9 x (17 * 3 * steps): spans, then B, G, R; left tile's level in the low half, right tile's in the high.
    """
    across, down = GRID_WH
    knots = curves.reshape(3, KNOTS, down, across)[::-1].transpose(2, 3, 0, 1)
    levels = np.rint(knots @ ((FINE_LEVELS if fine else LEVELS) * 255)).astype(np.uint32)
    spans = np.arange(SPANS)
    left, right = levels[:, np.maximum(spans - 1, 0)], levels[:, np.minimum(spans, across - 1)]
    return (left | right << 16).reshape(down, -1)


def widen(tiles: np.ndarray, where: Plan) -> np.ndarray:
    """Interpolate a map of tiles (float32 9 x 16) along its rows to one value a column: float32 9 x W."""
    span = np.repeat(np.arange(SPANS), np.diff(where.begins))
    left, right = tiles[:, np.maximum(span - 1, 0)], tiles[:, np.minimum(span, GRID_WH[0] - 1)]
    return np.ascontiguousarray(left + (right - left) * where.right, dtype=np.float32)


def surroundings(frame: np.ndarray) -> np.ndarray:
    """Return the quarter-size mean picture of a frame: uint8 BGR, (H // 4) x (W // 4) x 3."""
    height, width = frame.shape[0] // REDUCE, frame.shape[1] // REDUCE
    return cv2.resize(frame[: height * REDUCE, : width * REDUCE], (width, height), interpolation=cv2.INTER_AREA)


def estimate_noise(frame: np.ndarray) -> float:
    """Return the standard deviation of the noise in the darker half of a frame, in levels.

    From the median absolute second difference along every 32nd row, which edges hardly move; sqrt(6) is the norm of
    (1, -2, 1) and 0.6745 turns a median absolute deviation into a standard deviation.
    """
    rows = frame[16::32, :, 1].astype(np.int16)
    if rows.shape[0] < 4:
        rows = frame[:, :, 1].astype(np.int16)
    second = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    dark = second[rows[:, 1:-1] <= np.median(rows)]
    counts = np.bincount(dark, minlength=4)
    # the median of integers, placed within its bin so that a small noise is told from none
    half = dark.size / 2
    before = np.concatenate([[0], np.cumsum(counts)])
    level = int(np.searchsorted(before, half, side="left")) - 1
    inside = (half - before[level]) / max(counts[level], 1)
    return float(max(level - 0.5 + inside, 0) / (0.6745 * np.sqrt(6)))


def apply(
    frame: np.ndarray, mean: np.ndarray, curves: np.ndarray, noise: float, pool: ThreadPoolExecutor, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Apply a grid of curves to a frame.

    Args:
        frame: uint8 BGR, H x W x 3, C-contiguous, at least 16 x 16.
        mean: its `surroundings`, uint8 BGR, (H // 4) x (W // 4) x 3; only looked at to denoise.
        curves: float32 in [0, 1], 25 x 9 x 16: 24 curve values and u, as `CurveGrid.curves` gives them.
        noise: departures from the surroundings up to about this many levels are taken for noise; 0 denoises nothing.
        pool: threads that help; `threads` - 1 of them are used.
        threads: number of bands that the frame is cut into.

    Returns:
        (enhanced frame, uint8 BGR H x W x 3; attention map, uint8 H x W).
    """
    kernel, _ = open_kernel()
    height, width = frame.shape[:2]
    where = plan(width, height)
    out, attention = np.empty_like(frame), np.empty((height, width), np.uint8)
    table = pack_tables(curves[:-1], fine=noise > 0)
    unisons = widen(curves[-1], where)
    flat, flat_out = frame.reshape(height, -1), out.reshape(height, -1)
    flat.flags.writeable = False  # frames come both ways; one way means that the kernels are compiled once
    if noise > 0:
        smooth = cv2.blur(mean, (3, 3), borderType=cv2.BORDER_REPLICATE)
        flat_mean = smooth.reshape(smooth.shape[0], -1)

    def band(first: int, last: int) -> None:
        rows = (where.tile, where.below, where.begins, where.right, first, last)
        if noise > 0:
            limits = (LUMA_SHARE * noise, CHROMA_SHARE * noise)
            kernel.denoise_rows(flat, flat_mean, *limits, table, unisons, *rows, flat_out, attention)
        else:
            kernel.rows(flat, table, unisons, *rows, flat_out, attention)

    cuts = [height * part // threads for part in range(threads + 1)]
    helpers = [pool.submit(band, cuts[part], cuts[part + 1]) for part in range(1, threads)]
    band(cuts[0], cuts[1])
    for helper in helpers:
        helper.result()
    return out, attention
