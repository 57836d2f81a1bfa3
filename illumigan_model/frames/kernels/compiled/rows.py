"""Rows of a frame, denoised and given their tone curves.

From top to bottom: small numbers (level, unit, clamp); what a row holds and what surrounds it (split to surround);
denoising (smooth, copy, deblock, recolour); tone curves (knot to draw) and what is made of them (change); and the
kernels that go through these row by row: unpack, clean, enhance. They share a file, as compiled code is kept by file.

Arrays, all of the n rows at hand: `out` uint8 n x 3W (B, G, R interleaved), `attention` uint8 n x W; `frame` is all of
it, uint8 H x 3W, `half` uint8 (H // 2) x 3 (W // 2), `mean` float32 (H // 4) x 4 x (W // 4). Between reading and
writing, rows are planar: `levels` float32 4 x P in 0..255 for each, B, G, R and their luminance, followed by 0s: P is
longer than W, so that loops may work out more than there is (`frames.row_memory`). A single row of `levels` serves all
where they are written at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, fma, kept

if TYPE_CHECKING:
    from illumigan_model.frames.curves import Tones
    from illumigan_model.frames.noise import Denoising

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)
UNSURE, SURE, SURER, LIFTED = F(4), F(14), F(20), F(16)  # as in `frames.curves`
STRAIGHTEST = F(0.7)  # the same
KNOTS = 8
LUMA = 3  # which of four is that of luminance
EACH = (LUMA + 1) * (KNOTS + 1) + 1  # numbers of a tile, see `bend`
RISES = 17 * EACH  # where in `bends` begins how the right tile of each span differs from the left one
ALIKE = F(0.99)  # u from which on it is taken for 1
KNOT_1, KNOT_2, KNOT_3, KNOT_4, KNOT_5, KNOT_6 = (F(knot * math.sqrt(255) / 7) for knot in range(1, 7))
FEW = 4  # knots that a place needs all of whose levels lie below the next one, at level 83
DARK_BITS = F(255 * (FEW / 7) ** 2).view(np.int32)
MARGIN = 16  # as in `frames.row_memory`
STEEP = 24  # level up to which curves are so steep that whole levels show
DEEP = F((1 - STEEP / 255) ** 2)  # `dark` where the surroundings are at that level
HALVED = F(0.1)  # variance of chroma that comes of a frame halved twice, each time in whole levels
STILL = F(0.4)  # share of the denoising that a place still gets where nothing has moved for long

Between = tuple[int, int, np.float32]
"""The two enlarged rows of the mean that a row lies between, and the weight of the second."""
Span = tuple[np.uint64, np.uint64, int]
"""First column, number of columns, and where its numbers begin in `bends`, see `bend`."""


@njit(inline="always")
def level(value: np.float32) -> np.uint8:
    """Round to a uint8 level."""
    return np.uint8(min(max(np.int32(value + F(0.5)), np.int32(0)), np.int32(255)))


@njit(inline="always")
def unit(value: np.float32) -> np.float32:
    """Hold a value between 0 and 1."""
    return min(max(value, F(0)), F(1))


@njit(inline="always")
def clamp(value: np.float32, limit: np.float32) -> np.float32:
    """Hold a value between -limit and limit."""
    return min(max(value, -limit), limit)


@njit(inline="always")
def near_black(dark: np.float32) -> np.float32:
    """Return how near to black surroundings are, from 0 at level `STEEP` to 1 at 0, by what `smooth` says of them."""
    return max(dark - DEEP, F(0)) * F(1 / (1 - DEEP))


@njit(inline="always")
def luminance(blue: np.float32, green: np.float32, red: np.float32) -> np.float32:
    """Return the luminance of a colour."""
    return fma(red, RED, fma(green, GREEN, blue * BLUE))


@njit(inline="always")
def amid(one: np.float32, other: np.float32, weight: np.float32) -> np.float32:
    """Return what lies between two values, the second of which has this weight."""
    return fma(other - one, weight, one)


@njit(**JIT)
def split(frame: np.ndarray, y: int, levels: np.ndarray, at: int, attention: np.ndarray, n: int) -> None:
    """Split row y of the frame into row `at` of levels, and write row n of the attention map: 255 - luminance."""
    for x in range(attention.shape[1]):
        blue, green, red = F(frame[y, 3 * x]), F(frame[y, 3 * x + 1]), F(frame[y, 3 * x + 2])
        luma = luminance(blue, green, red)
        levels[at, 0, x], levels[at, 1, x], levels[at, 2, x], levels[at, LUMA, x] = blue, green, red, luma
        attention[n, x] = np.uint8(np.int32(F(255.5) - luma))


@njit(**JIT)
def part(mean: np.ndarray, y: int, chroma_noise: np.float32, rounding: np.float32, small: np.ndarray) -> None:
    """Part row y of the quarter-size mean picture into chroma of blue and of red, `own`, and luminance (4 x W // 4).

    `own` 0..1 is the share of the chroma's variance that neither noise nor rounding explains: so far the close
    surroundings count, and not the wide ones.
    """
    for x in range(small.shape[1]):
        blue, green, red, variance = mean[y, 0, x], mean[y, 1, x], mean[y, 2, x], mean[y, 3, x]
        luma = luminance(blue, green, red)
        shade = fma(luma, F(-1 / 255), F(1))
        grain = chroma_noise * shade * shade
        coarse = rounding * max(fma(min(blue, green, red), F(-1 / STEEP), F(1)), F(0))
        noise = fma(grain, grain, fma(coarse, coarse, HALVED))
        small[0, x], small[1, x], small[2, x] = blue - luma, red - luma, F(1) - noise / max(variance, noise)
        small[LUMA, x] = luma


@njit(**JIT)
def enlarge(small: np.ndarray, wide: np.ndarray, at: int) -> None:
    """Enlarge luminance fourfold, linearly, edges held; it becomes row `at`."""
    last, width = small.shape[1] - 1, wide.shape[1]
    for x in range(last):
        value = small[LUMA, x]
        step = (small[LUMA, x + 1] - value) * F(0.125)
        wide[at, 4 * x + 2] = value + step
        wide[at, 4 * x + 3] = value + F(3) * step
        wide[at, 4 * x + 4] = value + F(5) * step
        wide[at, 4 * x + 5] = value + F(7) * step
    wide[at, 0] = wide[at, 1] = small[LUMA, 0]
    for x in range(4 * last + 2, width):
        wide[at, x] = small[LUMA, last]


@njit(**JIT)
def double(small: np.ndarray, c: int, wide: np.ndarray, at: int) -> None:
    """Enlarge row c twofold, linearly, edges held; it becomes row c of picture `at`."""
    last, width = small.shape[1] - 1, wide.shape[2]
    for x in range(last):
        value = small[c, x]
        step = (small[c, x + 1] - value) * F(0.25)
        wide[at, c, 2 * x + 1] = value + step
        wide[at, c, 2 * x + 2] = value + F(3) * step
    wide[at, c, 0] = small[c, 0]
    for x in range(2 * last + 1, width):
        wide[at, c, x] = small[c, last]


@njit(**JIT)
def surround(half: np.ndarray, y: int, wide: np.ndarray, between: Between, around: np.ndarray) -> None:
    """Write the chroma, of blue and of red, around row y of the half-size picture (2 x W // 2).

    It is that row's own as far as `own` says, the third of `wide`, and else that of the wide surroundings.
    """
    above, beneath, weight = between
    for x in range(around.shape[1]):
        blue, green, red = F(half[y, 3 * x]), F(half[y, 3 * x + 1]), F(half[y, 3 * x + 2])
        luma = luminance(blue, green, red)
        own = amid(wide[above, 2, x], wide[beneath, 2, x], weight)
        around[0, x] = amid(amid(wide[above, 0, x], wide[beneath, 0, x], weight), blue - luma, own)
        around[1, x] = amid(amid(wide[above, 1, x], wide[beneath, 1, x], weight), red - luma, own)


@njit(inline="always")
def between_rows(y: int, times: int, last: int) -> Between:
    """Return between which rows of a picture that is so many times smaller, the last of them `last`, row y lies."""
    place = min(max((y + 0.5) / times - 0.5, 0.0), float(last))
    row = int(place)
    return row, min(row + 1, last), F(place - row)


@njit(inline="always")
def held_in(between: Between) -> Between:
    """Return in which of two places these rows are held."""
    return between[0] % 2, between[1] % 2, between[2]


@njit(**JIT)
def hold_luma(
    mean: np.ndarray,
    y: int,
    unexplained: tuple[np.float32, np.float32],
    small: np.ndarray,
    wide: np.ndarray,
    held: np.ndarray,
) -> Between:
    """See to it that `wide` holds the two rows of enlarged luminance that row y lies between; return where.

    `held` are the rows that it holds.
    """
    rows = between_rows(y, 4, mean.shape[0] - 1)
    for row in rows[:2]:
        if held[row % 2] != row:
            held[row % 2] = row
            part(mean, row, *unexplained, small)
            enlarge(small, wide, row % 2)
    return held_in(rows)


@njit(**JIT)
def hold_chroma(
    half: np.ndarray,
    mean: np.ndarray,
    y: int,
    unexplained: tuple[np.float32, np.float32],
    small: np.ndarray,
    wide: np.ndarray,
    around: np.ndarray,
    chroma: np.ndarray,
    held: np.ndarray,
) -> Between:
    """See to it that `chroma` holds the two rows of enlarged chroma that row y lies between; return where.

    The last two of `held` are the rows that `wide` holds, of the quarter-size picture, and those that `chroma` holds,
    of the half-size one.
    """
    rows = between_rows(y, 2, half.shape[0] - 1)
    for row in rows[:2]:
        if held[2, row % 2] != row:
            held[2, row % 2] = row
            mean_rows = between_rows(row, 2, mean.shape[0] - 1)
            for mean_row in mean_rows[:2]:
                if held[1, mean_row % 2] != mean_row:
                    held[1, mean_row % 2] = mean_row
                    part(mean, mean_row, *unexplained, small)
                    for c in range(3):
                        double(small, c, wide, mean_row % 2)
            surround(half, row, wide, held_in(mean_rows), around)
            for c in range(2):
                double(around, c, chroma, row % 2)
    return held_in(rows)


@njit(**JIT)
def smooth(
    luma: np.ndarray,
    looked_at: tuple[int, int, int, int, int],
    wide: np.ndarray,
    between: Between,
    fresh: np.ndarray,
    n: int,
    reach: np.float32,
    touch: np.float32,
    taken: np.float32,
    calm: np.ndarray,
    dark: np.ndarray,
) -> None:
    """Write what the bilateral filter makes of each pixel of a row, the middle one of five that are looked at.

    The four pixels that touch it count at least `touch`, so that a speck unlike all around it goes, too. Bright
    surroundings are denoised less, by the factor that is written to `dark`, and so are pixels that the past has
    denoised.
    """
    top, upper, here, lower, bottom = looked_at
    above, beneath, weight_beneath = between
    for x in range(calm.shape[0]):  # more than there are
        own = luma[here, MARGIN + x]
        around = amid(wide[above, x], wide[beneath, x], weight_beneath)
        shade = fma(around, F(-1 / 255), F(1))
        dark[x] = shade * shade
        share = shade * shade * fma(F(1) - STILL, fresh[n, x], STILL)
        limit = reach * share
        most = fma(limit, limit, F(1e-6))
        least = touch * share * most
        total, weight = F(0), most  # the pixel itself; a neighbour counts the less, the more it departs
        for i in range(0, 5, 4):
            away = luma[here, MARGIN - 2 + x + i] - own
            alike = max(fma(-away, away, most), F(0))
            total, weight = fma(alike, away, total), weight + alike
        for i in range(1, 4, 2):
            away = luma[upper, MARGIN - 2 + x + i] - own
            alike = max(fma(-away, away, most), F(0))
            total, weight = fma(alike, away, total), weight + alike
            away = luma[lower, MARGIN - 2 + x + i] - own
            alike = max(fma(-away, away, most), F(0))
            total, weight = fma(alike, away, total), weight + alike
            away = luma[here, MARGIN - 2 + x + i] - own
            alike = max(fma(-away, away, most), least)
            total, weight = fma(alike, away, total), weight + alike
        away = luma[top, MARGIN + x] - own
        alike = max(fma(-away, away, most), F(0))
        total, weight = fma(alike, away, total), weight + alike
        away = luma[bottom, MARGIN + x] - own
        alike = max(fma(-away, away, most), F(0))
        total, weight = fma(alike, away, total), weight + alike
        away = luma[upper, MARGIN + x] - own
        alike = max(fma(-away, away, most), least)
        total, weight = fma(alike, away, total), weight + alike
        away = luma[lower, MARGIN + x] - own
        alike = max(fma(-away, away, most), least)
        total, weight = fma(alike, away, total), weight + alike
        calm[x] = fma(taken, total / weight, own)


@njit(**JIT)
def copy(luma: np.ndarray, here: int, wide: np.ndarray, between: Between, calm: np.ndarray, dark: np.ndarray) -> None:
    """Write what `smooth` does where there is no noise: the pixels themselves, and `dark`."""
    above, beneath, weight = between
    for x in range(calm.shape[0]):
        shade = fma(amid(wide[above, x], wide[beneath, x], weight), F(-1 / 255), F(1))
        calm[x], dark[x] = luma[here, MARGIN + x], shade * shade


@njit(**JIT)
def deblock(
    wide: np.ndarray, between: Between, dark: np.ndarray, blocks: np.float32, rounding: np.float32, calm: np.ndarray
) -> None:
    """Move each pixel of a row that departs little from its surroundings to them."""
    above, beneath, weight = between
    for x in range(calm.shape[0]):
        away = calm[x] - amid(wide[above, x], wide[beneath, x], weight)
        reach = max(blocks * dark[x] * dark[x], rounding * near_black(dark[x]))
        near = max(F(1) - away * away / fma(F(9) * reach, reach, F(1e-6)), F(0))
        calm[x] = fma(-clamp(away, reach), near, calm[x])


@njit(**JIT)
def recolour(
    frame: np.ndarray,
    y: int,
    calm: np.ndarray,
    dark: np.ndarray,
    chroma: np.ndarray,
    between: Between,
    chroma_limit: np.float32,
    rounding: np.float32,
    levels: np.ndarray,
    at: int,
    attention: np.ndarray,
    n: int,
) -> None:
    """Give row y its calm luminance, cut off small departures from the chroma around it, write its attention map.

    A colour near black may be cut off by `rounding`, however bright the others are: beside a red lamp, green is rounded
    to one level or none.
    """
    above, beneath, weight = between
    less = rounding * F(1 / STEEP)
    for x in range(attention.shape[1]):
        blue, green, red = F(frame[y, 3 * x]), F(frame[y, 3 * x + 1]), F(frame[y, 3 * x + 2])
        luma = luminance(blue, green, red)
        attention[n, x] = np.uint8(np.int32(F(255.5) - luma))
        limit = chroma_limit * dark[x]
        to_blue = amid(chroma[above, 0, x], chroma[beneath, 0, x], weight)
        to_red = amid(chroma[above, 1, x], chroma[beneath, 1, x], weight)
        to_green = fma(to_blue, -BLUE / GREEN, to_red * (-RED / GREEN))
        shift = calm[x] - luma
        blue += shift - clamp(blue - luma - to_blue, max(limit, fma(-less, blue, rounding)))
        green += shift - clamp(green - luma - to_green, max(limit, fma(-less, green, rounding)))
        red += shift - clamp(red - luma - to_red, max(limit, fma(-less, red, rounding)))
        blue, green, red = min(max(blue, F(0)), F(255)), min(max(green, F(0)), F(255)), min(max(red, F(0)), F(255))
        levels[at, 0, x], levels[at, 1, x], levels[at, 2, x] = blue, green, red
        levels[at, LUMA, x] = luminance(blue, green, red)


@njit(inline="always")
def knot(tiles: np.ndarray, row: int, tile: int, c: int, k: int) -> np.float32:
    """Return the value in levels of knot k of the curve for B, G, R or luminance, which is the mean of theirs."""
    if c < LUMA:
        return unit(tiles[(2 - c) * KNOTS + k, row, tile]) * F(255)
    red, green, blue = (
        unit(tiles[k, row, tile]),
        unit(tiles[KNOTS + k, row, tile]),
        unit(tiles[2 * KNOTS + k, row, tile]),
    )
    return luminance(blue, green, red) * F(255)


@njit(**JIT)
def bend_tile(tiles: np.ndarray, row: int, tile: int, bends: np.ndarray, at: int) -> None:
    """Write how the curves of a tile bend: 9 numbers for each of B, G, R and luminance, and u; from column `at` on.

    A curve is a constant plus, for all its knots but the last, max(root, knot) times how much its slope changes there;
    root is the square root of a level. The nine numbers are these seven bends, the constant that goes with the first
    `FEW` of them, and the one that goes with all.
    """
    for c in range(LUMA + 1):
        to = at + c * (KNOTS + 1)
        value, slope = knot(tiles, row, tile, c, 0), F(0)
        constant = value
        for k in range(KNOTS - 1):
            above = knot(tiles, row, tile, c, k + 1)
            rise = (above - value) * (F(1) / KNOT_1)
            bends[row, to + k] = rise - slope
            constant -= (rise - slope) * (F(k) * KNOT_1)
            if k == FEW - 1:
                bends[row, to + KNOTS - 1] = constant
            value, slope = above, rise
        bends[row, to + KNOTS] = constant
    u = tiles[-1, row, tile]
    bends[row, at + EACH - 1] = F(1) if u >= ALIKE else u


@njit(**JIT)
def bend(tiles: np.ndarray, bends: np.ndarray) -> None:
    """Write how the curves of two rows of tiles bend: for each span the left ones, then how the right ones differ."""
    last = tiles.shape[2] - 1
    for row in range(2):
        for tile in range(last + 1):
            bend_tile(tiles, row, tile, bends, EACH * (tile + 1))
        for i in range(EACH):
            bends[row, i] = bends[row, EACH + i]
        for span in range(last + 2):
            left, right = EACH * span, EACH * (min(span, last) + 1)
            for i in range(EACH):
                bends[row, RISES + left + i] = bends[row, right + i] - bends[row, left + i]


@njit(**JIT)
def blend(bends: np.ndarray, below: np.float32) -> None:
    """Blend what belongs to the tiles above and below a row, weights 1 - below and below, into the third of bends."""
    for i in range(bends.shape[1]):
        bends[2, i] = amid(bends[0, i], bends[1, i], below)


@njit(forceinline=True, **JIT)
def is_dark(bits: np.ndarray, at: int, span: Span) -> bool:
    """Return whether no level of a span lies above `DARK_BITS`; `bits` are levels as int32, whose order is the same."""
    first, count, most = span[0], span[1], np.int32(0)
    for i in range(count):
        most = max(most, bits[at, 0, first + i], bits[at, 1, first + i], bits[at, 2, first + i])
    return most <= DARK_BITS


@njit(forceinline=True, **JIT)
def curve(
    levels: np.ndarray,
    at: int,
    c: int,
    span: Span,
    bends: np.ndarray,
    right: np.ndarray,
    straight: np.float32,
    made: np.ndarray,
) -> None:
    """Write what the curves c of a span's two tiles make of a row of levels between them.

    `straight` is the share of the way to their first knot on which curves are no root.
    """
    first, count, begin = span
    one = begin + c * (KNOTS + 1)
    more = RISES + one
    a0, a1, a2, a3 = bends[2, one], bends[2, one + 1], bends[2, one + 2], bends[2, one + 3]
    a4, a5, a6, a = bends[2, one + 4], bends[2, one + 5], bends[2, one + 6], bends[2, one + 8]
    b0, b1, b2, b3 = bends[2, more], bends[2, more + 1], bends[2, more + 2], bends[2, more + 3]
    b4, b5, b6, b = bends[2, more + 4], bends[2, more + 5], bends[2, more + 6], bends[2, more + 8]
    steep = F(1) / (KNOT_1 * straight + F(1e-6))
    for i in range(count):
        value = levels[at, c, first + i]
        root = np.sqrt(value)
        toe = min(root, steep * value)
        k1, k2, k3 = max(root, KNOT_1), max(root, KNOT_2), max(root, KNOT_3)
        k4, k5, k6 = max(root, KNOT_4), max(root, KNOT_5), max(root, KNOT_6)
        left = fma(a0, toe, fma(a1, k1, fma(a2, k2, a))) + fma(a3, k3, fma(a4, k4, fma(a5, k5, a6 * k6)))
        rise = fma(b0, toe, fma(b1, k1, fma(b2, k2, b))) + fma(b3, k3, fma(b4, k4, fma(b5, k5, b6 * k6)))
        made[c, first + i] = fma(rise, right[first + i], left)


@njit(forceinline=True, **JIT)
def dark_curve(
    levels: np.ndarray,
    at: int,
    c: int,
    span: Span,
    bends: np.ndarray,
    right: np.ndarray,
    straight: np.float32,
    made: np.ndarray,
) -> None:
    """Write the same as `curve` of levels up to `DARK_BITS`."""
    first, count, begin = span
    one = begin + c * (KNOTS + 1)
    more = RISES + one
    a0, a1, a2, a3, a = bends[2, one], bends[2, one + 1], bends[2, one + 2], bends[2, one + 3], bends[2, one + 7]
    b0, b1, b2, b3, b = bends[2, more], bends[2, more + 1], bends[2, more + 2], bends[2, more + 3], bends[2, more + 7]
    steep = F(1) / (KNOT_1 * straight + F(1e-6))
    for i in range(count):
        value = levels[at, c, first + i]
        root = np.sqrt(value)
        toe = min(root, steep * value)
        k1, k2, k3 = max(root, KNOT_1), max(root, KNOT_2), max(root, KNOT_3)
        left = fma(a0, toe, fma(a1, k1, fma(a2, k2, fma(a3, k3, a))))
        rise = fma(b0, toe, fma(b1, k1, fma(b2, k2, fma(b3, k3, b))))
        made[c, first + i] = fma(rise, right[first + i], left)


@njit(forceinline=True, **JIT)
def mix(span: Span, bends: np.ndarray, right: np.ndarray, made: np.ndarray) -> None:
    """Blend two tiles' u."""
    first, count, begin = span
    u = begin + EACH - 1
    left, rise = bends[2, u], bends[2, RISES + u]
    for i in range(count):
        made[LUMA + 1, first + i] = fma(rise, right[first + i], left)


@njit(**JIT)
def draw(levels: np.ndarray, bits: np.ndarray, at: int, tones: Tones, n: int) -> None:
    """Write what the curves make of row n and of its luminance, and u; its levels are row `at`, `bits` them as int32.

    Where u is 1 nobody asks for the colours' own curves, and what is there stays. What is worked out beyond the end of
    a span the next overwrites.
    """
    _, below, spans, right, whole, _, bends, made = tones
    straight = STRAIGHTEST * F(whole)
    blend(bends, below[n])
    for i in range(spans.shape[1]):
        span = (spans[0, i], spans[1, i], EACH * i)
        mix(span, bends, right, made)
        u = span[2] + EACH - 1
        asked = LUMA if bends[2, u] == 1 and bends[2, RISES + u] == 0 else 0  # the first of the curves that is
        if is_dark(bits, at, span):
            for c in range(asked, LUMA + 1):
                dark_curve(levels, at, c, span, bends, right, straight, made)
        else:
            for c in range(asked, LUMA + 1):
                curve(levels, at, c, span, bends, right, straight, made)


@njit(**JIT)
def change(levels: np.ndarray, at: int, tones: Tones, out: np.ndarray, n: int) -> None:
    """Write the enhanced row n, as `generators.curve_grid` says; near black, chroma fades, by `doubt` further up."""
    doubt, made = F(tones[5]), tones[7]
    rise = F(1) / (amid(SURE, SURER, doubt) - UNSURE)
    for x in range(out.shape[1] // 3):
        blue, green, red, luma = levels[at, 0, x], levels[at, 1, x], levels[at, 2, x], levels[at, LUMA, x]
        weight = fma(luma, F(-1 / 255), F(1))
        lift = made[LUMA, x] - luma
        strongest = max(blue, green, red)
        sure = unit((strongest - UNSURE) * rise)
        own = (F(1) - made[LUMA + 1, x]) * sure
        grey = (F(1) - sure) * unit(lift * F(1 / LIFTED))
        lit = max(luma * F(1 / 255), strongest * strongest * F(1 / 255**2))
        alike = fma(grey, luma, fma(-own, lift, lift) * (F(1) - lit))
        own *= weight
        same = F(1) - grey - own
        out[n, 3 * x] = level(fma(blue, same, fma(made[0, x], own, alike)))
        out[n, 3 * x + 1] = level(fma(green, same, fma(made[1, x], own, alike)))
        out[n, 3 * x + 2] = level(fma(red, same, fma(made[2, x], own, alike)))


@njit(**JIT)
def tone(levels: np.ndarray, bits: np.ndarray, at: int, tones: Tones, out: np.ndarray, n: int) -> None:
    """Write the enhanced row n of row `at` of levels; `bits` are levels as int32, and how curves bend is known."""
    draw(levels, bits, at, tones, n)
    change(levels, at, tones, out, n)


@kept
def unpack(frame: np.ndarray, levels: np.ndarray, attention: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Split rows, write their attention map, and enhance them; if `out` has no rows, leave them for `enhance`."""
    is_whole = out.shape[0] > 0
    bend(tones[0], tones[6])
    bits = levels.view(np.int32)
    for n in range(frame.shape[0]):
        at = 0 if is_whole else n
        split(frame, n, levels, at, attention, n)
        if is_whole:
            tone(levels, bits, at, tones, out, n)


@kept
def clean(
    frame: np.ndarray,
    first: int,
    how: Denoising,
    luma: np.ndarray,
    fresh: np.ndarray,
    planes: np.ndarray,
    levels: np.ndarray,
    attention: np.ndarray,
    tones: Tones,
    out: np.ndarray,
) -> None:
    """Denoise rows, from row `first` on, write their attention map, and enhance them; or leave them as `unpack` does.

    `luma` and `fresh` are as from `luminance.follow`; or `luma` as from `luminance.see`, and `fresh` without rows.
    `planes` is scratch, float32 14 x P.
    """
    is_whole, is_fresh = out.shape[0] > 0, fresh.shape[0] == 0
    bend(tones[0], tones[6])
    bits = levels.view(np.int32)
    half, mean, luma_reach, touch, taken, chroma_reach, chroma_noise, blocks, rounding = how
    wide, calm, dark = planes[:2], planes[2], planes[3]
    wide_chroma, chroma = planes[4:7].reshape(2, 3, -1), planes[7:11].reshape(2, 2, -1)  # the first of half the width
    small = planes[11, : 4 * mean.shape[2]].reshape(4, -1)
    near_chroma = planes[12, : 2 * (half.shape[1] // 3)].reshape(2, -1)
    shares = planes[13:] if is_fresh else fresh
    planes[13] = 1
    held, unexplained = np.full((3, 2), -1), (F(chroma_noise), F(rounding))
    end, to = frame.shape[0] - 1, 2 - first  # from a row of the frame to one of luma
    for n in range(attention.shape[0]):
        y = first + n
        between = hold_luma(mean, y, unexplained, small, wide, held[0])
        looked_at = (max(y - 2, 0) + to, max(y - 1, 0) + to, n + 2, min(y + 1, end) + to, min(y + 2, end) + to)
        strength = (F(luma_reach), F(touch), F(taken))
        if luma_reach > 0:
            smooth(luma, looked_at, wide, between, shares, 0 if is_fresh else n, *strength, calm, dark)
        else:
            copy(luma, n + 2, wide, between, calm, dark)
        if blocks > 0 or rounding > 0:
            deblock(wide, between, dark, F(blocks), F(rounding), calm)
        at, limits = 0 if is_whole else n, (F(chroma_reach), F(rounding))
        between = hold_chroma(half, mean, y, unexplained, small, wide_chroma, near_chroma, chroma, held)
        recolour(frame, y, calm, dark, chroma, between, *limits, levels, at, attention, n)
        if is_whole:
            tone(levels, bits, at, tones, out, n)


@kept
def enhance(levels: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Enhance rows that were left by `unpack` or `clean`."""
    bend(tones[0], tones[6])
    bits = levels.view(np.int32)
    for n in range(out.shape[0]):
        tone(levels, bits, n, tones, out, n)
