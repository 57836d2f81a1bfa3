"""The detector-aware term: enhanced frames should show a frozen detector all that any view of the frame shows it.

The detector sits behind the generator as VGG does behind the feature distance: gradients flow through it, nothing of
it changes, and nothing of it gets into the weights. What is wanted is no annotation but the detector's own judgement:
for each of its cells the highest score that any of several views of the frame has there (the frame as it is, equalised
by tiles, the same after auto-gamma, and the picture from which the frame was made). Self-distillation of that kind is
known from Hinton et al. (arXiv 1503.02531) and, for enhancement before a detector, from Hashmi et al. (FeatEnHancer,
arXiv 2308.03594); the weight of a cell is that of the varifocal loss (Zhang et al., arXiv 2008.13367), made symmetric.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from illumigan_model.detectors.coco import NAMES, numbers_of
from illumigan_model.errors import ModelError
from illumigan_model.frames.baselines import auto_gamma, clahe
from illumigan_model.runtimes.onnx_runtime import CPU, open_session
from illumigan_model.system.files import why_no_file

STRIDE = 32  # of YOLOX's coarsest grid: sides are padded to multiples of it
PADDING = 114.0
CERTAIN = 1e-4  # scores are kept this far from 0 and 1, whose logarithms are infinite


class DetectorScores(nn.Module):
    """A frozen YOLOX (Ge et al. 2021, arXiv 2107.08430) as a differentiable function from pictures to scores."""

    def __init__(self, network: nn.Module, classes: Sequence[int]) -> None:
        super().__init__()
        self.network, self.classes = network, list(classes)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return for each cell the highest score of the classes, objectness x probability, N x cells in [0, 1].

        Args:
            images: RGB N x 3 x H x W in [0, 1]. The number of cells depends on H and W alone.
        """
        down, right = -images.shape[2] % STRIDE, -images.shape[3] % STRIDE
        planes = F.pad(255 * images.float().flip(1), (0, right, 0, down), value=PADDING)
        answers = torch.cat([self.network(one) for one in planes.split(1)])  # exports are made for one picture
        return answers[:, :, 4] * answers[:, :, [5 + number for number in self.classes]].amax(dim=2)


