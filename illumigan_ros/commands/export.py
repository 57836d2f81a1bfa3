"""`illumigan export`: weights to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import require_modules


def command(
    target: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    *,
    model: Annotated[str, typer.Option(help="Name of shipped weights, or a .safetensors or EnlightenGAN .pth file.")],
    graph: Annotated[Optional[str], typer.Option(help="core or full; full where a size is given, else core.")] = None,
    size: Annotated[Optional[str], typer.Option(help="WIDTHxHEIGHT of the frames.")] = None,
    precision: Annotated[str, typer.Option(help="fp32 or fp16.")] = "fp32",
) -> None:
    """Export weights to ONNX: the core, for the node and the other commands, or the generator from frame to frame."""
    require_modules("torch", "onnx", "safetensors")
    from illumigan_model.export.export import export_onnx

    export_onnx(model, target, graph or ("full" if size else "core"), size, precision)
    print(f"Exported to {target}")
