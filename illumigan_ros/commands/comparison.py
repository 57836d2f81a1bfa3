"""What `make comparison` runs: methods side by side, into docs/comparison.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illumigan_ros.commands.command_line import progress_bar, require_modules, require_positive, run


def command(
    out: Annotated[Path, typer.Argument(help="The Markdown file to write.")],
    *,
    frames: Annotated[int, typer.Option(min=2, max=240, help="Frames of the rendered drive.")] = 60,
    seconds: Annotated[float, typer.Option(help="How long to measure the speed.")] = 15.0,
) -> None:
    """Measure the baselines, methods from papers and our models on pictures that this repository may use."""
    require_positive("--seconds", seconds)
    require_modules("torch", "skimage", "pycocotools", "safetensors")
    from illumigan_ros.measure.comparison import write_comparison

    write_comparison(out, frames, seconds, progress_bar)
    print(f"The comparison is in {out}")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run(app)
