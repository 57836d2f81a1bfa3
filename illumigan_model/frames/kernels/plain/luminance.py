"""Luminance of rows of pixels, as it is or followed over time; arrays as in `compiled.luminance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.frames.kernels.plain.rows import LUMA_BGR

if TYPE_CHECKING:
    from illumigan_model.frames.past_luminance import Recall

EDGE = 2
SIDE = 4  # pixels to the left and to the right that the wider look at what has moved takes in
MARGIN = 16  # as in `frames.row_memory`


def luminance(frame: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """Return the luminance of the rows top..bottom."""
    return frame[top:bottom].reshape(bottom - top, -1, 3).astype(np.float32) @ LUMA_BGR


def write(rows: np.ndarray, luma: np.ndarray, at: int) -> None:
    """Write rows into `luma` from row `at` on."""
    place = luma[at : at + len(rows), MARGIN - EDGE : MARGIN + rows.shape[1] + EDGE]
    place[:] = cv2.copyMakeBorder(rows, 0, 0, EDGE, EDGE, cv2.BORDER_REPLICATE)


def see(frame: np.ndarray, first: int, luma: np.ndarray) -> None:
    """Write the luminance of rows from `first` on as it is."""
    top, bottom = max(first - EDGE, 0), min(first + len(luma) - EDGE, len(frame))
    write(luminance(frame, top, bottom), luma, top - first + EDGE)


def follow(
    frame: np.ndarray, first: int, recall: Recall, luma: np.ndarray, fresh: np.ndarray, lines: np.ndarray
) -> None:
    """Write the luminance of rows from `first` on, joined with the past, and keep the rows for the future."""
    last = first + len(fresh)
    top, bottom = max(first - EDGE, 0), min(last + EDGE, len(frame))
    rows = np.clip(np.arange(top - 1, bottom + 1), 0, len(frame) - 1)
    here = frame[rows].reshape(len(rows), -1, 3).astype(np.float32) @ LUMA_BGR
    away = here - recall.past[rows] * np.float32(1 / 256) - np.float32(recall.fade)
    around = cv2.copyMakeBorder(away, 0, 0, SIDE, SIDE, cv2.BORDER_REPLICATE)
    near, wide = (cv2.boxFilter(around, -1, (width, 3))[1:-1, SIDE:-SIDE] for width in (3, 2 * SIDE + 1))
    here, away = here[1:-1], away[1:-1]
    limit = recall.reach * (1 - here / 255)
    departure = np.maximum(np.abs(near), recall.keen * np.abs(wide))
    share = np.clip(departure**2 / (limit * limit + 1e-6), recall.least, 1).astype(np.float32)
    here -= away * (1 - share)
    write(here, luma, top - first + EDGE)
    fresh[:, : frame.shape[1] // 3] = share[first - top : last - top]
    recall.present[first:last] = np.clip(here[first - top : last - top], 0, 255) * np.float32(256) + np.float32(0.5)
