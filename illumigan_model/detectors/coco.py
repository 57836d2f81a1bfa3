"""The 80 classes of COCO (Lin et al. 2014, arXiv 1405.0312) in the order in which detectors number them from 0 on."""

from __future__ import annotations

from collections.abc import Iterable

from illumigan_model.errors import IllumiganError

NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)  # fmt: skip


def numbers_of(names: Iterable[str]) -> list[int]:
    """Return the numbers of some classes; raises IllumiganError for a name that COCO does not have."""
    chosen = list(names)
    for name in chosen:
        if name not in NAMES:
            raise IllumiganError(f"COCO has no class {name!r}; it has {', '.join(NAMES)}.")
    return [NAMES.index(name) for name in chosen]
