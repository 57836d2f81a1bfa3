"""Pictures for people: input and output side by side, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GAP = 6


def as_bgr(picture: np.ndarray) -> np.ndarray:
    """Return a grey (HxW) or BGR (HxWx3) uint8 picture as BGR."""
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture


def labelled(picture: np.ndarray, text: str) -> np.ndarray:
    """Return a copy with a text in its upper left corner, white on a dark edge so that it reads on any ground."""
    copy = as_bgr(picture).copy()
    scale = max(0.35, copy.shape[0] / 720)
    origin = (round(12 * scale), round(34 * scale))
    weight = max(1, round(2 * scale))
    cv2.putText(copy, text, origin, FONT, scale, BLACK, weight * 3, cv2.LINE_AA)
    cv2.putText(copy, text, origin, FONT, scale, WHITE, weight, cv2.LINE_AA)
    return copy


def side_by_side(original: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """Return input and enhanced frame, both uint8 HxWx3 BGR of one size, beside each other with labels."""
    return np.hstack([labelled(original, "input"), labelled(enhanced, "enhanced")])


def contact_sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]], columns: Sequence[str], width: int) -> np.ndarray:
    """Return one picture with labelled rows of pictures.

    Args:
        rows: (row title, pictures), each picture uint8 HxW or HxWx3 BGR; as many pictures as columns.
        columns: column titles, drawn into the first row.
        width: width of each cell in pixels; the height follows each picture's shape.
    """
    lines = []
    for index, (title, pictures) in enumerate(rows):
        cells = []
        for column, picture in enumerate(pictures):
            height = max(1, round(picture.shape[0] * width / picture.shape[1]))
            shrinks = width < picture.shape[1]
            small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            parts = [columns[column]] if index == 0 else []
            parts += [title] if column == 0 else []
            cells.append(_framed(labelled(small, ", ".join(parts))))
        lines.append(np.hstack(cells))
    return np.vstack(lines)


def _framed(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=WHITE)