def open_detector_scores(settings: dict[str, Any], crop_wh: tuple[int, int]) -> DetectorScores:
    """Return a detector for pictures of a size.

    Args:
        settings: "file", the ONNX file of a YOLOX of COCO's classes, exported without decoding; "classes", COCO's names
            of the classes that count.
        crop_wh: width and height of the pictures that it will see.

    Raises:
        ModelError: the file is missing, or holds a network that torch cannot run on such pictures.
        IllumiganError: a class is none of COCO's.
    """
    numbers, file = numbers_of(settings["classes"]), Path(settings["file"]).expanduser()
    if not file.is_file():
        problem = why_no_file(file, "detector", f"There is no detector {file}")
        raise ModelError(f"{problem}; set detector.file to the ONNX file of a YOLOX.")
    try:
        network = convert(file)
    except Exception as error:  # onnx and onnx2torch raise a dozen kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{file} cannot be turned into a torch module ({reason}); give a YOLOX.") from error
    width, height = padded(crop_wh)
    cells = sum((width // stride) * (height // stride) for stride in (8, 16, 32))
    try:
        with torch.no_grad():
            shape = tuple(network(torch.full((1, 3, height, width), PADDING)).shape)
    except Exception as error:  # whatever an operator makes of a foreign size
        raise ModelError(f"The detector {file} does not run on pictures of {width} x {height}; set crop.") from error
    if shape != (1, cells, 5 + len(NAMES)):
        raise ModelError(
            f"The detector {file} answers with {' x '.join(map(str, shape))} numbers to a picture of {width} x "
            f"{height}, not 1 x {cells} x {5 + len(NAMES)}; give a YOLOX of COCO's classes, exported without decoding."
        )
    return DetectorScores(network, numbers)


def padded(wh: tuple[int, int]) -> tuple[int, int]:
    """Return width and height brought up to multiples of the coarsest stride."""
    width, height = (side + -side % STRIDE for side in wh)
    return width, height


def convert(file: Path) -> nn.Module:
    """Return the network of an ONNX file as a torch module."""
    stand_in_for_torchvision()
    from onnx2torch import convert as convert_onnx

    warnings.filterwarnings("ignore", "Using a non-tuple sequence", UserWarning)  # its Slice, each time
    network: nn.Module = convert_onnx(str(file))
    return network


def stand_in_for_torchvision() -> None:
    """Let onnx2torch be imported where torchvision is not there: it needs it for two operators that YOLOX lacks."""
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):  # RuntimeError: one that was built for another torch
        package, operators = ModuleType("torchvision"), ModuleType("torchvision.ops")
        package.ops, operators.roi_align = operators, None  # type: ignore[attr-defined]
        sys.modules["torchvision"], sys.modules["torchvision.ops"] = package, operators


def views(bgr: np.ndarray) -> list[np.ndarray]:
    """Return how else one may look at a picture, uint8 BGR: as it is, equalised by tiles, and brightened before."""
    return [bgr, clahe(bgr), clahe(auto_gamma(bgr))]


class BestScores:
    """The same detector for the pictures that say what is wanted: in ONNX Runtime, which takes half of torch's time."""

    def __init__(self, settings: dict[str, Any], crop_wh: tuple[int, int]) -> None:
        """Load the detector for pictures of a size; arguments and errors as for `open_detector_scores`."""
        self.classes, file = numbers_of(settings["classes"]), Path(settings["file"]).expanduser()
        self.width, self.height = padded(crop_wh)
        try:
            self.session = open_session(of_size(file, self.width, self.height), 1, [CPU])
        except Exception as error:  # onnx raises a dozen kinds
            raise ModelError(f"{file} cannot be loaded as a detector; give the ONNX file of a YOLOX.") from error
        self.input = self.session.get_inputs()[0].name

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return for each cell the highest score that any picture of the view has there, float32 of shape (cells,).

        Args:
            pictures: uint8 BGR, H x W x 3.
        """
        return np.max([self.scores(picture) for picture in pictures], axis=0)

    def scores(self, bgr: np.ndarray) -> np.ndarray:
        """Return for each cell the highest score of the classes in one picture."""
        canvas = np.full((self.height, self.width, 3), PADDING, np.float32)
        canvas[: bgr.shape[0], : bgr.shape[1]] = bgr
        answer = self.session.run(None, {self.input: canvas.transpose(2, 0, 1)[None].copy()})[0][0]
        best: np.ndarray = answer[:, 4] * answer[:, [5 + number for number in self.classes]].max(axis=1)
        return best


def of_size(file: Path, width: int, height: int) -> bytes:
    """Return a network, made for pictures of another size, for one of this size; its operators must allow that."""
    import onnx

    model = onnx.load(file)
    sides = model.graph.input[0].type.tensor_type.shape.dim[2:]
    for side, length in zip(sides, (height, width), strict=True):
        side.dim_value = length
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def detector_loss(scores: Tensor, wanted: Tensor) -> Tensor:
    """Return how far a detector's scores lie from those wanted, shape N; 0 where they are equal.

    The Kullback-Leibler divergence of each cell's score, weighted by the higher one of both scores: what is missed
    counts as much as what is made up, and the thousands of empty cells count next to nothing.

    Args:
        scores: of the enhanced pictures, N x cells in [0, 1].
        wanted: the same, from `BestScores`; gets no gradient.
    """
    made, wanted = scores.clamp(CERTAIN, 1 - CERTAIN), wanted.clamp(CERTAIN, 1 - CERTAIN)
    apart = F.binary_cross_entropy(made, wanted, reduction="none")
    apart = apart - F.binary_cross_entropy(wanted, wanted, reduction="none")
    weight = torch.maximum(made.detach(), wanted)
    return (weight * apart).sum(dim=1) / (1 + weight.sum(dim=1))
