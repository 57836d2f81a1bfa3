"""The `illumigan` command: enhance files, play footage as a camera, run the demo, train, look at the installation.

Each command imports what it needs when it runs: files are enhanced without ROS and without torch.
"""

from __future__ import annotations

import importlib.metadata
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.tensorrt.engine_cache import PATIENCE_S
from illumigan_ros.command_line import open_enhancer, progress_bar, require_modules, require_positive, run
from illumigan_ros.demo import demo
from illumigan_ros.measure import benchmark, gpu_check
from illumigan_ros.output_files import make_folder, require_other_place
from illumigan_ros.recordings import player

if TYPE_CHECKING:
    from illumigan_ros.recordings.offline import Outcome

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="See in the dark: enhance low-light camera frames, live in ROS 2 or from files.",
)

TRAINING_NEEDS = ("torch", "safetensors", "lightning_fabric", "tensorboard", "matplotlib")

Model = Annotated[str, typer.Option(help="Name of shipped weights, or path of an .onnx, .safetensors or .pth file.")]
Runtime = Annotated[str, typer.Option(help="What runs the network; auto takes the best one that works here.")]
Strength = Annotated[float, typer.Option(help="How much of the enhancement is applied, 0 to 1.", min=0.0, max=1.0)]


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"illumigan {importlib.metadata.version('illumigan')}")
        raise typer.Exit


def _conclude(outcome: Outcome, what: str, out: Path) -> None:
    """Say what was done; unreadable inputs end in exit code 2, after the others were done."""
    print(f"{outcome.done} {what} enhanced into {out}")
    for failure in outcome.failures[:10]:
        print(f"skipped: {failure}")
    if outcome.failures:
        total = outcome.done + len(outcome.failures)
        raise FrameError(f"{len(outcome.failures)} of {total} {what} could not be read; the others are done.")


@app.command()
def enhance_images(
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
        outcome = offline.enhance_images(pictures, out_dir, attention, enhancer, advance)
    _conclude(outcome, "pictures", out_dir)


@app.command()
def enhance_video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new video (.mp4, .mkv or .mov; H.264, no sound).")],
    *,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="Show the input left of the result.")] = False,
    attention: Annotated[Optional[Path], typer.Option(help="Write a second video with the attention map.")] = None,
    display: Annotated[bool, typer.Option("--display", help="Show the frames in a window; q closes it.")] = False,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
) -> None:
    """Enhance a video: same frame count, same frame rate. A side of odd length grows by one repeated pixel."""
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.video import VideoReader

    with ExitStack() as stack:
        window = stack.enter_context(closing(offline.Window("IllumiGAN"))) if display else None
        frames = stack.enter_context(VideoReader(source))
        enhancer = stack.enter_context(open_enhancer(model, runtime, strength=strength))
        advance = stack.enter_context(progress_bar("enhancing", frames.frame_count))
        outcome = offline.enhance_video(
            frames, out, enhancer, advance, compare=side_by_side, attention=attention, window=window
        )
        rate = float(Fraction(frames.fps))
    _conclude(outcome, f"frames ({rate:.4g} fps, {enhancer.runtime})", out)


@app.command()
def enhance_bag(
    source: Annotated[Path, typer.Argument(metavar="IN", help="rosbag2 folder, .mcap or .db3 file, or a video.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new bag (mcap).")],
    *,
    topic: Annotated[Optional[str], typer.Option(help="Image topic; needed if the bag has several.")] = None,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
) -> None:
    """Enhance every image of a bag into a new bag, without ROS and without skipping; headers stay untouched."""
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.footage import Footage

    with (
        Footage(source, topic) as footage,
        open_enhancer(model, runtime, strength=strength) as enhancer,
        progress_bar("enhancing", footage.frame_count) as advance,
    ):
        outcome = offline.enhance_bag(footage, out, enhancer, advance)
    _conclude(outcome, "images", out)


app.command("benchmark")(benchmark.command)
app.command("demo")(demo.command)
app.command("gpu-check")(gpu_check.command)
app.command("play-bag")(player.command)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="Training config, such as config/train_curve_grid.yaml.")],
    overrides: Annotated[Optional[list[str]], typer.Argument(help="Settings to change: key=value.")] = None,
) -> None:
    """Train a generator; a killed run goes on from its last checkpoint."""
    require_modules(*TRAINING_NEEDS)
    from illumigan_training.config import read_config
    from illumigan_training.train import train as run_training

    print(f"The run is in {run_training(read_config(config, overrides or []))}")


