"""`illumigan enhance-images`: a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import (
    Denoise,
    Model,
    Runtime,
    Strength,
    Verbose,
    White16bit,
    conclude,
    open_enhancer,
    progress_bar,
)


def command(
    in_dir: Annotated[Path, typer.Argument(help="Folder with pictures.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the results: same names, PNG.")],
    *,
    recursive: Annotated[bool, typer.Option("--recursive", help="Take the sub-folders, too, and mirror them.")] = False,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    denoise: Denoise = 1.0,
    white_16bit: White16bit = 65535,
    attention: Annotated[Optional[Path], typer.Option(help="Folder for the attention maps.")] = None,
    daylight_gate: Annotated[bool, typer.Option("--daylight-gate", help="Leave bright pictures as they are.")] = False,
    verbose: Verbose = False,
) -> None:
    """Enhance a folder of pictures, each by itself."""
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.picture_folder import find_pictures

    folder = find_pictures(in_dir, recursive, [out_dir] + ([attention] if attention is not None else []))
    settings = {"strength": strength, "denoise": denoise, "daylight_gate": daylight_gate, "temporal": False}
    with (
        open_enhancer(model, runtime, **settings) as enhancer,
        progress_bar("enhancing", len(folder.pictures)) as advance,
    ):
        result = offline.enhance_images(folder, out_dir, attention, enhancer, advance, white_16bit)
    if rest := folder.describe_rest():
        print(rest)
    conclude(result, "pictures", out_dir, verbose)
