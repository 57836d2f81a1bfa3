"""The grid of tone curves as it is applied to a frame of a given size: where each pixel lies, and what kernels need.

The operator is `generators.curve_grid.apply_curves`. A row of pixels lies between two rows of tiles, whose curves are
blended once for all of it; between two tiles, a span, each pixel then costs a sum over the knots of a curve and a blend
from the left tile to the right one. `fused_pass` does this with a whole frame.

Two things are added. At black, a root is so steep that the first levels lie far apart in the result. Noise hides that;
where there is none, what lay between two levels is lost to rounding: levels are whole, and curves begin straight, so
that the first three levels lie about evenly. And chroma near black is in doubt there as it is in strong noise, which
black cuts off, of each colour another share: it fades further up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from illumigan_model.frames.row_memory import new_rows

THUMBNAIL_WH = (128, 72)
GRID_WH = (16, 9)
KNOTS = 8
SPANS = GRID_WH[0] + 1
UNSURE, SURE = 4.0, 14.0  # levels of the strongest colour up to which chroma is not believed in, and from which it is
SURER = 20.0  # level from which on it is where chroma near black is all in doubt
STRAIGHTEST = 0.7  # share of the way to their first knot, at level 5, on which curves are straight there
LIFTED = 16.0  # levels by which a pixel has to get brighter for such chroma to fade all the way
STRETCH = 16  # pixels, of which kernels work out a multiple in each span

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

    `tile` and `below` give for each row the tile row above it and the weight in [0, 1] of the next one; `spans`,
    uint64 2 x 17, the first column of each span and how many of them kernels work out, a multiple of `STRETCH`; `right`
    gives for each column the weight in [0, 1] of its span's right-hand tile, followed by 0s.
    """

    tile: np.ndarray
    below: np.ndarray
    spans: np.ndarray
    right: np.ndarray


class Tones(NamedTuple):
    """What rows between two rows of tiles need to get their curves, as kernels take it.

    `tiles` float32 25 x 2 x 16 are two rows of the grid of `CurveGrid.curves`: 8 knots of R, G and B and u, in [0, 1].
    `below` float32 n is each row's weight of the lower tiles; `spans` and `right` are as in `Plan`. `whole` and `doubt`
    are those of `noise.Noise`. Kernels work in `bends`, float32 3 x 1280, and `made`, float32 5 x P, P being the length
    of `right`.
    """

    tiles: np.ndarray
    below: np.ndarray
    spans: np.ndarray
    right: np.ndarray
    whole: float
    doubt: float
    bends: np.ndarray
    made: np.ndarray


@lru_cache(maxsize=16)
def plan(width: int, height: int) -> Plan:
    """Return the plan of a frame size."""
    across, down = GRID_WH
    row = np.clip((np.arange(height) + 0.5) * down / height - 0.5, 0, down - 1)
    tile = np.minimum(np.floor(row), down - 2)
    column = (np.arange(width) + 0.5) * across / width - 0.5
    floor = np.floor(column)
    right = new_rows(width)
    right[:width] = column - floor
    begins = np.searchsorted(floor + 1, np.arange(SPANS + 1))
    return Plan(
        tile=tile.astype(np.int64),
        below=(row - tile).astype(np.float32),
        spans=np.array([begins[:-1], -(-np.diff(begins) // STRETCH) * STRETCH], np.uint64),
        right=right,
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


def tallest(blocks: tuple[Block, ...]) -> int:
    """Return how many rows the tallest of these blocks has."""
    return max(block.last - block.first for block in blocks)
