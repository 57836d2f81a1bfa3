"""Noise: how much there is, and denoising of rows of pixels; arrays as in `compiled.denoise`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.frames.kernels.plain.curves import attend, luminance

if TYPE_CHECKING:
    from illumigan_model.frames.noise import Denoising

REACH = 2  # rows and columns that the bilateral filter looks at around a pixel
NEAR = range(-REACH, REACH + 1)
STILL = np.float32(0.4)  # share of the denoising that a place still gets where nothing has moved for long
NEIGHBOURS = [(dy, dx) for dy in NEAR for dx in NEAR if abs(dy) + abs(dx) <= REACH]


def survey(frame: np.ndarray, rows: np.ndarray, dark: int, pieces: np.ndarray, steps: np.ndarray) -> None:
    """Write what `noise.estimate_noise` wants to know of green along some rows, piece of 16 pixels by piece."""
    green = frame[rows, 1::3].astype(np.int64)
    end = 8 + 16 * pieces.shape[2]
    here = green[:, 8:end]

    def cut(of: np.ndarray) -> np.ndarray:
        return of.reshape(*pieces.shape[1:], 16)

    pieces[0] = cut(here).sum(-1)
    for at, far in ((1, 1), (2, 4)):
        pieces[at] = cut(np.abs(green[:, 8 - far : end - far] + green[:, 8 + far : end + far] - 2 * here)).sum(-1)
    own = cut(np.abs(here - green[:, 7 : end - 1]))[pieces[0] < dark]
    steps[:8] = own.reshape(-1, 8).sum(0)
    steps[8:] = len(own), np.sum(own.sum(-1) == 0)


def clean(
    frame: np.ndarray,
    first: int,
    how: Denoising,
    luma: np.ndarray,
    fresh: np.ndarray,
    planes: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise rows, from row `first` on, into a block, and write their attention map."""
    rows, width = attention.shape
    last = first + rows
    block, block_index = levels[:rows], index[:rows]
    block[:] = frame[first:last].reshape(rows, width, 3).transpose(0, 2, 1)
    attention[:] = attend(block)
    block -= luminance(block)[:, None]
    around = surround(how.mean, first, last, width)
    around_luma = luminance(around)
    share = (1 - around_luma / 255) ** 2
    less = share * (STILL + (1 - STILL) * fresh) if len(fresh) else share
    near = np.clip(np.arange(first - REACH, last + REACH), 0, len(frame) - 1) - first + REACH
    calm = smooth(luma[near], how.luma_reach * less, np.float32(how.touch) * less, np.float32(how.taken))
    if how.blocks > 0:
        away = calm - around_luma
        near_by = np.maximum(1 - away * away / (9 * how.blocks**2), 0)
        calm -= np.clip(away, -how.blocks, how.blocks) * near_by * share**2
    limit = how.chroma_reach * share[:, None]
    block += calm[:, None] - np.clip(block - (around - around_luma[:, None]), -limit, limit)
    np.clip(block, 0, 255, out=block)
    block_index[:] = np.sqrt(block) * np.float32((how.steps - 1) / np.sqrt(255)) + np.float32(0.5)
    block_index += how.offset


def surround(mean: np.ndarray, first: int, last: int, width: int) -> np.ndarray:
    """Return the rows first..last of the mean picture enlarged fourfold, linearly, edges held: n x 3 x W."""
    place = np.clip((np.arange(first, last) + 0.5) / 4 - 0.5, 0, mean.shape[0] - 1).astype(np.float32)
    upper = place.astype(np.int64)
    above, beneath = mean[upper], mean[np.minimum(upper + 1, mean.shape[0] - 1)]
    small = (above + (beneath - above) * (place - upper)[:, None]).reshape(last - first, -1, 3)
    wide = cv2.resize(small, (4 * small.shape[1], last - first), interpolation=cv2.INTER_LINEAR)
    wide = cv2.copyMakeBorder(wide, 0, 0, 0, width - wide.shape[1], cv2.BORDER_REPLICATE)
    return wide.transpose(0, 2, 1)


def smooth(luma: np.ndarray, limit: np.ndarray, least: np.ndarray, taken: np.float32) -> np.ndarray:
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
    return centre + taken * total / weight
