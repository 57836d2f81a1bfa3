"""Tone curves on rows of pixels.

Arrays, all of the n rows at hand: `frame` and `out` uint8 n x 3W (B, G, R interleaved), `attention` uint8 n x W. Blocks
of rows are planar: `levels` float32 3 x W in 0..255 for each row, and `index` uint16 likewise, which entry of its
colour's table each level is looked up in; both may hold more rows. `tiles` float32 25 x 2 x 16 are two rows of the grid
of `CurveGrid.curves`: 8 knots of R, G and B and u, in [0, 1]. `table` uint32 3 x 17 x steps, `offset` uint16 W: where
each column's span begins in a table, `right` float32 W: weight of its right-hand tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)
UNSURE, SURE, LIFTED = F(6), F(16), F(16)  # as in `frames.curves`


@njit(inline="always")
def level(value: np.float32) -> np.uint8:
    """Round to a uint8 level."""
    return np.uint8(np.int32(min(max(value, F(0)), F(255)) + F(0.5)))


@njit(inline="always")
def unit(value: np.float32) -> np.float32:
    """Hold a value between 0 and 1."""
    return min(max(value, F(0)), F(1))


@njit(**JIT)
def draw(tiles: np.ndarray, row: int, edges: np.ndarray, share: np.ndarray, levels: np.ndarray) -> None:
    """Write the levels of the curves of a row of tiles at each step: uint8 16 x 3 (B, G, R) x steps."""
    knots = edges.shape[0]
    for tile in range(levels.shape[0]):
        for c in range(3):
            for k in range(knots - 1):
                at = (2 - c) * knots + k
                value = tiles[at, row, tile] * F(255)
                rise = tiles[at + 1, row, tile] * F(255) - value
                line, weight = levels[tile, c, edges[k] : edges[k + 1]], share[edges[k] : edges[k + 1]]
                for i in range(line.shape[0]):
                    line[i] = level(value + rise * weight[i])


@njit(**JIT)
def join(upper: np.ndarray, lower: np.ndarray, table: np.ndarray) -> None:
    """Join the drawn levels of two rows of tiles into words."""
    for c in range(3):
        for span in range(table.shape[1]):
            left, right = max(span - 1, 0), min(span, upper.shape[0] - 1)
            one, two, three, four = upper[left, c], lower[left, c], upper[right, c], lower[right, c]
            words = table[c, span]
            for i in range(words.shape[0]):
                words[i] = np.uint32(
                    np.uint32(one[i])
                    | np.uint32(two[i]) << np.uint32(8)
                    | np.uint32(three[i]) << np.uint32(16)
                    | np.uint32(four[i]) << np.uint32(24)
                )


@njit(**JIT)
def widen(tiles: np.ndarray, row: int, begins: np.ndarray, right: np.ndarray, wide: np.ndarray) -> None:
    """Interpolate u of a row of tiles to one value a column."""
    for span in range(begins.shape[0] - 1):
        value = tiles[-1, row, max(span - 1, 0)]
        rise = tiles[-1, row, min(span, tiles.shape[2] - 1)] - value
        for x in range(begins[span], begins[span + 1]):
            wide[x] = value + rise * right[x]


@kept
def tabulate(
    tiles: np.ndarray,
    edges: np.ndarray,
    share: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    drawn: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
) -> None:
    """Write what all rows between two rows of tiles have in common.

    That is the table, and u of both tile rows at each column (`wide`, float32 2 x W). A word of the table holds the
    levels of the four tiles around a pixel, from low to high byte: upper left, lower left, upper right, lower right.
    `begins` are the first columns of the 17 spans and the width; `drawn` is scratch, uint8 2 x 16 x 3 x steps.
    """
    for i in range(2):
        draw(tiles, i, edges, share, drawn[i])
        widen(tiles, i, begins, right, wide[i])
    join(drawn[0], drawn[1], table)


@njit(**JIT)
def unpack_row(
    frame: np.ndarray, y: int, offset: np.ndarray, levels: np.ndarray, index: np.ndarray, attention: np.ndarray
) -> None:
    """Split row y of the frame into the block, and write its attention map."""
    for x in range(offset.shape[0]):
        for c in range(3):
            levels[y, c, x] = F(frame[y, 3 * x + c])
            index[y, c, x] = frame[y, 3 * x + c] + offset[x]
    for x in range(offset.shape[0]):
        luma = levels[y, 2, x] * RED + levels[y, 1, x] * GREEN + levels[y, 0, x] * BLUE
        attention[y, x] = np.uint8(np.int32(F(255.5) - luma))


@kept
def unpack(frame: np.ndarray, offset: np.ndarray, levels: np.ndarray, index: np.ndarray, attention: np.ndarray) -> None:
    """Split rows into a block for tables of 256 steps, and write their attention map."""
    for y in range(frame.shape[0]):
        unpack_row(frame, y, offset, levels, index, attention)


@njit(**JIT)
def look_up(index: np.ndarray, y: int, table: np.ndarray, found: np.ndarray) -> None:
    """Look row y of the block up in the three tables."""
    for x in range(index.shape[2]):
        found[0, x] = table[0, index[y, 0, x]]
        found[1, x] = table[1, index[y, 1, x]]
        found[2, x] = table[2, index[y, 2, x]]


@njit(**JIT)
def blend(wide: np.ndarray, below: np.float32, unison: np.ndarray) -> None:
    """Blend u of the tiles above and below a row, weights 1 - below and below."""
    for x in range(unison.shape[0]):
        unison[x] = wide[0, x] + (wide[1, x] - wide[0, x]) * below


@njit(inline="always")
def among(word: np.uint32, below: np.float32, right: np.float32) -> np.float32:
    """Blend the levels of the four tiles in a word: weights 1 - below and below down, 1 - right and right across."""
    upper_left, lower_left = F(np.int32(word & np.uint32(255))), F(np.int32(word >> np.uint32(8) & np.uint32(255)))
    upper_right, lower_right = F(np.int32(word >> np.uint32(16) & np.uint32(255))), F(np.int32(word >> np.uint32(24)))
    left = upper_left + (lower_left - upper_left) * below
    return left + (upper_right + (lower_right - upper_right) * below - left) * right


@njit(**JIT)
def change(
    levels: np.ndarray, y: int, found: np.ndarray, below: np.float32, right: np.ndarray, unison: np.ndarray
) -> None:
    """Enhance row y of the block: x + A (d + u (luminance(d) - d)), d = curve(x) - x; near black, chroma fades."""
    for x in range(right.shape[0]):
        blue, green, red = levels[y, 0, x], levels[y, 1, x], levels[y, 2, x]
        luma = red * RED + green * GREEN + blue * BLUE
        weight = F(1) - luma * F(1 / 255)
        to_blue = among(found[0, x], below, right[x]) - blue
        to_green = among(found[1, x], below, right[x]) - green
        to_red = among(found[2, x], below, right[x]) - red
        lift = to_red * RED + to_green * GREEN + to_blue * BLUE
        unsure = F(1) - unit((max(blue, green, red) - UNSURE) * F(1 / (SURE - UNSURE)))
        own = (F(1) - unison[x]) * (F(1) - unsure)
        alike = (F(1) - own) * lift
        grey = unsure * unit(lift * F(1 / LIFTED))
        levels[y, 0, x] = blue + grey * (luma - blue) + (to_blue * own + alike) * weight
        levels[y, 1, x] = green + grey * (luma - green) + (to_green * own + alike) * weight
        levels[y, 2, x] = red + grey * (luma - red) + (to_red * own + alike) * weight


@njit(**JIT)
def pack(levels: np.ndarray, y: int, out: np.ndarray) -> None:
    """Write row y of the block into the result."""
    for x in range(levels.shape[2]):
        out[y, 3 * x] = level(levels[y, 0, x])
        out[y, 3 * x + 1] = level(levels[y, 1, x])
        out[y, 3 * x + 2] = level(levels[y, 2, x])


@kept
def enhance(
    levels: np.ndarray,
    index: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
    below: np.ndarray,
    right: np.ndarray,
    found: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the enhanced rows of a block, which is overwritten.

    `table` and `wide` as from `tabulate`, `below` float32 n: each row's weight of the lower tiles; `found` is scratch,
    uint32 4 x W.
    """
    unison = found[3].view(np.float32)
    flat = table.reshape(3, -1)
    for y in range(out.shape[0]):
        look_up(index, y, flat, found)
        blend(wide, below[y], unison)
        change(levels, y, found, below[y], right, unison)
        pack(levels, y, out)
