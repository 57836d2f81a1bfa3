"""Export a generator to ONNX: opset 17, static shapes, facts in the metadata.

Only the network goes into the graph: thumbnail -> curves. Its application to the full frame is `curves.apply`.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import onnx
import torch

from illumigan_model.checkpoint import load_checkpoint
from illumigan_model.errors import ModelError
from illumigan_model.generators.curve_grid import THUMBNAIL_WH, CurveGrid
from illumigan_model.weights import sha256

OPSET = 17


class CurvesOnly(torch.nn.Module):
    """The part of a CurveGrid that a runtime runs."""

    def __init__(self, generator: CurveGrid) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, thumbnail: torch.Tensor) -> torch.Tensor:
        """Return `CurveGrid.curves` of a thumbnail."""
        return self.generator.curves(thumbnail)


def export_onnx(checkpoint: Path, target: Path) -> None:
    """Write the ONNX file of a CurveGrid checkpoint; it appears under its name only when it is complete.

    Raises:
        ModelError: the checkpoint cannot be loaded or holds another generator, or the file cannot be written.
    """
    generator = load_checkpoint(checkpoint)
    if not isinstance(generator, CurveGrid):
        raise ModelError(f"{checkpoint} does not hold a CurveGrid; only that generator is exported to ONNX so far.")
    if not target.parent.is_dir():
        raise ModelError(f"{target} cannot be written: there is no folder {target.parent}; make it first.")
    graph = to_onnx(generator, {"checkpoint_sha256": sha256(checkpoint)})
    partial = target.with_name(f".{target.name}.part")
    try:
        partial.write_bytes(graph.SerializeToString())
        partial.replace(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def to_onnx(generator: CurveGrid, facts: dict[str, str]) -> onnx.ModelProto:
    """Return the checked ONNX graph of a generator's network, with `facts` among its metadata."""
    width, height = THUMBNAIL_WH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        torch.onnx.export(
            CurvesOnly(generator).eval(),
            (torch.rand(1, 3, height, width),),
            file,
            input_names=["thumbnail"],
            output_names=["curves"],
            opset_version=OPSET,
            dynamo=False,
        )
        graph = onnx.load(file)
    for key, value in ({"architecture": "curve_grid"} | facts | {"colour": "RGB", "range": "0..1"}).items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph, full_check=True)
    return graph
