"""Rows of a frame, denoised and given their tone curves; arrays as in `compiled.rows`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.frames.curves import KNOTS, LIFTED, STRAIGHTEST, SURE, SURER, UNSURE

if TYPE_CHECKING:
    from illumigan_model.frames.curves import Tones
    from illumigan_model.frames.noise import Denoising

LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)
REACH = 2  # rows and columns that the bilateral filter looks at around a pixel
NEAR = range(-REACH, REACH + 1)
MARGIN = 16  # as in `frames.row_memory`
STEEP = 24  # level up to which curves are so steep that whole levels show
DEEP = (1 - STEEP / 255) ** 2  # share of a place at that level
HALVED = 0.1  # variance of chroma that comes of a frame halved twice, each time in whole levels
STILL = np.float32(0.4)  # share of the denoising that a place still gets where nothing has moved for long
ALIKE = 0.99  # u from which on it is taken for 1
NEIGHBOURS = [(dy, dx) for dy in NEAR for dx in NEAR if abs(dy) + abs(dx) <= REACH]


def unpack(frame: np.ndarray, levels: np.ndarray, attention: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Split rows, write their attention map, and enhance them; if `out` is empty leave them for `enhance`."""
    block = frame.reshape(*attention.shape, 3).transpose(0, 2, 1).astype(np.float32)
    attention[:] = attend(block)
    hand_on(block, levels, tones, out)


