"""Export a generator to ONNX: opset 17, static shapes, facts in the metadata.

Only the network goes into the graph: thumbnail -> curves. Its application to the full frame is `curves.apply`.
"""

from __future__ import annotations

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
    """Write the ONNX file of a CurveGrid checkpoint.

    Raises:
        ModelError: the checkpoint cannot be loaded or holds another generator.
    """
    generator = load_checkpoint(checkpoint)
    if not isinstance(generator, CurveGrid):
        raise ModelError(f"{checkpoint} does not hold a CurveGrid; only that generator is exported to ONNX so far")
    width, height = THUMBNAIL_WH
    sample = torch.rand(1, 3, height, width)
    torch.onnx.export(
        CurvesOnly(generator).eval(),
        (sample,),
        str(target),
        input_names=["thumbnail"],
        output_names=["curves"],
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(target)
    facts = {"architecture": "curve_grid", "checkpoint_sha256": sha256(checkpoint), "colour": "RGB", "range": "0..1"}
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, target)
