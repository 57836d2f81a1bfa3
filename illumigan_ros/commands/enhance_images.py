"""`illumigan enhance-images`: a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import Model, Runtime, Strength, conclude, open_enhancer, progress_bar


def command(
    in_dir: Annotated[Path, typer.Argument(help="Folder with pictures.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the results: same names, PNG.")],
    *,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    attention: Annotated[Optional[Path], typer.Option(help="Folder for the attention maps.")] = None,
    daylight_gate: Annotated[bool, typer.Option("--daylight-gate", help="Leave bright pictures as they are.")] = False,
) -> None:
    """Enhance a folder of pictures, each by itself."""
    from illumigan_ros.recordings import offline

    pictures = offline.find_pictures(in_dir)
    with (
        open_enhancer(model, runtime, strength=strength, daylight_gate=daylight_gate, temporal=False) as enhancer,
        progress_bar("enhancing", len(pictures)) as advance,
    ):
        result = offline.enhance_images(pictures, out_dir, attention, enhancer, advance)
    conclude(result, "pictures", out_dir)
