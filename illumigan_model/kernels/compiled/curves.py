"""Tone curves on rows of pixels.

Arrays: `frame` and `out` uint8 H x 3W (B, G, R interleaved), `attention` uint8 H x W. Blocks of rows are planar:
`levels` float32 n x 3 x W in 0..255 and `index` uint16 n x 3 x W, where in the table each level is looked up. `knots`
float32 9 x 16 x 3 x 8 in levels, `unisons` float32 9 x 16, `table` uint32 17 x 3 x steps.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.kernels.compiled.jit import JIT, kept

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


@njit(**JIT)
def draw(knots: np.ndarray, edges: np.ndarray, share: np.ndarray, levels: np.ndarray) -> None:
    """Write the levels of the curves of a row of tiles (16 x 3 x 8 knots) at each step: uint8 16 x 3 x steps."""
    for tile in range(levels.shape[0]):
        for c in range(3):
            for k in range(edges.shape[0] - 1):
                value, rise = knots[tile, c, k], knots[tile, c, k + 1] - knots[tile, c, k]
                line, weight = levels[tile, c, edges[k] : edges[k + 1]], share[edges[k] : edges[k + 1]]
                for i in range(line.shape[0]):
                    line[i] = np.uint8(np.int32(value + rise * weight[i] + F(0.5)))


@njit(**JIT)
def join(upper: np.ndarray, lower: np.ndarray, table: np.ndarray) -> None:
    """Join the drawn levels of two rows of tiles into words."""
    for span in range(table.shape[0]):
        left, right = max(span - 1, 0), min(span, upper.shape[0] - 1)
        for c in range(3):
            one, two, three, four = upper[left, c], lower[left, c], upper[right, c], lower[right, c]
            words = table[span, c]
            for i in range(words.shape[0]):
                words[i] = np.uint32(
                    np.uint32(one[i])
                    | np.uint32(two[i]) << np.uint32(8)
                    | np.uint32(three[i]) << np.uint32(16)
                    | np.uint32(four[i]) << np.uint32(24)
                )


@kept
def tabulate(
    knots: np.ndarray, tile: int, edges: np.ndarray, share: np.ndarray, drawn: np.ndarray, table: np.ndarray
) -> None:
    """Write the table for the pixels between the tile rows `tile` and `tile` + 1.

    A word holds the levels of the four tiles around a pixel, from low to high byte: upper left, lower left, upper
    right, lower right. `drawn` is scratch: uint8 2 x 16 x 3 x steps.
    """
    draw(knots[tile], edges, share, drawn[0])
    draw(knots[tile + 1], edges, share, drawn[1])
    join(drawn[0], drawn[1], table)


@njit(**JIT)
def unpack_row(row: np.ndarray, levels: np.ndarray, index: np.ndarray, attention: np.ndarray) -> None:
    """Split one interleaved row, and write its attention map."""
    for x in range(attention.shape[0]):
        for c in range(3):
            levels[c, x] = F(row[3 * x + c])
            index[c, x] = row[3 * x + c]
    for x in range(attention.shape[0]):
        luma = levels[2, x] * RED + levels[1, x] * GREEN + levels[0, x] * BLUE
        attention[x] = np.uint8(np.int32(F(255.5) - luma))


@kept
def unpack(
    frame: np.ndarray, first: int, last: int, levels: np.ndarray, index: np.ndarray, attention: np.ndarray
) -> None:
    """Split the rows first..last into a block whose levels are their own index, and write their attention map."""
    for y in range(first, last):
        unpack_row(frame[y], levels[y - first], index[y - first], attention[y])


@njit(**JIT)
def blend_tiles(
    upper: np.ndarray, lower: np.ndarray, below: np.float32, begins: np.ndarray, right: np.ndarray, blended: np.ndarray
) -> None:
    """Interpolate the values of two rows of 16 tiles to one a column."""
    for span in range(begins.shape[0] - 1):
        left, other = max(span - 1, 0), min(span, upper.shape[0] - 1)
        value = upper[left] + (lower[left] - upper[left]) * below
        rise = upper[other] + (lower[other] - upper[other]) * below - value
        line, weight = blended[begins[span] : begins[span + 1]], right[begins[span] : begins[span + 1]]
        for x in range(line.shape[0]):
            line[x] = value + rise * weight[x]


@njit(**JIT)
def look_up(index: np.ndarray, table: np.ndarray, begins: np.ndarray, found: np.ndarray) -> None:
    """Look a row up in each span's table: uint32 3 x W."""
    for span in range(begins.shape[0] - 1):
        begin, end = begins[span], begins[span + 1]
        blue, green, red = table[span, 0], table[span, 1], table[span, 2]
        to_blue, to_green, to_red = found[0, begin:end], found[1, begin:end], found[2, begin:end]
        blues, greens, reds = index[0, begin:end], index[1, begin:end], index[2, begin:end]
        for x in range(blues.shape[0]):
            to_blue[x] = blue[blues[x]]
            to_green[x] = green[greens[x]]
            to_red[x] = red[reds[x]]


