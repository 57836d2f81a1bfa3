"""What an enhanced video is measured by, frame by frame and from one frame to the next; frames are uint8 BGR H x W x 3.

The warped error tells what enhancement does to time, beside `flicker`: noise and edges that change while the scene does
not. Noise and blocks tell what it makes visible.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8, mean_luma
from illumigan_model.frames.baselines import auto_gamma
from illumigan_model.frames.noise import estimate_noise
from illumigan_training.evaluation.metrics import psnr, ssim

BLOCK = 8  # pixels; what codecs work in, or half of it
DARK = 48  # levels below which blocks are looked for in the input
LEAST_DARK = 0.02  # share of the frame
CONSISTENT = 1.0  # pixels by which the way there and back may miss where a place is seen in both frames
SMOOTHING = 1.5  # pixels; noise has no motion
LEAST_NOISE = 0.2  # levels of noise in the input from which on its gain says something


class Motion(NamedTuple):
    """Where each place was in the frame before.

    `columns` and `rows` are float32 H x W, in pixels; `seen` (bool H x W) says which places were in view there.
    """

    columns: np.ndarray
    rows: np.ndarray
    seen: np.ndarray


def guide(bgr: np.ndarray) -> np.ndarray:
    """Return the picture, uint8 H x W, that motion is seen in: the frame made lighter, and smoothed."""
    return cv2.GaussianBlur(luminance_u8(auto_gamma(bgr)), (0, 0), SMOOTHING)


def see_motion(before: np.ndarray, now: np.ndarray) -> Motion:
    """Return the motion between two guides of one size: DIS optical flow (Kroeger et al., ECCV 2016), there and back.

    A place counts as seen in both where the way there and back ends where it began (Sundaram et al., ECCV 2010).
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    back, there = (flow.calc(first, second, np.empty(0)) for first, second in ((now, before), (before, now)))
    height, width = now.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    columns, rows = x + back[:, :, 0], y + back[:, :, 1]
    returned = cv2.remap(there, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = np.hypot(*np.moveaxis(back + returned, 2, 0))
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return Motion(columns, rows, (missed < CONSISTENT) & inside)


def warped_error(before: np.ndarray, now: np.ndarray, motion: Motion) -> float:
    """Return by how many levels (root mean square) a frame differs from the one before, moved to where things are now.

    Lai et al., "Learning Blind Video Temporal Consistency" (ECCV 2018); only what is seen in both counts. NaN if
    nothing is.
    """
    if not motion.seen.any():
        return float("nan")
    moved = cv2.remap(before, motion.columns, motion.rows, cv2.INTER_LINEAR)
    differences = now[motion.seen].astype(np.float32) - moved[motion.seen]
    return float(np.sqrt(np.mean(np.square(differences))))


def blockiness(bgr: np.ndarray, source: np.ndarray) -> float:
    """Return how many times larger steps of luminance are at the edges of 8 x 8 blocks than between other pixels.

    Only places that are dark in `source`, the input, count; NaN where there are next to none. 1 is a picture without
    blocks.
    """
    is_dark = luminance_u8(source) < DARK
    if is_dark.mean() < LEAST_DARK:
        return float("nan")
    light = luminance_u8(bgr).astype(np.int16)
    at_edges, elsewhere = [], []
    for picture, dark in ((light, is_dark), (light.T, is_dark.T)):
        steps, both = np.abs(np.diff(picture, axis=1)), dark[:, 1:] & dark[:, :-1]
        is_edge = np.arange(1, picture.shape[1]) % BLOCK == 0
        at_edges.append(steps[:, is_edge][both[:, is_edge]])
        elsewhere.append(steps[:, ~is_edge][both[:, ~is_edge]])
    inside = float(np.concatenate(elsewhere).mean()) if any(len(part) for part in elsewhere) else 0.0
    edges = float(np.concatenate(at_edges).mean()) if any(len(part) for part in at_edges) else 0.0
    return edges / inside if inside else float("nan")


def noise_gain(made: np.ndarray, source: np.ndarray) -> float:
    """Return how many times noisier the result is than the input; NaN where that has next to no noise."""
    before = estimate_noise(source).sigma
    return estimate_noise(made).sigma / before if before >= LEAST_NOISE else float("nan")


def measure_frame(source: np.ndarray, made: np.ndarray, clean: np.ndarray | None) -> dict[str, float]:
    """Measure what was made of one frame.

    Args:
        source: the input.
        made: the result, of the same size.
        clean: what the method made of the same frame without noise.

    Returns:
        numbers by name: "luma" (mean luminance, 0..1), "noise_gain", "blocks"; with `clean` "psnr" and "ssim" to it.
    """
    values = {"luma": mean_luma(made), "noise_gain": noise_gain(made, source), "blocks": blockiness(made, source)}
    if clean is not None:
        values |= {"psnr": psnr(made, clean), "ssim": ssim(made, clean)}
    return values
