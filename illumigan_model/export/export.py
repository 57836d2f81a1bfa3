"""Export a generator to ONNX: opset 17, static shapes, operators that every TensorRT from 8.5 on knows, facts inside.

Two graphs of each generator can be had:

    core   what a runtime on the CPU runs: float32 RGB in [0, 1], 1 x 3 x H x W, to the curves of a CurveGrid's
           128 x 72 thumbnail (`CurveGrid.curves`; the frame is enhanced by `fused_pass`), or to the enhanced image
           of an AttentionUNet, not clamped; its metadata hold the right answer to a test picture (`self_check`)
    full   the generator from frame to frame, for a GPU: uint8 BGR, 1 x H x W x 3, to the enhanced frame of the same
           type and shape and the attention map 255 - luminance, uint8 1 x H x W x 1; the first and the last nodes are
           casts

The full graph enhances each frame by itself. What the `Enhancer` does around a generator is not in it: denoising, as
its metadata says, the daylight gate, smoothing over time, and `darkness`.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from illumigan_model.errors import FrameError, ModelError
from illumigan_model.export.operators import OPSET, check_operators
from illumigan_model.export.rewrite import fold_constants, to_half
from illumigan_model.generators.checkpoint import Generator, load_checkpoint
from illumigan_model.generators.curve_grid import THUMBNAIL_WH, CurveGrid
from illumigan_model.generators.scopes import Core, Full
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.precisions import require_precision
from illumigan_model.system.files import require_writable, write_bytes
from illumigan_model.weights import find_checkpoint, sha256

GRAPHS = ("core", "full")
SMALLEST_SIDE, LARGEST_SIDE = 16, 8192


def export_onnx(
    model: str | Path, target: Path, graph: str = "core", size: str | None = None, precision: str = "fp32"
) -> None:
    """Write the ONNX file of a model; it appears under its name only when it is complete.

    Args:
        model: name of shipped weights, or path of a .safetensors or EnlightenGAN .pth file.
        target: the .onnx file to write.
        graph: "core" or "full".
        size: WIDTHxHEIGHT of the frames, 16 to 8192 pixels each; None for the core of a CurveGrid.
        precision: "fp32" or "fp16", of the graph's body; inputs and outputs stay as they are.

    Raises:
        ModelError: the model cannot be loaded, the request makes no sense, or the file cannot be written.
    """
    if target.suffix != ".onnx":
        raise ModelError(f"{target} must end in .onnx, by which the file is known for a model.")
    try:
        require_writable(target)
        weights = find_checkpoint(str(model))
        generator = load_checkpoint(weights)
        facts = {"model": weights.stem, "checkpoint_sha256": sha256(weights), "licence": licence_of(weights)}
        write_bytes(target, to_onnx(generator, facts, graph, size, precision).SerializeToString())
    except FrameError as error:
        raise ModelError(str(error)) from error


def licence_of(weights: Path) -> str:
    """Return the first sentence on the licence on the model card beside the weights, "not stated" without a card."""
    card = weights.with_suffix(".md")
    found = re.search(r"^## Licence\s+(.+?\.)\s", card.read_text(), re.MULTILINE) if card.is_file() else None
    return found.group(1) if found else "not stated"


def to_onnx(
    generator: Generator, facts: dict[str, str], graph: str = "core", size: str | None = None, precision: str = "fp32"
) -> onnx.ModelProto:
    """Return the checked ONNX graph of a generator, with `facts` among its metadata; see `export_onnx`."""
    if graph not in GRAPHS:
        raise ModelError(f"There is no graph {graph!r}; give {' or '.join(GRAPHS)}.")
    require_precision(precision)
    width, height = size_of(generator, graph, size)
    architecture = "curve_grid" if isinstance(generator, CurveGrid) else "attention_unet"
    if graph == "full":
        module: nn.Module = Full(generator)
        sample, names = torch.zeros(1, height, width, 3, dtype=torch.uint8), ["frame", "enhanced", "attention"]
        about = {"colour": "BGR", "range": "0..255", "denoise": "none"}
    else:
        module, sample = Core(generator), torch.zeros(1, 3, height, width)
        names = ["thumbnail", "curves"] if architecture == "curve_grid" else ["image", "enhanced"]
        about = {"colour": "RGB", "range": "0..1"}
    about |= {"architecture": architecture, "graph": graph, "size": f"{width}x{height}", "precision": precision}
    model = trace(module, sample, names)
    if graph == "core":
        about["reference"] = reference_of(module, (width, height))
    fold_constants(model)
    if precision == "fp16":
        to_half(model)
    for key, value in (about | facts).items():
        model.metadata_props.add(key=key, value=value)
    check_operators(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def size_of(generator: Generator, graph: str, size: str | None) -> tuple[int, int]:
    """Return width and height of a graph's input; raises ModelError if the size asked for cannot be had."""
    thumbnail = f"{THUMBNAIL_WH[0]}x{THUMBNAIL_WH[1]}"
    if graph == "core" and isinstance(generator, CurveGrid):
        if size not in (None, thumbnail):
            raise ModelError(
                f"The core of a CurveGrid sees a thumbnail of {thumbnail} of whatever frame, and not {size}; "
                "leave the size out, or export the full graph."
            )
        return THUMBNAIL_WH
    if size is None:
        raise ModelError("This graph is made for one size of frames; give it as WIDTHxHEIGHT, such as 1280x720.")
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", size)
    if not found:
        raise ModelError(f"{size!r} is not a size; give WIDTHxHEIGHT in pixels, such as 1280x720.")
    width, height = int(found.group(1)), int(found.group(2))
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (width, height)):
        raise ModelError(f"{size} is out of range; give sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels.")
    return width, height


def reference_of(core: nn.Module, size: tuple[int, int]) -> str:
    """Return the digest of the answer to the test picture, as the metadata keep it; `core` is in evaluation mode."""
    with torch.no_grad():
        answer = core(torch.from_numpy(self_check.night_picture(size)))[0]
    return self_check.to_text(self_check.digest(answer.numpy()))


def trace(module: nn.Module, sample: Tensor, names: list[str]) -> onnx.ModelProto:
    """Return the ONNX graph of a module for inputs like the sample.

    Args:
        module: a module of one input.
        sample: an input; its shape and type become the graph's.
        names: of the input, then of the outputs.

    Raises:
        ModelError: the module takes more memory than there is; tracing runs it once.
    """
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        # shapes are meant to be frozen, and the newer exporter needs one more dependency
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        file = Path(folder) / "graph.onnx"
        try:
            torch.onnx.export(
                module.eval(),
                (sample,),
                file,
                input_names=names[:1],
                output_names=names[1:],
                opset_version=OPSET,
                dynamo=False,
            )
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise
            raise ModelError("A graph of this size takes more memory than there is; give a smaller size.") from error
        return onnx.load(file)