@njit(inline="always")
def among(word: np.uint32, below: np.float32, right: np.float32) -> np.float32:
    """Blend the levels of the four tiles in a word: weights 1 - below and below down, 1 - right and right across."""
    upper_left, lower_left = F(np.int32(word & np.uint32(255))), F(np.int32(word >> np.uint32(8) & np.uint32(255)))
    upper_right, lower_right = F(np.int32(word >> np.uint32(16) & np.uint32(255))), F(np.int32(word >> np.uint32(24)))
    left = upper_left + (lower_left - upper_left) * below
    return left + (upper_right + (lower_right - upper_right) * below - left) * right


@njit(**JIT)
def change(levels: np.ndarray, found: np.ndarray, below: np.float32, right: np.ndarray, unison: np.ndarray) -> None:
    """Enhance a row of levels (3 x W) in place: x + A (d + u (luminance(d) - d)), d = curve(x) - x."""
    for x in range(right.shape[0]):
        blue, green, red = levels[0, x], levels[1, x], levels[2, x]
        weight = F(1) - (red * RED + green * GREEN + blue * BLUE) * F(1 / 255)
        to_blue = among(found[0, x], below, right[x]) - blue
        to_green = among(found[1, x], below, right[x]) - green
        to_red = among(found[2, x], below, right[x]) - red
        alike = unison[x] * (to_red * RED + to_green * GREEN + to_blue * BLUE)
        own = F(1) - unison[x]
        levels[0, x] = blue + (to_blue * own + alike) * weight
        levels[1, x] = green + (to_green * own + alike) * weight
        levels[2, x] = red + (to_red * own + alike) * weight


@njit(inline="always")
def level(value: np.float32) -> np.uint8:
    """Round to a uint8 level."""
    return np.uint8(np.int32(min(max(value, F(0)), F(255)) + F(0.5)))


@njit(**JIT)
def pack(levels: np.ndarray, out: np.ndarray) -> None:
    """Write a row of levels (3 x W) as uint8, interleaved."""
    for x in range(levels.shape[1]):
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = level(levels[0, x]), level(levels[1, x]), level(levels[2, x])


@kept
def enhance(
    levels: np.ndarray,
    index: np.ndarray,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: int,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    found: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the enhanced rows first..last of a block between the tile rows `tile` and `tile` + 1.

    The block is overwritten. `found` is scratch: uint32 4 x W.
    """
    unison = found[3].view(np.float32)
    for y in range(first, last):
        look_up(index[y - first], table, begins, found)
        blend_tiles(unisons[tile], unisons[tile + 1], below[y], begins, right, unison)
        change(levels[y - first], found, below[y], right, unison)
        pack(levels[y - first], out[y])
