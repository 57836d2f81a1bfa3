"""The fused pass of `curves`, compiled by numba; short loops over contiguous rows, so that each becomes SIMD code.

All arrays are as `curves` lays them out: `frame` and `out` uint8 H x 3W (B, G, R interleaved), `attention` uint8
H x W, `mean` uint8 (H // 4) x 3 (W // 4), `table` uint32 9 x (17 * 3 * steps), `unisons` float32 9 x W.
Kernels release the GIL. What they need comes as arguments: numba keeps compiled code on disk and looks only at this
file to tell whether it is stale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


JIT: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def kept(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel, and keep it with what it calls on disk where there is a place for that."""
    try:
        return njit(cache=True, **JIT)(kernel)
    except RuntimeError:  # neither this folder nor the user's cache can be written to
        return njit(**JIT)(kernel)


@njit(**JIT)
def blend_tables(upper: np.ndarray, lower: np.ndarray, below: np.uint32, mixed: np.ndarray) -> None:
    """Blend two table rows with weights 256 - below and below; both packed halves at once."""
    above = np.uint32(256) - below
    for i in range(mixed.shape[0]):
        mixed[i] = np.uint32(upper[i] * above + lower[i] * below)


@njit(**JIT)
def look_up(
    row: np.ndarray,
    blue: np.ndarray,
    green: np.ndarray,
    red: np.ndarray,
    begin: int,
    end: int,
    found: np.ndarray,
) -> None:
    """Look the pixels begin..end of a row of levels (B, G, R interleaved) up in three tables."""
    for x in range(begin, end):
        found[0, x] = blue[row[3 * x]]
        found[1, x] = green[row[3 * x + 1]]
        found[2, x] = red[row[3 * x + 2]]


@njit(**JIT)
def look_up_fine(
    index: np.ndarray,
    blue: np.ndarray,
    green: np.ndarray,
    red: np.ndarray,
    begin: int,
    end: int,
    found: np.ndarray,
) -> None:
    """Look the pixels begin..end up by their fine index, 3 x W."""
    for x in range(begin, end):
        found[0, x] = blue[index[0, x]]
        found[1, x] = green[index[1, x]]
        found[2, x] = red[index[2, x]]


@njit(inline="always")
def across(packed: np.uint32, right: np.float32) -> np.float32:
    """Blend the left and right halves of a blended table word; the result is in levels, 0..255."""
    left = F(np.int32(packed & np.uint32(0xFFFF)))
    return (left + (F(np.int32(packed >> np.uint32(16))) - left) * right) * F(1 / 256)


@njit(inline="always")
def level(value: np.float32) -> np.uint8:
    """Round to a uint8 level."""
    return np.uint8(np.int32(min(max(value, F(0)), F(255)) + F(0.5)))


@njit(inline="always")
def enhance_pixel(
    blue: np.float32,
    green: np.float32,
    red: np.float32,
    found: np.ndarray,
    right: np.ndarray,
    unison: np.ndarray,
    x: int,
    out: np.ndarray,
) -> None:
    """Write one pixel: x + A (d + u (luminance(d) - d)), d = curve(x) - x."""
    weight = F(1) - (red * RED + green * GREEN + blue * BLUE) * F(1 / 255)
    to_blue = across(found[0, x], right[x]) - blue
    to_green = across(found[1, x], right[x]) - green
    to_red = across(found[2, x], right[x]) - red
    alike = unison[x] * (to_red * RED + to_green * GREEN + to_blue * BLUE)
    own = F(1) - unison[x]
    out[3 * x] = level(blue + (to_blue * own + alike) * weight)
    out[3 * x + 1] = level(green + (to_green * own + alike) * weight)
    out[3 * x + 2] = level(red + (to_red * own + alike) * weight)


@njit(**JIT)
def attend(row: np.ndarray, attention: np.ndarray) -> None:
    """Write the attention map of one row: 255 - luminance."""
    for x in range(attention.shape[0]):
        dark = F(255.5) - (F(row[3 * x + 2]) * RED + F(row[3 * x + 1]) * GREEN + F(row[3 * x]) * BLUE)
        attention[x] = np.uint8(np.int32(dark))


@njit(**JIT)
def finish(row: np.ndarray, found: np.ndarray, right: np.ndarray, unison: np.ndarray, out: np.ndarray) -> None:
    """Write one enhanced row."""
    for x in range(right.shape[0]):
        enhance_pixel(F(row[3 * x]), F(row[3 * x + 1]), F(row[3 * x + 2]), found, right, unison, x, out)


