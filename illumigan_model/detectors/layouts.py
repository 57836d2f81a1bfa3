"""How detectors lay out their answers. Which one a network has is told by the shapes of its outputs.

    layout       outputs of a network of K classes                            whose exports look so
    YOLOX        1 x cells x (5 + K); boxes relative to cells, or decoded     YOLOX (Ge et al. 2021, arXiv 2107.08430)
    YOLOv5       1 x 3 cells x (5 + K); decoded                               YOLOv5, YOLOv7
    YOLOv8       1 x (4 + K) x cells, or transposed; decoded, no objectness   YOLOv8 to YOLO11
    end to end   1 x N x 6: corners, score, class                             YOLOv10, YOLO26
    three lists  labels 1 x N, boxes 1 x N x 4, scores 1 x N                  RT-DETR, D-FINE (arXiv 2410.13842)
    queries      boxes 1 x N x 4, logits 1 x N x K; or both in 1 x N x (4+K)  RT-DETR (arXiv 2304.08069), D-FINE
    NanoDet      a 1 x cells x K and a 1 x cells x 32 for each of 3 strides   NanoDet-m

`cells` are those of the three grids of strides 8, 16 and 32. K is the number of the classes' names: it tells a YOLOv8
whose answer is transposed from a YOLOX, and queries in one output from all else that has rows. Boxes of queries beside
probabilities are no known layout: logits are below 0 wherever nothing is, and networks that answer nothing below 0
(SSD) lay out their boxes in several ways that no shape tells. This is decided once, by the answer to a grey picture.

What the file does not say, a layout's family settles: the order of colours, their range, the padding. The reading
functions return boxes (left, top, right, bottom in pixels of the network's input, float N x 4), scores (N, in [0, 1])
and classes (N, as the network numbers them, which need not be whole numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

STRIDES = (8, 16, 32)
MOST_LOG_SIZE = 10  # larger ones are not logarithms but sizes: boxes that the network has decoded
LARGEST_SHARE = 2.0  # boxes none of whose corners lies beyond that are shares of the picture, not pixels
NANODET_BINS = 8
KNOWN = (
    "1 x cells x (5 + K) (YOLOX), 1 x 3 cells x (5 + K) (YOLOv5, YOLOv7), 1 x (4 + K) x cells or transposed "
    "(YOLOv8 to YOLO11), 1 x N x 6 (YOLOv10, YOLO26), labels 1 x N and boxes 1 x N x 4 and scores 1 x N, or boxes "
    "1 x N x 4 and logits 1 x N x K, or 1 x N x (4 + K) (RT-DETR, D-FINE), three each of 1 x cells x K and "
    "1 x cells x 32 (NanoDet), for K classes, named in the file's metadata 'names' or else COCO's 80"
)
"""The shapes of the layouts above, for an error message."""

Read = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """How to show a detector a picture and how to read its answer.

    `classes` is the number of classes, None where the answer does not tell it. A picture is padded with the level
    `padding`, below and to the right or, if `centred`, on both sides; its colours are (level - mean) / spread in the
    order BGR or RGB. `overlapping` says that non-maximum suppression is still to be done. `read` reads the outputs, in
    the network's order, for an input of (height, width).
    """

    name: str
    classes: int | None
    read: Callable[[Sequence[np.ndarray], tuple[int, int]], Read]
    bgr: bool = False
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (255.0, 255.0, 255.0)
    padding: int = 114
    centred: bool = True
    overlapping: bool = True


def recognise(outputs: Sequence[np.ndarray], height_width: tuple[int, int], names: int) -> Layout | None:
    """Return the layout of a network's outputs, None where it is none of those known; `outputs` answer a grey picture.

    There are so many `names` of classes. The sizes of boxes tell YOLOX's decoded exports from raw ones.
    """
    shapes = [output.shape for output in outputs]
    if any(len(shape) not in (2, 3) or shape[0] != 1 for shape in shapes):
        return None
    count = len(cells(*height_width)[0])
    if len(shapes) == 1 and len(shapes[0]) == 3:
        return recognise_single(outputs[0], count, names)
    columns = sorted(shape[2] if len(shape) == 3 else 0 for shape in shapes)
    same = len({shape[1] for shape in shapes}) == 1
    if len(shapes) == 3 and same and columns == [0, 0, 4]:
        return Layout("three lists", None, read_three_lists, padding=0, overlapping=False)
    if len(shapes) == 2 and same and 4 in columns and 0 not in columns:
        logits = boxes_and_logits(outputs)[1]
        if not are_probabilities(logits):
            return Layout("queries", logits.shape[1], read_queries, padding=0, overlapping=False)
    rows = [(height_width[0] // stride) * (height_width[1] // stride) for stride in STRIDES]
    by_scores = [shape for shape in shapes if len(shape) == 3 and shape[2] != 4 * NANODET_BINS]
    if len(shapes) == 6 and len(by_scores) == 3 and sorted(shape[1] for shape in shapes) == sorted(2 * rows):
        return Layout(
            "NanoDet", by_scores[0][2], read_nanodet, bgr=True, mean=(103.53, 116.28, 123.675),
            spread=(57.375, 57.12, 58.395), padding=0,
        )  # fmt: skip
    return None


def recognise_single(output: np.ndarray, count: int, names: int) -> Layout | None:
    """Return the layout of a single output, 1 x A x B, for grids of so many cells in all and so many names."""
    _, rows, columns = output.shape
    if rows == count and columns > 4:
        return recognise_rows(output, names)
    if rows == 3 * count and columns > 5:
        return Layout("YOLOv5", columns - 5, read_objects)
    if columns == count and rows > 4:
        return Layout("YOLOv8", rows - 4, read_yolov8)
    are_queries = columns == 4 + names and rows < count and not (output[:, :, 4:] > 1).any()
    if columns == 6 and not (are_queries and (output[:, :, 5] % 1 != 0).any()):  # else that of two is no class number
        return Layout("end to end", None, read_end_to_end, overlapping=False)
    if are_queries:
        return Layout("queries", names, read_rows, padding=0, overlapping=False)
    return None


def recognise_rows(output: np.ndarray, names: int) -> Layout | None:
    """Return the layout of a single output, 1 x cells x A, for so many names."""
    columns = output.shape[2]
    if columns == 4 + names and (output[0, :, 2:4] >= 0).all():  # else YOLOX's logarithms of sizes
        return Layout("YOLOv8, transposed", names, read_rows)
    if columns == 5:
        return None
    decoded = float(output[0, :, 2:4].max()) > MOST_LOG_SIZE
    name, read = ("YOLOX, decoded", read_objects) if decoded else ("YOLOX", read_yolox)
    return Layout(name, columns - 5, read, bgr=True, spread=(1.0, 1.0, 1.0), centred=False)


def are_probabilities(values: np.ndarray) -> bool:
    """Return whether there are values and all of them are within 0 and 1."""
    return bool(values.size and values.min() >= 0 and values.max() <= 1)


def cells(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each cell of the three grids, row by row, its column and row (N x 2) and its stride (N x 1)."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def around(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the corners of boxes, N x 4, of their centres and sizes, both N x 2."""
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def best(boxes: np.ndarray, scores: np.ndarray) -> Read:
    """Return boxes with the best of their classes' scores, N x K."""
    classes = scores.argmax(1)
    return boxes, scores[np.arange(len(scores)), classes], classes


