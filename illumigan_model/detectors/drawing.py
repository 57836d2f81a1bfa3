"""Boxes drawn into a frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from illumigan_model.detectors.detections import Detections

FONT = cv2.FONT_HERSHEY_SIMPLEX
BLACK = (0, 0, 0)
COLOURS = (
    (80, 200, 255), (120, 255, 120), (255, 200, 60), (200, 120, 255), (60, 140, 255), (255, 255, 120), (180, 180, 255),
)  # fmt: skip
"""Light ones, BGR, as nights are dark; a class has the one of its number, over and over."""

Colour = tuple[int, int, int]


def draw_detections(bgr: np.ndarray, seen: Detections) -> np.ndarray:
    """Return a copy of a frame (uint8 H x W x 3) with each detection's box, class and score."""
    picture = np.array(bgr, order="C")
    for box, score, number in zip(seen.boxes, seen.scores, seen.classes, strict=True):
        draw_box(picture, box, COLOURS[int(number) % len(COLOURS)], f"{seen.names[int(number)]} {score:.2f}")
    return picture


def draw_box(picture: np.ndarray, box: Sequence[float] | np.ndarray, colour: Colour, text: str = "") -> None:
    """Draw a box (left, top, right, bottom) into a frame, its text on a bar above it, or in it at the frame's top."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(float(side)) for side in np.clip(box, 0, (width - 1, height - 1) * 2))
    weight = max(1, round(height / 400))
    cv2.rectangle(picture, (left, top), (right, bottom), colour, weight)
    if not text:
        return
    scale = max(0.35, height / 1200)
    (wide, high), below = cv2.getTextSize(text, FONT, scale, weight)
    foot = top if top >= high + below else min(height - 1, top + high + below)
    start = max(0, min(left, width - wide - 1))
    cv2.rectangle(picture, (start, foot - high - below), (start + wide, foot), colour, cv2.FILLED)
    cv2.putText(picture, text, (start, foot - below // 2), FONT, scale, BLACK, weight, cv2.LINE_AA)