def hand_on(block: np.ndarray, levels: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Enhance a block, float32 n x 3 x W; or leave it for later."""
    if len(out):
        write(block, tones, out)
    else:
        levels[: len(block), :3, : block.shape[2]] = block


def enhance(levels: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Enhance rows that were left by `unpack` or `clean`."""
    write(levels[: len(out), :3, : out.shape[1] // 3], tones, out)


def attend(levels: np.ndarray) -> np.ndarray:
    """Return the attention map 255 - luminance of a block."""
    return (np.float32(255.5) - luminance(levels)).astype(np.uint8)


def luminance(levels: np.ndarray) -> np.ndarray:
    """Return the luminance (float32 n x W) of a block."""
    return np.einsum("ncw,c->nw", levels, LUMA_BGR)


def draw(levels: np.ndarray, tones: Tones) -> tuple[np.ndarray, np.ndarray]:
    """Return what the curves make of a block's B, G, R and luminance, n x 4 x W, and u, n x 1 x W."""
    rows, _, width = levels.shape
    upper, lower = tones.tiles.transpose(1, 0, 2)
    down, across = tones.below[:rows, None, None], tones.right[:width]
    upper_u, lower_u = (np.where(of[-1] >= ALIKE, np.float32(1), of[-1]) for of in (upper, lower))
    u = upper_u + (lower_u - upper_u) * down[:, 0]
    upper, lower = (np.clip(of[:-1], 0, 1) * np.float32(255) for of in (upper, lower))
    knots = (upper + (lower - upper) * down).reshape(rows, 3, KNOTS, -1)[:, ::-1]
    knots = np.concatenate([knots, np.einsum("nckt,c->nkt", knots, LUMA_BGR)[:, None]], axis=1)
    position = np.sqrt(np.concatenate([levels, luminance(levels)[:, None]], axis=1))
    position *= np.float32((KNOTS - 1) / np.sqrt(255))
    position = np.minimum(position, position * position / np.float32(STRAIGHTEST * tones.whole + 1e-6))
    knot = np.minimum(position.astype(np.int64), KNOTS - 2)
    share = position - knot
    begins = tones.spans[0].astype(np.int64)
    spans = np.repeat(np.arange(len(begins)), np.diff(begins, append=width))
    row, colour = np.arange(rows)[:, None, None], np.arange(4)[:, None]
    sides = []
    for tile in (np.maximum(spans - 1, 0), np.minimum(spans, u.shape[1] - 1)):
        value, above = knots[row, colour, knot, tile], knots[row, colour, knot + 1, tile]
        sides.append((value + (above - value) * share, u[:, None, tile]))
    (left, left_u), (right, right_u) = sides
    return left + (right - left) * across, left_u + (right_u - left_u) * across


def write(clean: np.ndarray, tones: Tones, out: np.ndarray) -> None:
    """Write the enhanced rows of a block."""
    made, u = draw(clean, tones)
    luma = luminance(clean)[:, None]
    change, lift = made[:, :3] - clean, made[:, 3:] - luma
    strongest = clean.max(axis=1, keepdims=True)
    sure = SURE + (SURER - SURE) * tones.doubt
    unsure = 1 - np.clip((strongest - UNSURE) / (sure - UNSURE), 0, 1)
    own = (1 - u) * (1 - unsure)
    grey = unsure * np.clip(lift / LIFTED, 0, 1)
    lit = np.maximum(luma / 255, (strongest / 255) ** 2)
    change = grey * (luma - clean) + (1 - luma / 255) * own * change + (1 - lit) * (1 - own) * lift
    enhanced = np.clip(clean + change, 0, 255) + np.float32(0.5)
    out[:] = enhanced.transpose(0, 2, 1).reshape(len(out), -1)


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
    """Denoise rows from row `first` on, write their attention map, and enhance them; or leave them as `unpack` does."""
    rows, width = attention.shape
    last = first + rows
    block = frame[first:last].reshape(rows, width, 3).transpose(0, 2, 1).astype(np.float32)
    attention[:] = attend(block)
    near_colours = how.rounding * (1 - block / STEEP)
    block -= luminance(block)[:, None]
    mean = how.mean.transpose(0, 2, 1)
    around_luma = luminance(enlarge(mean[:, :, :3], first, last, width))
    share = (1 - around_luma / 255) ** 2
    less = share * (STILL + (1 - STILL) * fresh[:, :width]) if len(fresh) else share
    near = np.clip(np.arange(first - REACH, last + REACH), 0, len(frame) - 1) - first + REACH
    seen = luma[near, MARGIN - REACH : MARGIN + width + REACH]
    calm = smooth(seen, how.luma_reach * less, np.float32(how.touch) * less, how.taken)
    near_black = how.rounding * np.maximum(share - DEEP, 0) / (1 - DEEP)
    reach = np.maximum(how.blocks * share**2, near_black)
    away = calm - around_luma
    calm -= np.clip(away, -reach, reach) * np.maximum(1 - away * away / (9 * reach * reach + 1e-6), 0)
    limit = np.maximum((how.chroma_reach * share)[:, None], near_colours)
    block += calm[:, None] - np.clip(block - surround(how, mean, first, last, width), -limit, limit)
    hand_on(np.clip(block, 0, 255), levels, tones, out)


def surround(how: Denoising, mean: np.ndarray, first: int, last: int, width: int) -> np.ndarray:
    """Return the chroma around each pixel of the rows first..last, n x 3 x W, as `compiled.rows.surround` says.

    `mean` is that of `how`, H // 4 x W // 4 x 4.
    """
    top, bottom = max(first // 2 - 1, 0), min(last // 2 + 1, len(how.half))
    half = how.half[top:bottom].reshape(bottom - top, -1, 3).transpose(0, 2, 1).astype(np.float32)
    share = (1 - mean[:, :, :3] @ LUMA_BGR / 255) ** 2
    coarse = how.rounding * np.maximum(1 - mean[:, :, :3].min(axis=2) / STEEP, 0)
    noise = (how.chroma_noise * share) ** 2 + coarse**2 + HALVED
    chroma = mean[:, :, :3] - (mean[:, :, :3] @ LUMA_BGR)[:, :, None]
    own = 1 - noise / np.maximum(mean[:, :, 3], noise)
    wide = enlarge(np.dstack([chroma, own]), top, bottom, half.shape[2])
    around = wide[:, :3] + wide[:, 3:] * (half - luminance(half)[:, None] - wide[:, :3])
    return enlarge(around.transpose(0, 2, 1), first, last, width, top)


def enlarge(small: np.ndarray, first: int, last: int, width: int, top: int = 0) -> np.ndarray:
    """Return the rows first..last of a smaller picture, enlarged linearly, edges held, n x C x W.

    `small` are its rows from `top` on, to the last that is needed, H' x W // k x C.
    """
    times = width // small.shape[1]
    place = np.clip((np.arange(first, last) + 0.5) / times - 0.5 - top, 0, len(small) - 1).astype(np.float32)
    upper = place.astype(np.int64)
    above, beneath = small[upper], small[np.minimum(upper + 1, len(small) - 1)]
    rows = above + (beneath - above) * (place - upper)[:, None, None]
    wide = cv2.resize(rows, (times * small.shape[1], last - first), interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(wide, 0, 0, 0, width - wide.shape[1], cv2.BORDER_REPLICATE).transpose(0, 2, 1)


def smooth(luma: np.ndarray, limit: np.ndarray, least: np.ndarray, taken: float) -> np.ndarray:
    """Return what the bilateral filter makes of each luminance (n x W; `luma` has two more at each end of both).

    The four pixels that touch one count at least `least`.
    """
    rows, width = limit.shape
    centre = luma[REACH:-REACH, REACH:-REACH]
    tightness = 1 / (limit * limit + np.float32(1e-6))
    total, weight = np.zeros_like(centre), np.zeros_like(centre)
    for dy, dx in NEIGHBOURS:
        away = luma[REACH + dy : REACH + dy + rows, REACH + dx : REACH + dx + width] - centre
        alike = np.maximum(1 - away * away * tightness, least if abs(dy) + abs(dx) == 1 else 0)
        total += alike * away
        weight += alike
    return centre + np.float32(taken) * (total / weight)