def in_pixels(boxes: np.ndarray, height_width: tuple[int, int]) -> np.ndarray:
    """Return boxes in pixels of the input, be they in pixels or shares of it."""
    if np.abs(boxes[np.isfinite(boxes)]).max(initial=0) > LARGEST_SHARE:
        return boxes
    return boxes * np.array([*height_width[::-1], *height_width[::-1]], np.float32)


def read_yolox(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read YOLOX's raw head: offsets and log sizes relative to cells, objectness, probabilities."""
    answer, (corners, strides) = outputs[0][0], cells(*height_width)
    sizes = np.exp(np.minimum(answer[:, 2:4], MOST_LOG_SIZE)) * strides
    return best(around((answer[:, :2] + corners) * strides, sizes), answer[:, 4:5] * answer[:, 5:])


def read_objects(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read centres, sizes, objectness, probabilities."""
    answer = outputs[0][0]
    return best(around(answer[:, :2], answer[:, 2:4]), answer[:, 4:5] * answer[:, 5:])


def read_yolov8(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read centres, sizes and probabilities, a column for each cell."""
    return read_rows([outputs[0].transpose(0, 2, 1)], height_width)


def read_rows(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read centres, sizes and probabilities, a row for each cell."""
    answer = outputs[0][0]
    return best(in_pixels(around(answer[:, :2], answer[:, 2:4]), height_width), answer[:, 4:])


def read_end_to_end(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read corners, score and class."""
    answer = outputs[0][0]
    return in_pixels(answer[:, :4], height_width), answer[:, 4], answer[:, 5]


def read_three_lists(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read labels, corners and scores; labels are whole numbers by type, or else by value."""
    boxes = next(output[0] for output in outputs if output.ndim == 3)
    labels, scores = sorted((output[0] for output in outputs if output.ndim == 2), key=unlike_labels)
    return in_pixels(boxes, height_width), scores, labels


def unlike_labels(values: np.ndarray) -> tuple[bool, bool, float]:
    """Return what is less where values (N) are labels than where they are scores."""
    is_float = values.dtype.kind == "f"
    return is_float, bool((values != np.floor(values)).any()), -float(values.max(initial=0))


def read_queries(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read logits, and centres and sizes as shares."""
    boxes, logits = boxes_and_logits(outputs)
    return best(in_pixels(around(boxes[:, :2], boxes[:, 2:]), height_width), 1 / (1 + np.exp(-logits)))


def boxes_and_logits(outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return boxes, N x 4, and logits, N x K, in this order; of four classes, logits are what goes below 0."""
    both = (output[0] for output in outputs)
    return sorted(both, key=lambda output: (output.shape[1] != 4, output.min(initial=0) < 0))


def read_nanodet(outputs: Sequence[np.ndarray], height_width: tuple[int, int]) -> Read:
    """Read NanoDet's head: probabilities, and each side's distance as a distribution over 0..7 strides.

    The distances are counted from (column + 1/2) stride - 1/2 (GFL, Li et al., arXiv 2006.04388).
    """
    corners, strides = cells(*height_width)
    finest_first = sorted((output[0] for output in outputs), key=lambda output: -output.shape[0])
    sides = np.concatenate([output for output in finest_first if output.shape[1] == 4 * NANODET_BINS])
    scores = np.concatenate([output for output in finest_first if output.shape[1] != 4 * NANODET_BINS])
    shares = np.exp(sides.reshape(-1, 4, NANODET_BINS) - sides.reshape(-1, 4, NANODET_BINS).max(2, keepdims=True))
    distances = (shares @ np.arange(NANODET_BINS)) / shares.sum(2) * strides
    centres = (corners + 0.5) * strides - 0.5
    return best(np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1), scores)
