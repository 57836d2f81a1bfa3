"""What all commands share: ROS arguments beside our own, errors as one sentence, options, progress."""

from __future__ import annotations

import importlib.util
import io
import os
import select
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from illumigan_model.errors import FrameError, IllumiganError, Incomplete, first_line
from illumigan_model.system.files import DISK_FULL, shown
from illumigan_ros.commands.signals import StoppedBySignal, leaving_on_signals

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer
    from illumigan_ros.recordings.offline import BatchResult

TRAINING_NEEDS = ("torch", "safetensors", "lightning_fabric", "tensorboard", "matplotlib")

Model = Annotated[str, typer.Option(help="Name of shipped weights, or path of an .onnx, .safetensors or .pth file.")]
Runtime = Annotated[str, typer.Option(help="What runs the network; auto takes the best one that works here.")]
Strength = Annotated[float, typer.Option(help="How much of the enhancement is applied, 0 to 1.", min=0.0, max=1.0)]
Denoise = Annotated[float, typer.Option(help="How strongly the noise is smoothed, 0 to 1.", min=0.0, max=1.0)]
White16bit = Annotated[
    int, typer.Option("--white-16bit", help="White in 16-bit images; 4095 for 12 bits, low end.", min=1, max=65535)
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Name everything that is left out, not only the first ten.")]

MOST_NAMED = 10
LEAST, MOST = 1e-6, 1e6  # seconds, rates, megabytes: what clocks, counters and stamps can still be set to
LEAST_SIDE, LARGEST_SIDE = 16, 8192  # pixels, of frames that are made up or measured with
INCOMPLETE = 1
BAD_INPUT = 2
INTERRUPTED = 130


def split_ros_args(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into our own arguments and those from `--ros-args` to `--` (or the end)."""
    own, ros = list(arguments), []
    if "--ros-args" in own:
        start = own.index("--ros-args")
        end = own.index("--", start) if "--" in own[start:] else len(own)
        own, ros = own[:start] + own[end + 1 :], own[start:end]
    return own, ros


def run(app: typer.Typer) -> None:
    """Run a command line; what goes wrong is one sentence on stderr and an exit code, not a traceback.

    The code is 2 for bad input, 1 where something is missing in the end, 128 and the signal's number after a signal.
    Where nobody reads on what is printed, as with `| head`, nothing is said, and the code is 1.
    """
    own, ros = split_ros_args(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        with leaving_on_signals():
            try:
                app(args=own, obj=ros)
            finally:
                sys.stdout.flush()  # now, and not when Python ends: it may go into a file on a full disk
    except StoppedBySignal as stop:
        with suppress(OSError):  # the terminal may be gone
            print(f"error: {stop.sentence}", file=sys.stderr, flush=True)
        sys.exit(stop.code)
    except IllumiganError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(INCOMPLETE if isinstance(error, Incomplete) else BAD_INPUT)
    except OSError as error:
        unread = isinstance(error, BrokenPipeError) and _nobody_reads(sys.stdout)  # as with | head
        with suppress(OSError):
            print("" if unread else f"error: {_describe(error)}\n", file=sys.stderr, flush=True, end="")
        if isinstance(sys.__stdout__, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # Python flushes it once more
        sys.exit(INCOMPLETE if unread else BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _nobody_reads(stream: TextIO) -> bool:
    """Return whether a stream goes into a pipe whose other end is closed."""
    poll = select.poll()
    try:
        poll.register(stream, 0)
    except (OSError, ValueError):
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _describe(error: OSError) -> str:
    """Return a sentence for what the system refused to a library or to the output."""
    if error.errno in DISK_FULL:
        return f"The disk is full ({first_line(error)}); free space or go elsewhere."
    name = shown(Path(os.fsdecode(error.filename))) if isinstance(error.filename, (str, bytes)) else "A file"
    return f"{name} cannot be read or written ({first_line(error)})."


def require_modules(*names: str) -> None:
    """Raise IllumiganError where some of training's dependencies are missing."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise IllumiganError(f"{', '.join(missing)} missing; install with: pip install 'illumigan[train]'.")


def open_enhancer(model: str, runtime: str, **settings: Any) -> Enhancer:
    """Return an Enhancer that tells on stderr why no better runtime is used, and when another one has to take over."""
    from illumigan_model.enhancer import Enhancer

    enhancer = Enhancer(model, runtime, on_takeover=lambda text: warn([text]), **settings)
    for reason in enhancer.runtime_reasons:
        print(f"note: {reason}", file=sys.stderr)
    return enhancer


def warn(sentences: Iterable[str]) -> None:
    """Print warnings on stderr; a terminal that is gone stops nothing."""
    for sentence in sentences:
        with suppress(OSError):
            print(f"warning: {sentence}", file=sys.stderr, flush=True)


def refuse_given(context: typer.Context, options: Iterable[str], why: str) -> None:
    """Raise FrameError if one of these options was given, as it would do nothing; `why` is how the sentence begins."""
    for name in options:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = next(one for one in context.command.params if one.name == name)
            raise FrameError(f"{why}: leave out {' and '.join([*option.opts, *option.secondary_opts])}.")


def require_positive(option: str, value: float | None) -> None:
    """Raise FrameError if an option that was given is no number above zero, or one beyond all use."""
    if value is not None and not LEAST <= value <= MOST:
        raise FrameError(f"{option} must be a number above 0 (from {LEAST:f} to {MOST:.0f}), not {value:g}.")


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of a size such as 1280x720; raises FrameError if it is none or no camera's."""
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) != 2 or min(sides) < LEAST_SIDE or max(sides) > LARGEST_SIDE:
        between = f"from {LEAST_SIDE}x{LEAST_SIDE} to {LARGEST_SIDE}x{LARGEST_SIDE}"
        raise FrameError(f"--size must look like 1280x720, {between}, not {text}.")
    return sides[0], sides[1]


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; gives a function to call after each step. A total of None or 0 means unknown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total or None)
        yield lambda: progress.advance(task)


def list_left_out(word: str, sentences: Sequence[str], verbose: bool) -> None:
    """Print a sentence for each thing that was left out, the first ten of many unless all are wanted."""
    for sentence in sentences if verbose else sentences[:MOST_NAMED]:
        print(f"{word}: {sentence}")
    if len(sentences) > MOST_NAMED and not verbose:
        print(f"{word}: {len(sentences) - MOST_NAMED} more, which --verbose names")


def conclude(result: BatchResult, what: str, out: Path, verbose: bool = False, done: str = "enhanced") -> None:
    """Say what was done, in which `done` is the verb.

    Raises FrameError if inputs could not be read, the others being done, and Incomplete if the source lacks something
    or frames could not be enhanced.
    """
    restarts = ", ".join(f"{count} x {reason}" for reason, count in result.restarts.items())
    anew = f"; what is remembered began anew: {restarts}" if restarts else ""
    print(f"{result.done} {what} {done} into {out}{anew}")
    warn(result.warnings + result.losses)
    if result.kept:
        warn([f"{result.kept} {what} could not be enhanced and are there as they came: {result.why_kept}"])
    list_left_out("skipped", result.failures, verbose)
    if result.failures:
        total = result.done + result.kept + len(result.failures)
        raise FrameError(f"{len(result.failures)} of {total} {what} could not be read; the others are done.")
    if result.losses:
        raise Incomplete(f"The source is not complete, see the warnings above; {out} has all {what} that can be read.")
    if result.kept:
        raise Incomplete(f"{result.kept} of {result.done + result.kept} {what} are not enhanced, see the warnings.")
