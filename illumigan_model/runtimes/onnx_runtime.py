"""ONNX Runtime, the default: CUDA where its provider is installed, else the CPU.

From 1.29 on its wheels send telemetry to Microsoft unless told not to (its Privacy.md). A camera must not: it is off
here, unless the environment variable ORT_DISABLE_TELEMETRY says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read once, when the library is loaded
import onnxruntime

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.graphs import find_graph, read_facts
from illumigan_model.runtimes.precisions import TOLERANCES
from illumigan_model.system.child_process import OnProgress, unwatched

CPU = "CPUExecutionProvider"
PROVIDERS = ("CUDAExecutionProvider", CPU)


class OnnxRuntime:
    """A network in ONNX Runtime."""

    name = "onnxruntime"

    def __init__(self, model: str, threads: int, on_progress: OnProgress = unwatched, *, on_cpu: bool = False) -> None:
        """Load a model by name or path, for the CPU even where there is CUDA if that is wanted.

        Raises:
            ModelError: the file is missing, damaged or was not exported by this package.
        """
        path = find_graph(model, on_progress)
        providers = [CPU] if on_cpu else present_providers()
        self.facts = read_facts(path)
        self.architecture, self.size = self.facts.architecture, self.facts.size
        # A CurveGrid is too small to be shared out; while one core runs it, the others prepare the frame.
        self.session = open_session(path, 1 if self.architecture == "curve_grid" else threads, providers)
        self.input = self.session.get_inputs()[0].name
        wanted, used = providers[0], self.session.get_providers()[0]
        self.notes = [] if used == wanted else [f"onnxruntime: {wanted} is installed but does not load; {used} runs."]
        is_coarse = used != CPU or self.facts.precision == "fp16"  # CUDA rounds to TF32, whose steps are those of fp16
        self.tolerance = TOLERANCES["fp16" if is_coarse else "fp32"]

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        try:
            return self.session.run(None, {self.input: image})[0][0]
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise ModelError(f"ONNX Runtime failed on this frame: {error}.") from error

    def reference(self) -> np.ndarray:
        """Return what the graph says of its right answer."""
        return self_check.from_text(self.facts.reference)

    def describe(self) -> str:
        """Return device and precision."""
        return f"{self.session.get_providers()[0].removesuffix('ExecutionProvider')}, {self.facts.precision}"

    def close(self) -> None:
        """Free the session."""
        del self.session


def on_cpu(model: str, threads: int, on_progress: OnProgress = unwatched) -> OnnxRuntime:
    """Return the runtime that is left where there is CUDA, but not enough of its memory."""
    return OnnxRuntime(model, threads, on_progress, on_cpu=True)


def open_session(graph: Path | bytes, threads: int, providers: list[str] | None = None) -> onnxruntime.InferenceSession:
    """Return a session for a file or its content, in the best provider unless told otherwise.

    A worker does not spin while it waits, so that the node leaves the cores to others.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    named = "What was made" if isinstance(graph, bytes) else graph
    try:
        content = graph if isinstance(graph, bytes) else str(graph)
        return onnxruntime.InferenceSession(content, options, providers=providers or present_providers())
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise ModelError(
            f"{named} is not an ONNX model that ONNX Runtime can load ({error}); export it again."
        ) from error


def present_providers() -> list[str]:
    """Return the execution providers that are installed, fastest first."""
    return [provider for provider in PROVIDERS if provider in onnxruntime.get_available_providers()]
