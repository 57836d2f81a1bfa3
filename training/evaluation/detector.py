"""A YOLOX detector in ONNX: frame in, boxes of road users out.

YOLOX (Ge et al. 2021, arXiv 2107.08430) as its authors export it, trained on COCO's 80 classes: the input is BGR in
0..255, scaled to fit and padded with 114 to the right and below; the output holds for each cell of three grids (strides
8, 16, 32) the box relative to its cell, the objectness and the probability of each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.errors import ModelError
from illumigan_model.runtimes.onnx_runtime import open_session
from illumigan_model.system.machine import cores

STRIDES = (8, 16, 32)
COCO_CLASSES = 80
PADDING = 114
THRESHOLD = 0.3
MOST_OVERLAP = 0.45  # intersection over union from which on the weaker of two boxes of a class goes
MOST_LOG_SIZE = 10  # larger ones are not logarithms but sizes: boxes that the network has decoded
PERSON, CAR, BUS, TRUCK = 0, 2, 5, 7


@dataclass(frozen=True)
class Detections:
    """What a detector sees in one frame.

    `boxes` is float32 N x 4: left, top, right and bottom in pixels of the frame; they may reach over its edges.
    `scores` is float32 N in [0, 1], `classes` int N: numbers of COCO's 80 classes.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def of(self, *classes: int) -> Detections:
        """Return the detections of some classes."""
        chosen = np.isin(self.classes, classes)
        return Detections(self.boxes[chosen], self.scores[chosen], self.classes[chosen])


class Detector:
    """A YOLOX detector, `name` is that of its file; the size of its input is its own."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load a detector and let it see one grey picture.

        Args:
            path: ONNX file.
            threads: CPU threads to use; all of the machine's unless given.

        Raises:
            ModelError: the file is missing or damaged, or holds another kind of network.
        """
        if not path.is_file():
            raise ModelError(f"There is no detector {path}; give the ONNX file of a YOLOX.")
        try:
            self._session = open_session(path, threads or cores())
        except ModelError as error:
            raise ModelError(f"{path} cannot be loaded by ONNX Runtime; give the ONNX file of a YOLOX.") from error
        self.name = path.name
        entry = self._session.get_inputs()[0]
        self._input, sides = entry.name, entry.shape[2:]
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 and side % STRIDES[-1] == 0 for side in sides):
            raise foreign(path, f"takes {entry.shape}, and not pictures of a fixed size that is a multiple of 32")
        self.height, self.width = sides
        self._corners, self._strides = cells(self.height, self.width)
        grey = np.full((self.height, self.width, 3), PADDING, np.uint8)
        try:
            answer = self._answer(grey)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise foreign(path, "does not run on one picture of three colours in float32") from error
        if answer.shape != (len(self._corners), 5 + COCO_CLASSES):
            wanted = f"1 x {len(self._corners)} x {5 + COCO_CLASSES}"
            raise foreign(path, f"answers with {' x '.join(map(str, (1, *answer.shape)))} numbers instead of {wanted}")
        if answer[:, 2:4].max() > MOST_LOG_SIZE:
            raise foreign(path, "answers with boxes that are decoded already")

    def detect(self, bgr: np.ndarray, threshold: float = THRESHOLD) -> Detections:
        """Return what is in a frame.

        Args:
            bgr: uint8 H x W x 3.
            threshold: the least objectness x class probability, in [0, 1].
        """
        canvas, scale = letterbox(bgr, self.height, self.width)
        answer = self._answer(canvas)
        classes = answer[:, 5:].argmax(1)
        scores = answer[:, 4] * answer[np.arange(len(answer)), 5 + classes]
        kept = scores >= threshold
        boxes = decode(answer[kept, :4], self._corners[kept], self._strides[kept]) / np.float32(scale)
        seen = Detections(boxes, scores[kept], classes[kept])
        best = suppress(seen, threshold)
        return Detections(seen.boxes[best], seen.scores[best], seen.classes[best])

    def _answer(self, canvas: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)
        answer: np.ndarray = self._session.run(None, {self._input: planes})[0]
        return answer[0]


def foreign(path: Path, what: str) -> ModelError:
    """Return the error for a network that is no YOLOX."""
    return ModelError(f"{path} {what}; give a YOLOX of COCO's 80 classes, exported without decoding in the network.")


def cells(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each cell of the three grids, row by row, its column and row (N x 2) and its stride (N x 1)."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def letterbox(bgr: np.ndarray, height: int, width: int) -> tuple[np.ndarray, float]:
    """Scale a frame so that it fits, pad it to the right and below; return it and the scale."""
    scale = min(height / bgr.shape[0], width / bgr.shape[1])
    inner = (max(1, int(bgr.shape[1] * scale)), max(1, int(bgr.shape[0] * scale)))
    canvas = np.full((height, width, 3), PADDING, np.uint8)
    canvas[: inner[1], : inner[0]] = cv2.resize(bgr, inner, interpolation=cv2.INTER_LINEAR)
    return canvas, scale


def decode(raw: np.ndarray, corners: np.ndarray, strides: np.ndarray) -> np.ndarray:
    """Return boxes (left, top, right, bottom, in pixels of the input) of a network's offsets and log sizes, N x 4."""
    centres = (raw[:, :2] + corners) * strides
    halves = np.exp(raw[:, 2:]) * strides / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def suppress(seen: Detections, threshold: float) -> np.ndarray:
    """Return the indices of the detections that remain when of overlapping ones of a class the best is taken."""
    # Each class gets a place of its own, far from the others: OpenCV can tell classes apart only from 4.7 on.
    apart = seen.classes[:, None] * 2.0 * np.abs(seen.boxes).max(initial=0)
    rectangles = np.concatenate([seen.boxes[:, :2] + apart, seen.boxes[:, 2:] - seen.boxes[:, :2]], axis=1)
    best = cv2.dnn.NMSBoxes(rectangles.tolist(), seen.scores.tolist(), threshold, MOST_OVERLAP)
    return np.asarray(best, int).ravel()
