"""The TensorRT engines that were built on this machine: find them, and build those that are missing.

An engine fits one network, one GPU and one version of everything below; all of that is its key. It lies in
${XDG_CACHE_HOME:-~/.cache}/illumigan/trt/KEY/, a folder of its owner's alone, because an engine is native code:
`engine_folder` says what is in it. Engines are built here and nowhere else: never copy one from another machine, and
never download one.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from illumigan_model import weights
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.precisions import require_precision
from illumigan_model.system.child_process import OnProgress, run_program, unwatched
from illumigan_model.system.files import part_of
from illumigan_model.system.user_cache import cache_folder
from illumigan_model.tensorrt.engine_folder import (
    Damaged,
    EngineRecord,
    keep,
    key_of,
    locked,
    nothing_left_over,
    set_aside_if_damaged,
    verified,
)
from illumigan_model.tensorrt.engine_list import differences, prune

PATIENCE_S = 3600.0  # for one engine; the slowest Jetson takes some ten minutes for an AttentionUNet


class Builder(NamedTuple):
    """Who builds engines: a command that is given ONNX, TARGET and PRECISION, and what its engines depend on.

    That is the machine and its versions (`facts`), and what the command chooses for a precision (`options`).
    """

    command: tuple[str, ...]
    facts: Callable[[], dict[str, str]]
    options: Callable[[str], dict[str, Any]] = lambda _precision: {}


def tensorrt_facts() -> dict[str, str]:
    """Return what a TensorRT engine depends on; raises ModelError where there is no TensorRT or no GPU."""
    from illumigan_model.tensorrt.build import facts

    return facts()


def tensorrt_options(precision: str) -> dict[str, Any]:
    """Return what TensorRT is told for a precision; raises ModelError where there is no TensorRT."""
    from illumigan_model.tensorrt.build import load_tensorrt, options

    return options(load_tensorrt(), precision)._asdict()


TENSORRT = Builder((sys.executable, "-m", "illumigan_model.tensorrt.build"), tensorrt_facts, tensorrt_options)


def find(onnx: Path, precision: str, builder: Builder = TENSORRT, model: str = "") -> Path:
    """Return the engine of a network, verified.

    Args:
        onnx: the network's graph.
        precision: "fp32" or "fp16".
        builder: who built it.
        model: what the user calls the network, for the advice in the error; the graph's path unless given.

    Raises:
        ModelError: there is none for this GPU and these versions, it is damaged or not the user's own, or there is no
            TensorRT here; what is damaged is set aside.
    """
    folder = folder_of(describe(onnx, precision, builder))
    what = f"engine of {model or onnx.name} ({precision})"
    command = f"illumigan build-engine --model {shlex.quote(model or str(onnx))} --precision {precision}"
    try:
        record = verified(folder)
    except Damaged as damage:
        with suppress(OSError, ModelError), locked(folder, 0, unwatched):
            set_aside_if_damaged(folder)
        raise ModelError(f"The {what} is not used: {damage} Build it again with: {command}.") from damage
    if record is None:
        raise ModelError(f"There is no {what} for this GPU and this TensorRT yet; build it: {command}.")
    return record.engine


def build(onnx: Path, precision: str, timeout_s: float, on_progress: OnProgress, builder: Builder = TENSORRT) -> Path:
    """Return the engine of a network; it is built if there is none yet, and built again if it is damaged.

    Once it is built, the ones that it replaces are removed, see `engine_list`.

    Args:
        onnx: the network's graph.
        precision: "fp32" or "fp16".
        timeout_s: seconds that the building may take, and those to wait for another process that builds the same.
        on_progress: is told what goes on; what it raises ends the building and is raised here.
        builder: who builds it.

    Raises:
        ModelError: it cannot be built or kept, the message says why; nothing half-done stays behind.
    """
    require_precision(precision)
    purpose = describe(onnx, precision, builder)
    folder = folder_of(purpose)
    try:
        with suppress(Damaged):  # a cache that is read-only may have it
            if record := verified(folder):
                return record.engine
        with locked(folder, timeout_s, on_progress):
            if record := set_aside_if_damaged(folder):
                return record.engine  # somebody else has built it while we waited
            with nothing_left_over(folder):
                engine = build_into(folder, onnx, purpose, timeout_s, on_progress, builder)
    except OSError as error:
        raise ModelError(
            f"The engine cannot be kept in {folder} ({error.strerror}); "
            "make room there, or let XDG_CACHE_HOME name a folder that can be written."
        ) from error
    prune(folder, purpose)
    return engine


def build_into(
    folder: Path,
    onnx: Path,
    purpose: dict[str, Any],
    timeout_s: float,
    on_progress: OnProgress,
    builder: Builder,
) -> Path:
    """Build an engine into a folder that is locked, and record it; see `build`."""
    partial = part_of(folder / "engine")  # an own name: a builder that was left over might still be writing
    command = [*builder.command, str(onnx.resolve()), str(partial), purpose["precision"]]
    run_program(command, "Building the engine", timeout_s, on_progress)
    if not partial.is_file() or not partial.stat().st_size:
        raise ModelError("The program that builds the engine ended well, but left no engine.")
    if graph_sha256(onnx) != purpose["onnx"]:
        raise ModelError(f"{onnx} has changed while its engine was being built; build it again.")
    return keep(partial, folder, purpose, onnx.name)


def describe(onnx: Path, precision: str, builder: Builder) -> dict[str, Any]:
    """Return everything that an engine depends on; raises ModelError: no such graph, or there is no TensorRT here."""
    return purpose_of(graph_sha256(onnx), precision, builder)


def purpose_of(graph: str, precision: str, builder: Builder) -> dict[str, Any]:
    """Return everything that the engine of a graph, given by its sha256, depends on; raises ModelError as `describe`.

    Shapes are those of the graph, and so its sha256 stands for them.
    """
    return {
        "onnx": graph,
        "precision": precision,
        "shapes": "static",
        "dla": "none",  # a Jetson's other accelerator; our engines use the GPU alone
        "facts": builder.facts(),
        "options": builder.options(precision),
    }


def misfit(record: EngineRecord, builder: Builder = TENSORRT) -> str:
    """Say why an engine is not used on this machine as it is now, "" if it is; raises ModelError without TensorRT."""
    now = purpose_of(record.purpose["onnx"], record.purpose["precision"], builder)
    return ", ".join(differences(record.purpose, now))


def folder_of(purpose: dict[str, Any]) -> Path:
    """Return the folder of the engine that is built for a purpose; it need not exist."""
    return cache_folder("trt") / key_of(purpose)


def graph_sha256(onnx: Path) -> str:
    """Return the sha256 of a graph; raises ModelError if it cannot be read."""
    try:
        return weights.sha256(onnx)
    except OSError as error:
        raise ModelError(f"The graph {onnx} cannot be read ({error.strerror}); give an .onnx file.") from error
