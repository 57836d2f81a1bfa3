"""Build a TensorRT engine from an ONNX file, with every TensorRT from 8.5 to 11.

    python -m illumigan_model.tensorrt.build curve_grid.onnx curve_grid.engine fp16

What differs between the versions: networks had to be told to be of explicit batch (up to 8), half precision is a flag
of the builder (up to 10) or of the graph itself (from 11 on, "Strongly typed networks are now required" in NVIDIA's
migration guide), and progress can be watched from 10 on. TensorRT for RTX has the interface of 11; it builds without a
GPU, too.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

from illumigan_model.errors import ModelError
from illumigan_model.runtimes.precisions import require_precision
from illumigan_model.system.machine import l4t_release
from illumigan_model.tensorrt import cuda
from illumigan_model.version import __version__

MODULES = ("tensorrt", "tensorrt_rtx")
NEEDED = {"__version__", "Builder", "BuilderFlag", "ILogger", "NetworkDefinitionCreationFlag", "OnnxParser", "Runtime"}
WORKSPACE = 1 << 30  # bytes; a Jetson's memory is shared with everything else on it


def load_tensorrt() -> Any:
    """Return the module of TensorRT; raises ModelError if there is none, or one that does not load."""
    reasons = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                reasons.append(f"{name} does not load ({error})")
        except Exception as error:  # a broken installation raises whatever it likes
            reasons.append(f"{name} does not load ({' '.join(str(error).split()) or type(error).__name__})")
        else:
            missing = sorted(NEEDED - set(dir(module)))
            if not missing:  # removing a package may leave an empty folder of that name
                return module
            reasons.append(f"{name} is not installed completely (it has no {missing[0]})")
    raise ModelError(f"TensorRT cannot be used: {'; '.join(reasons) or 'it is not installed'}.")


def facts() -> dict[str, str]:
    """Return all that an engine depends on besides its graph: versions of TensorRT, CUDA and L4T, and the GPU.

    Raises:
        ModelError: TensorRT or a GPU is missing.
    """
    trt = load_tensorrt()
    release = l4t_release()
    return {
        "tensorrt": f"{trt.__name__} {trt.__version__}",
        **cuda.facts(),
        **({"l4t": release} if release else {}),
    }


class Options(NamedTuple):
    """Everything that `build` tells TensorRT; it is in the key of an engine, so that none outlives a change of it.

    What is not here, such as the level of optimisation, is left to TensorRT, whose version is in the key, too.
    """

    workspace_bytes: int
    explicit_batch: bool
    fp16_flag: bool
    tf32: bool
    """Whether single precision may round what is multiplied to 10 bits; TensorRT does so unless told not to."""
    halved_by: str
    """Who has turned the graph into half precision, where TensorRT does not do so itself."""


def options(trt: Any, precision: str) -> Options:
    """Return the options of a build in "fp32" or "fp16"."""
    is_half, has_flag, flag = precision == "fp16", hasattr(trt.BuilderFlag, "FP16"), trt.NetworkDefinitionCreationFlag
    return Options(
        workspace_bytes=WORKSPACE,
        explicit_batch=hasattr(flag, "EXPLICIT_BATCH"),  # where it is not the only kind there is
        fp16_flag=is_half and has_flag,
        tf32=is_half,  # those steps are as coarse as half precision's; who asks for fp32 wants to be without them
        halved_by=f"illumigan {__version__}" if is_half and not has_flag else "nobody",
    )


def build(onnx: Path, target: Path, precision: str) -> None:
    """Build the engine of an ONNX graph and write it to a file; what happens is printed, a line each.

    It takes minutes on a Jetson, and holds the interpreter for all that time: run it in a process of its own.

    Args:
        onnx: a graph that `export.export_onnx` made.
        target: the file to write.
        precision: "fp32" or "fp16".

    Raises:
        ModelError: TensorRT cannot be used, it refuses the graph, or a file cannot be read or written.
    """
    require_precision(precision)
    trt = load_tensorrt()
    try:
        content = onnx.read_bytes()
    except OSError as error:
        raise ModelError(f"{onnx} cannot be read ({error.strerror}).") from error
    told = options(trt, precision)
    if told.halved_by != "nobody":
        content = halved(content, onnx)
    log = new_log(trt)
    print(f"Building an engine of {onnx.name} in {precision} with {trt.__name__} {trt.__version__}.", flush=True)
    try:
        builder = trt.Builder(log)
        flag = trt.NetworkDefinitionCreationFlag
        network = builder.create_network(1 << int(flag.EXPLICIT_BATCH) if told.explicit_batch else 0)
        parser = trt.OnnxParser(network, log)
        if not parser.parse(content):
            raise ModelError(f"TensorRT cannot parse {onnx}: {errors_of(parser)}.")
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, told.workspace_bytes)
        if told.fp16_flag:
            config.set_flag(trt.BuilderFlag.FP16)
        if not told.tf32:
            config.clear_flag(trt.BuilderFlag.TF32)
        if hasattr(trt, "IProgressMonitor") and hasattr(config, "progress_monitor"):
            config.progress_monitor = new_monitor(trt)
        engine = builder.build_serialized_network(network, config)
    except ModelError:
        raise
    except Exception as error:  # without a GPU or with a broken driver the bindings raise TypeError and the like
        raise ModelError(f"TensorRT cannot build an engine here: {log.last or error}.") from error
    if engine is None:
        raise ModelError(f"TensorRT could not build an engine of {onnx}: {log.last}.")
    try:
        target.write_bytes(engine)
    except OSError as error:
        raise ModelError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    print(f"Done: {target.stat().st_size / 1e6:.1f} MB.", flush=True)


def halved(content: bytes, path: Path) -> bytes:
    """Return an ONNX file's content with its body in half precision; raises ModelError if that cannot be done."""
    try:
        import onnx

        from illumigan_model.export.rewrite import to_half
    except ImportError as error:
        raise ModelError("This TensorRT needs the package onnx for half precision: pip install onnx.") from error
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf has its own root of errors
        raise ModelError(f"{path} is not an ONNX file ({error}); export it again.") from error
    if not any((entry.key, entry.value) == ("precision", "fp16") for entry in model.metadata_props):
        to_half(model)
    return model.SerializeToString()


def errors_of(parser: Any) -> str:
    """Return what the parser found wrong, in one line."""
    found = [str(parser.get_error(place).desc()).strip().rstrip(".") for place in range(parser.num_errors)]
    return "; ".join(found).replace("\n", " ") or "it is no graph"


def new_log(trt: Any) -> Any:
    """Return a logger for TensorRT that keeps the last error in `last`, and prints nothing."""

    class Log(trt.ILogger):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.last = message.strip().rstrip(".").replace("\n", " ")

    return Log()


def new_monitor(trt: Any) -> Any:
    """Return a monitor that prints each step of the outermost phase of a build."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self.steps[phase_name] = num_steps

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self.steps:
                print(f"{phase_name}: step {step + 1} of {self.steps[phase_name]}", flush=True)
            return True

    return Monitor()


def main(arguments: list[str]) -> int:
    """Build from the command line; returns the exit status."""
    if len(arguments) != 3:
        print("Usage: python -m illumigan_model.tensorrt.build ONNX TARGET PRECISION", file=sys.stderr)
        return 2
    try:
        build(Path(arguments[0]), Path(arguments[1]), arguments[2])
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
