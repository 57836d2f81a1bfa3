"""`illumigan manifest`: the photos that a training would use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import IllumiganError
from illumigan_model.system.files import require_writable
from illumigan_ros.commands.command_line import TRAINING_NEEDS, require_modules


def command(
    config: Annotated[Path, typer.Argument(help="Training config, such as config/train_curve_grid.yaml.")],
    target: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    overrides: Annotated[Optional[list[str]], typer.Argument(help="Settings to change: key=value.")] = None,
) -> None:
    """List the photos a training would use: hash, size, luminance, origin, licence, and why others are left out."""
    require_modules(*TRAINING_NEEDS)
    from illumigan_training.config import check_config, read_config
    from illumigan_training.data.folders import write_manifest
    from illumigan_training.data.samples import read_photos

    require_writable(target)
    settings = read_config(config, overrides or [])
    check_config(settings)
    entries = read_photos(settings).manifest
    try:
        write_manifest(entries, target)
    except OSError as error:
        raise IllumiganError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    print(f"{sum(not entry.left_out for entry in entries)} of {len(entries)} photos are used; {target} lists all")
