"""`illumigan demo`: the whole system at work, on footage of its own or on yours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import FrameError, Incomplete
from illumigan_ros.commands.command_line import Model, Runtime, parse_size, progress_bar, refuse_given, require_positive


def command(
    context: typer.Context,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; those of an earlier demo there are replaced.")
    ] = Path("demo_out"),
    bag: Annotated[Optional[Path], typer.Option(help="Use this bag instead of the built-in night drive.")] = None,
    video: Annotated[Optional[Path], typer.Option(help="Use this video instead of the built-in night drive.")] = None,
    topic: Annotated[Optional[str], typer.Option(help="Image topic of the bag; needed if it has several.")] = None,
    size: Annotated[str, typer.Option(help="Size of the built-in drive.")] = "640x360",
    seconds: Annotated[float, typer.Option(help="How much footage to play.", min=0.5)] = 10.0,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    detector: Annotated[str, typer.Option(help="Shipped detector or ONNX file; its boxes are drawn.")] = "yolox_nano",
) -> None:
    """Show it working: a night drive is played over DDS through the node, recorded, and drawn side by side."""
    from illumigan_ros.demo.demo import DemoOptions, run_demo
    from illumigan_ros.demo.examination import in_words

    if bag is not None and video is not None:
        raise FrameError("Choose one of --bag and --video.")
    if bag is None:
        refuse_given(context, ("topic",), "There are topics only with --bag")
    if bag or video:
        refuse_given(context, ("size",), "Footage was given, and no drive is rendered")
    require_positive("--seconds", seconds)
    options = DemoOptions(out, bag or video, topic, parse_size(size), seconds, model, runtime, detector)
    recording, report = run_demo(options, progress_bar)
    for name, value in report.items():
        if not isinstance(value, dict):
            print(f"  {name.replace('_', ' '):<16} {'unknown' if value is None else value}")
    print("\n".join(in_words(report["detection"])))
    print(f"Open {recording.video} (input | enhanced) and {recording.sheet}; the bag is {recording.bag}.")
    if "missing" in report:
        raise Incomplete(f"Not all of it is there: {report['missing']}")
