"""The `illumigan` command; each of its commands has a file of its own here.

They import what they need when they run: files are enhanced without ROS and without torch.
"""

from __future__ import annotations

from typing import Annotated

import typer

from illumigan_model import __version__
from illumigan_ros.commands import (
    bag_to_video,
    benchmark,
    build_engine,
    compare,
    demo,
    doctor,
    enhance_bag,
    enhance_bags,
    enhance_images,
    enhance_video,
    evaluate,
    evaluate_detection,
    evaluate_scenes,
    evaluate_video,
    export,
    gpu_check,
    info,
    manifest,
    play_bag,
    train,
    view,
)
from illumigan_ros.commands.command_line import run

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="See in the dark: enhance low-light camera frames, live in ROS 2 or from files.",
)


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"illumigan {__version__}")
        raise typer.Exit


for module in (
    enhance_images,
    enhance_video,
    enhance_bag,
    enhance_bags,
    info,
    bag_to_video,
    compare,
    view,
    benchmark,
    demo,
    gpu_check,
    play_bag,
    train,
    manifest,
    evaluate,
    evaluate_detection,
    evaluate_scenes,
    evaluate_video,
    export,
    build_engine,
    doctor,
):
    app.command(module.__name__.rpartition(".")[2].replace("_", "-"))(module.command)


def main() -> None:
    """Run the command line."""
    run(app)


if __name__ == "__main__":
    main()
