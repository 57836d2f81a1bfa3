"""`illumigan train`: a generator from folders of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import TRAINING_NEEDS, require_modules


def command(
    config: Annotated[Path, typer.Argument(help="Training config, such as config/train_curve_grid.yaml.")],
    overrides: Annotated[Optional[list[str]], typer.Argument(help="Settings to change: key=value.")] = None,
) -> None:
    """Train a generator; a killed run goes on from its last checkpoint."""
    require_modules(*TRAINING_NEEDS)
    from illumigan_training.config import read_config
    from illumigan_training.train import train

    print(f"The run is in {train(read_config(config, overrides or []))}")