@njit(**JIT)
def finish_clean(
    clean: np.ndarray,
    found: np.ndarray,
    right: np.ndarray,
    unison: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write one enhanced row from its denoised levels, 3 x W."""
    for x in range(right.shape[0]):
        enhance_pixel(clean[0, x], clean[1, x], clean[2, x], found, right, unison, x, out)


@njit(**JIT)
def blend_unison(upper: np.ndarray, lower: np.ndarray, below: np.uint32, unison: np.ndarray) -> None:
    """Blend two rows of the unison map, weights (256 - below) / 256 and below / 256."""
    weight = F(below) * F(1 / 256)
    for x in range(unison.shape[0]):
        unison[x] = upper[x] + (lower[x] - upper[x]) * weight


@njit(**JIT)
def mean_row(upper: np.ndarray, lower: np.ndarray, weight: np.float32, blended: np.ndarray, wide: np.ndarray) -> None:
    """Enlarge one row of the quarter-size mean picture fourfold, linearly, edges held: 3 x W."""
    small = blended.shape[1]
    width = wide.shape[1]
    for x in range(small):
        for c in range(3):
            value = F(upper[3 * x + c])
            blended[c, x] = value + (F(lower[3 * x + c]) - value) * weight
    for c in range(3):
        line, target = blended[c], wide[c]
        for x in range(small - 1):
            value, step = line[x], (line[x + 1] - line[x]) * F(0.125)
            target[4 * x + 2] = value + step
            target[4 * x + 3] = value + F(3) * step
            target[4 * x + 4] = value + F(5) * step
            target[4 * x + 5] = value + F(7) * step
        target[0] = target[1] = line[0]
        for x in range(4 * small - 2, width):
            target[x] = line[small - 1]


@njit(inline="always")
def core(departure: np.float32, limit: np.float32) -> np.float32:
    """Shrink a departure towards zero by a limit."""
    return max(departure - limit, F(0)) + min(departure + limit, F(0))


@njit(**JIT)
def clean_row(
    row: np.ndarray,
    wide: np.ndarray,
    luma_limit: np.float32,
    chroma_limit: np.float32,
    steps: int,
    clean: np.ndarray,
    index: np.ndarray,
) -> None:
    """Denoise one row: `clean` in levels and `index` into the table of so many steps, both 3 x W."""
    scale = F((steps - 1) / np.sqrt(255.0))
    for x in range(clean.shape[1]):
        blue, green, red = F(row[3 * x]) - wide[0, x], F(row[3 * x + 1]) - wide[1, x], F(row[3 * x + 2]) - wide[2, x]
        luma = red * RED + green * GREEN + blue * BLUE
        dark = F(1) - (wide[2, x] * RED + wide[1, x] * GREEN + wide[0, x] * BLUE) * F(1 / 255)
        share = dark * dark
        kept = core(luma, share * luma_limit)
        blue = wide[0, x] + kept + core(blue - luma, share * chroma_limit)
        green = wide[1, x] + kept + core(green - luma, share * chroma_limit)
        red = wide[2, x] + kept + core(red - luma, share * chroma_limit)
        clean[0, x] = min(max(blue, F(0)), F(255))
        clean[1, x] = min(max(green, F(0)), F(255))
        clean[2, x] = min(max(red, F(0)), F(255))
        index[0, x] = np.int32(np.sqrt(clean[0, x]) * scale + F(0.5))
        index[1, x] = np.int32(np.sqrt(clean[1, x]) * scale + F(0.5))
        index[2, x] = np.int32(np.sqrt(clean[2, x]) * scale + F(0.5))


@kept
def rows(
    frame: np.ndarray,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: np.ndarray,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Enhance the rows first..last."""
    mixed = np.empty(table.shape[1], np.uint32)
    found = np.empty((3, attention.shape[1]), np.uint32)
    unison = np.empty(attention.shape[1], np.float32)
    for y in range(first, last):
        blend_tables(table[tile[y]], table[tile[y] + 1], below[y], mixed)
        for span in range(begins.shape[0] - 1):
            at = span * 768
            blue, green, red = mixed[at : at + 256], mixed[at + 256 : at + 512], mixed[at + 512 : at + 768]
            look_up(frame[y], blue, green, red, begins[span], begins[span + 1], found)
        blend_unison(unisons[tile[y]], unisons[tile[y] + 1], below[y], unison)
        finish(frame[y], found, right, unison, out[y])
        attend(frame[y], attention[y])


@kept
def denoise_rows(
    frame: np.ndarray,
    mean: np.ndarray,
    luma_limit: float,
    chroma_limit: float,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: np.ndarray,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise and enhance the rows first..last."""
    width, spans = attention.shape[1], begins.shape[0] - 1
    steps = table.shape[1] // (3 * spans)
    mixed = np.empty(table.shape[1], np.uint32)
    found = np.empty((3, width), np.uint32)
    unison = np.empty(width, np.float32)
    blended = np.empty((3, width // 4), np.float32)
    wide, clean = np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    index = np.empty((3, width), np.int32)
    for y in range(first, last):
        place = min(max((y + 0.5) / 4 - 0.5, 0.0), mean.shape[0] - 1.0)
        upper = int(place)
        lower = min(upper + 1, mean.shape[0] - 1)
        mean_row(mean[upper], mean[lower], F(place - upper), blended, wide)
        clean_row(frame[y], wide, F(luma_limit), F(chroma_limit), steps, clean, index)
        blend_tables(table[tile[y]], table[tile[y] + 1], below[y], mixed)
        for span in range(spans):
            at = span * 3 * steps
            blue, green = mixed[at : at + steps], mixed[at + steps : at + 2 * steps]
            red = mixed[at + 2 * steps : at + 3 * steps]
            look_up_fine(index, blue, green, red, begins[span], begins[span + 1], found)
        blend_unison(unisons[tile[y]], unisons[tile[y] + 1], below[y], unison)
        finish_clean(clean, found, right, unison, out[y])
        attend(frame[y], attention[y])