@app.command()
def manifest(
    config: Annotated[Path, typer.Argument(help="Training config, such as config/train_curve_grid.yaml.")],
    target: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    overrides: Annotated[Optional[list[str]], typer.Argument(help="Settings to change: key=value.")] = None,
) -> None:
    """List the photos a training would use: hash, size, luminance, origin, licence, and why others are left out."""
    require_modules(*TRAINING_NEEDS)
    from illumigan_training.config import check_config, read_config
    from illumigan_training.data.folders import write_manifest
    from illumigan_training.data.samples import read_photos

    settings = read_config(config, overrides or [])
    check_config(settings)
    entries = read_photos(settings).manifest
    try:
        write_manifest(entries, target)
    except OSError as error:
        raise IllumiganError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    print(f"{sum(not entry.left_out for entry in entries)} of {len(entries)} photos are used; {target} lists all")


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of photos, or one with the folders low and high in it.")],
    *,
    truth: Annotated[Optional[Path], typer.Option(help="The same photos well lit, under the same names.")] = None,
    model: Annotated[
        Optional[list[str]], typer.Option(help="Shipped weights or a file; may be repeated. Without: curve_grid.")
    ] = None,
    runs: Annotated[
        Optional[list[Path]], typer.Option("--run", help="A training run to compare by its settings; may be repeated.")
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Measure auto-gamma and CLAHE, too.")] = True,
    daylight_gate: Annotated[bool, typer.Option(help="Let bright photos pass the models unchanged.")] = True,
    runtime: Runtime = "auto",
    vgg: Annotated[Optional[Path], typer.Option(help="VGG-16 weights; measures the feature distance, too.")] = None,
    out: Annotated[Optional[Path], typer.Option(help="Folder for table.md, table.csv and contact_sheet.jpg.")] = None,
) -> None:
    """Measure models on photos: PSNR, SSIM, NIQE, luminance, change and time, next to classical baselines."""
    try:
        from illumigan_ros.commands import evaluation
        from illumigan_training.evaluation import images as training
        from illumigan_training.losses.features import open_features
    except ModuleNotFoundError as error:
        raise IllumiganError(f"{error.name} is missing; install it with: pip install 'illumigan[train]'.") from error

    photos, alone = training.find_photos(data, truth)
    if out is not None:
        evaluation.prepare(out, photos)
    features = open_features("vgg16", vgg) if vgg is not None else None
    models = model or ([] if runs else ["curve_grid"])
    how = {"baselines": baselines, "daylight_gate": daylight_gate}
    with (
        training.open_contenders(models, runs or [], runtime=runtime, **how) as contenders,
        progress_bar("evaluating", len(photos)) as advance,
    ):
        done = training.evaluate(photos, contenders, features, advance)
    evaluation.show(done, alone)
    if out is not None:
        evaluation.write(done, out)
        print(f"The tables and the contact sheet are in {out}")
    evaluation.conclude(done)


@app.command()
def evaluate_detection(
    images: Annotated[Path, typer.Option(help="Folder of pictures.")],
    truth: Annotated[Path, typer.Option(help="CSV of number plates: image, x0, y0, x1, y1 as shares of the picture.")],
    detector: Annotated[Path, typer.Option(help="ONNX file of a YOLOX trained on COCO.")],
    *,
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    frames: Annotated[Optional[Path], typer.Option(help="CSV with a row for each picture, to choose by.")] = None,
    where: Annotated[str, typer.Option(metavar="COLUMN=VALUE", help="Which rows of --frames to take.")] = "",
    out: Annotated[Optional[Path], typer.Option(help="Folder for the table and for sheets of what changed.")] = None,
) -> None:
    """Compare how many vehicles with annotated plates a detector finds: raw, classical baselines and models."""
    require_modules("torch", "skimage")
    from illumigan_ros.commands import detection as report
    from illumigan_training.evaluation import detection
    from illumigan_training.evaluation.detector import Detector
    from illumigan_training.evaluation.images import open_contenders

    if out is not None:
        require_other_place(out, images)
        make_folder(out)
    chosen, missing = detection.annotated_frames(images, truth, frames, where)
    network = Detector(detector)
    with open_contenders(model) as contenders:
        with progress_bar("detecting", len(chosen)) as advance:
            comparison = detection.evaluate_detection(chosen, contenders, network, advance)
        report.show(comparison, missing)
        if out is not None:
            report.write(comparison, out)
    report.conclude(comparison, missing)


@app.command()
def export(
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


@app.command()
def build_engine(
    *,
    model: Model = "curve_grid",
    precision: Annotated[str, typer.Option(help="fp16 or fp32.")] = "fp16",
    size: Annotated[
        Optional[str], typer.Option(help="WIDTHxHEIGHT, to make the graph of weights that have none for it.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Minutes that it may take.")] = PATIENCE_S / 60,
) -> None:
    """Build the TensorRT engine of a model ahead of time; it is kept for this GPU and these versions only."""
    from illumigan_ros.commands import engine

    require_positive("--timeout", timeout)
    engine.build_engine(model, precision, size, 60 * timeout)


@app.command()
def doctor() -> None:
    """Print what works on this machine, what does not, and why: ROS, DDS, runtimes, GPU, weights, video."""
    from illumigan_ros.commands.doctor import examine

    if not examine():
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    run(app)


if __name__ == "__main__":
    main()
