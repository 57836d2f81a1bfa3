"""An object detector in ONNX: frame in, boxes out. It needs ONNX Runtime, NumPy and OpenCV, and nothing of training."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.detectors import coco
from illumigan_model.detectors.detections import Detections, suppress
from illumigan_model.detectors.layouts import KNOWN, STRIDES, Layout, recognise
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.onnx_runtime import open_session
from illumigan_model.system.files import why_no_file
from illumigan_model.system.machine import cores

THRESHOLD = 0.3
FREE_SIDE = 640  # of the input, where the network takes any size
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Detector:
    """A detector; `name` is that of its file, `names` are those of its classes, `layout` is how it answers.

    The names are those in the file's metadata (`names`, as Ultralytics writes them), or else those of COCO.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load a detector and let it see one grey picture.

        Args:
            path: ONNX file, of a layout that `layouts` lists.
            threads: CPU threads to use; all of the machine's unless given.

        Raises:
            ModelError: the file is missing or damaged, or holds another kind of network.
        """
        if not path.is_file():
            problem = why_no_file(path, "detector", f"There is no detector {path}")
            raise ModelError(f"{problem}; give an ONNX file.")
        try:
            self._session = open_session(path, threads or cores())
        except ModelError as error:
            raise ModelError(f"{path} cannot be loaded by ONNX Runtime; give the ONNX file of a detector.") from error
        self.name = path.name
        inputs = self._session.get_inputs()
        if not inputs:
            raise foreign(path, "takes no picture")
        picture, *others = inputs
        sides = [side if isinstance(side, int) else FREE_SIDE for side in picture.shape[2:]]
        if len(sides) != 2 or min(sides) < STRIDES[-1] or picture.shape[1] != 3 or picture.type not in TYPES:
            raise foreign(path, f"takes {picture.type} {picture.shape}, not one picture as 1 x 3 x height x width")
        if len(others) > 1 or (others and others[0].shape[-1:] != [2]):
            named = ", ".join(f"{entry.name} {entry.shape}" for entry in others)
            raise foreign(path, f"takes {named} beside a picture")
        self.height, self.width = sides
        self._input, self._type, self._size = picture.name, TYPES[picture.type], others[0].name if others else ""
        self.names = read_names(self._session.get_modelmeta().custom_metadata_map.get("names", "")) or coco.NAMES
        self.layout = self._look(path)

    def _look(self, path: Path) -> Layout:
        """Return the layout of what the network answers to a grey picture; raises ModelError where it is not known."""
        try:
            grey = np.full((1, 3, self.height, self.width), 0.45, np.float32)
            outputs = self._run(grey)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise foreign(path, "does not run on one picture of three colours") from error
        layout = recognise(outputs, (self.height, self.width), len(self.names))
        shapes = ", ".join(" x ".join(map(str, output.shape)) or "one number" for output in outputs)
        answer = f"answers a picture of {self.width} x {self.height} with {shapes}"
        if layout is None:
            raise foreign(path, answer)
        if layout.classes not in (None, len(self.names)):
            raise ModelError(
                f"{path} {answer}, as {layout.name} does with {layout.classes} classes, but there are "
                f"{len(self.names)} names; write theirs into the file's metadata 'names', or give a network that "
                f"answers as one of these: {KNOWN}."
            )
        return layout

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of some names, in any case, that no class of the detector has."""
        known = {name.lower() for name in self.names}
        return [name for name in names if name.lower() not in known]

    def require_any(self, names: Sequence[str]) -> None:
        """Raise ModelError if the detector knows no class of these names."""
        if len(self.unknown(names)) == len(names):
            raise ModelError(
                f"{self.name} knows none of the classes {', '.join(names)}, which are looked for, but "
                f"{', '.join(self.names)}; give a detector that knows one of them by that name."
            )

    def detect(self, bgr: np.ndarray, threshold: float = THRESHOLD) -> Detections:
        """Return what is in a frame: the boxes whose centre lies in it.

        Args:
            bgr: uint8 H x W x 3.
            threshold: the least score, in [0, 1].

        Raises:
            ModelError: what the network answers is no number, or a class that has no name: that says nothing, and not
                that nothing is there.
        """
        layout = self.layout
        canvas, scale, offset = letterbox(bgr, (self.height, self.width), layout.padding, layout.centred)
        colours = canvas if layout.bgr else canvas[:, :, ::-1]
        mean, spread = np.array(layout.mean, np.float32), np.array(layout.spread, np.float32)
        planes = ((colours - mean) / spread).transpose(2, 0, 1)[None]
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number is told below
            boxes, scores, classes = layout.read(self._run(planes), (self.height, self.width))
            boxes = ((boxes - np.tile(offset, 2)) / scale).astype(np.float32)
        sure = (scores >= threshold) & (scores > 0)  # rows of score 0 only fill the answer up
        if not (np.isfinite(scores).all() and np.isfinite(boxes[sure]).all()):
            raise ModelError(f"{self.name} answers with something that is not a number; export it in float32.")
        seen = Detections(boxes[sure], scores[sure].astype(np.float32), self._numbers(classes[sure]), self.names)
        centres = seen.boxes[:, :2] / 2 + seen.boxes[:, 2:] / 2
        inside = np.all((centres >= 0) & (centres <= (bgr.shape[1], bgr.shape[0])), axis=1)  # and not in the padding
        seen = seen.chosen(inside)
        return suppress(seen, threshold) if layout.overlapping else seen

    def _numbers(self, classes: np.ndarray) -> np.ndarray:
        """Return the classes of detections as whole numbers; raises ModelError for one that has no name."""
        nameless = classes[~np.isin(classes, np.arange(len(self.names)))]
        if len(nameless):
            raise ModelError(
                f"{self.name} answers with the class number {float(nameless[0]):g}, but the number of its names is "
                f"{len(self.names)}, counted from 0; write those of all classes into the file's metadata 'names'."
            )
        return classes.astype(int)

    def _run(self, planes: np.ndarray) -> list[np.ndarray]:
        """Return the outputs for float 1 x 3 x H x W, as float32 or whole numbers."""
        given = {self._input: np.ascontiguousarray(planes, self._type)}
        if self._size:
            given[self._size] = np.array([[self.width, self.height]], np.int64)
        outputs = self._session.run(None, given)
        return [output.astype(np.float32) if output.dtype.kind == "f" else output for output in outputs]


def read_names(text: str) -> tuple[str, ...]:
    """Return class names written as {0: 'person', ...} or ['person', ...]; empty where there are none."""
    try:
        names = ast.literal_eval(text)
        if isinstance(names, dict):
            names = [names[number] for number in sorted(names)]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # all are what odd text raises
        return ()
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def foreign(path: Path, what: str) -> ModelError:
    """Return the error for a network that is no detector of a known layout."""
    return ModelError(f"{path} {what}; known are {KNOWN}.")


def letterbox(
    bgr: np.ndarray, height_width: tuple[int, int], padding: int, centred: bool
) -> tuple[np.ndarray, float, np.ndarray]:
    """Scale a frame so that it fits and pad it; return it, the scale, and where its left upper corner is (x, y)."""
    height, width = height_width
    scale = min(height / bgr.shape[0], width / bgr.shape[1])
    inner = (max(1, int(bgr.shape[1] * scale)), max(1, int(bgr.shape[0] * scale)))
    left, top = ((width - inner[0]) // 2, (height - inner[1]) // 2) if centred else (0, 0)
    canvas = np.full((height, width, 3), padding, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(bgr, inner, interpolation=cv2.INTER_LINEAR)
    return canvas, scale, np.array([left, top], np.float32)
