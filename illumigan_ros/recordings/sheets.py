"""Pictures for people: input and output side by side, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GAP = 6
TITLE_HEIGHT = 40


def as_bgr(picture: np.ndarray) -> np.ndarray:
    """Return a grey (HxW) or BGR (HxWx3) uint8 picture as BGR."""
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture


def labelled(picture: np.ndarray, text: str) -> np.ndarray:
    """Return a BGR copy with a text in its upper left corner, on a dark box so that it reads on any ground."""
    copy = as_bgr(picture).copy()
    scale, weight = _text_style(copy.shape[0])
    (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
    margin = height // 2 + 1
    cv2.rectangle(copy, (0, 0), (width + 2 * margin, height + below + 2 * margin), BLACK, cv2.FILLED)
    cv2.putText(copy, text, (margin, height + margin), FONT, scale, WHITE, weight, cv2.LINE_AA)
    return copy


def _text_style(height: int) -> tuple[float, int]:
    """Return font scale and stroke for a picture of this height."""
    scale = max(0.4, height / 800)
    return scale, max(1, round(2 * scale))


def side_by_side(
    original: np.ndarray, enhanced: np.ndarray, labels: tuple[str, str] = ("input", "enhanced")
) -> np.ndarray:
    """Return input and enhanced frame, both uint8 HxWx3 BGR of one size, beside each other with labels."""
    return np.hstack([labelled(original, labels[0]), labelled(enhanced, labels[1])])


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """Return a picture, uint8 HxWx3 BGR, on a dark band with a text."""
    height, width = picture.shape[:2]
    scale, weight = _text_style(height)
    high = cv2.getTextSize(text, FONT, scale, weight)[0][1]
    band = np.zeros((3 * high, width, 3), np.uint8)
    cv2.putText(band, text, (high, 2 * high), FONT, scale, WHITE, weight, cv2.LINE_AA)
    return np.vstack([picture, band])


def contact_sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]], columns: Sequence[str], width: int) -> np.ndarray:
    """Return one picture with rows of pictures under a line of column titles.

    Args:
        rows: (row title, pictures), each picture uint8 HxW or HxWx3 BGR; as many pictures as columns.
        columns: column titles.
        width: width of each cell in pixels; the height follows each picture's shape.
    """
    lines = [np.hstack([_title(title, width) for title in columns])]
    for title, pictures in rows:
        cells = [_fitted(as_bgr(picture), width) for picture in pictures]
        cells[0] = labelled(cells[0], title)
        lines.append(np.hstack([_framed(cell) for cell in cells]))
    return np.vstack(lines)


def _title(text: str, width: int) -> np.ndarray:
    band = np.full((TITLE_HEIGHT, width + GAP, 3), 255, np.uint8)
    scale, weight = 0.8, 2
    (text_width, text_height), _ = cv2.getTextSize(text, FONT, scale, weight)
    origin = ((width - text_width) // 2, (TITLE_HEIGHT + text_height) // 2)
    return cv2.putText(band, text, origin, FONT, scale, BLACK, weight, cv2.LINE_AA)


def _fitted(picture: np.ndarray, width: int) -> np.ndarray:
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    interpolation = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=interpolation)


def _framed(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=WHITE)
