"""The grid of tone curves as it is applied to a frame of a given size: where each pixel lies, and the look-up tables.

The operator is `generators.curve_grid.apply_curves`, in integers where that is exact enough: the result lies within
one level of the float operator. Between two rows of tiles the curves become one table: for each of 17 column spans
(between tile centres), each colour and each level, the four tiles' values in one 32-bit word. Each pixel then costs
one look-up and one blend a colour. `fused_pass` does this with a whole frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

THUMBNAIL_WH = (128, 72)
GRID_WH = (16, 9)
KNOTS = 8
SPANS = GRID_WH[0] + 1
UNSURE, SURE = 6.0, 16.0  # levels of the strongest colour up to which chroma is not believed in, and from which it is
LIFTED = 16.0  # levels by which a pixel has to get brighter for such chroma to fade all the way
FINE_STEPS = 64 * (KNOTS - 1) + 1

IDENTITY = np.tile((np.arange(KNOTS, dtype=np.float32) / (KNOTS - 1)) ** 2, 3)[:, None, None]
"""Knot values of the curves that change nothing, 24 x 1 x 1."""


@dataclass(frozen=True)
class Block:
    """The rows first..last of a frame, which lie between the tile rows `tile` and `tile` + 1."""

    tile: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Where the pixels of one frame size lie in the grid.

    `tile` and `below` give for each row the tile row above it and the weight in [0, 1] of the next one; `begins` the
    first column of each span and the width; `span` and `right` give for each column its span and the weight in [0, 1]
    of that span's right-hand tile.
    """

    tile: np.ndarray
    below: np.ndarray
    begins: np.ndarray
    span: np.ndarray
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
        below=(row - tile).astype(np.float32),
        begins=np.searchsorted(floor + 1, np.arange(SPANS + 1)).astype(np.int64),
        span=(floor + 1).astype(np.uint16),
        right=(column - floor).astype(np.float32),
    )


@lru_cache(maxsize=16)
def blocks(width: int, height: int, rows: int) -> tuple[Block, ...]:
    """Cut a frame into blocks of at most so many rows, from top to bottom; those between two tile rows are alike."""
    tiles = plan(width, height).tile
    cut: list[Block] = []
    for tile in np.unique(tiles).tolist():
        first, last = (int(np.searchsorted(tiles, tile, side=side)) for side in ("left", "right"))
        parts = -(-(last - first) // rows)
        ends = [first + part * (last - first) // parts for part in range(parts + 1)]
        cut += [Block(tile, *between) for between in pairwise(ends)]
    return tuple(cut)


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
"""One step for each level."""
FINE = steps_at(np.arange(FINE_STEPS) / (FINE_STEPS - 1))
"""64 steps between knots, uniform in sqrt(x): so that denoised shades between two levels are kept apart."""
