"""ONNX Runtime, the default: CUDA where its provider is installed, else the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from illumigan_model.errors import ModelError
from illumigan_model.weights import find_weights

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxRuntime:
    """A network in ONNX Runtime."""

    name = "onnxruntime"

    def __init__(self, model: str, threads: int) -> None:
        """Load a model by name or path.

        Raises:
            ModelError: the file is missing, damaged or was not exported by this package.
        """
        path = find_weights(model, (".onnx",))
        self.session = open_session(path, 1)
        facts = self.session.get_modelmeta().custom_metadata_map
        if "architecture" not in facts:
            raise ModelError(f"{path} was not exported by illumigan (its metadata is missing); export the model again.")
        self.architecture = facts["architecture"]
        # A CurveGrid is too small to be shared out; while one core runs it, the others prepare the frame.
        if self.architecture != "curve_grid" and threads > 1:
            self.session = open_session(path, threads)
        self.input = self.session.get_inputs()[0].name
        wanted, used = present_providers()[0], self.session.get_providers()[0]
        self.notes = [] if used == wanted else [f"onnxruntime: {wanted} is installed but does not load; {used} runs."]

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        try:
            return self.session.run(None, {self.input: image})[0][0]
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise ModelError(f"ONNX Runtime failed on this frame: {error}.") from error

    def close(self) -> None:
        """Free the session."""
        del self.session


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Return a session; a worker does not spin while it waits, so that the node leaves the cores to others."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=present_providers())
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise ModelError(
            f"{path} is not an ONNX model that ONNX Runtime can load ({error}); export it again."
        ) from error


def present_providers() -> list[str]:
    """Return the execution providers that are installed, fastest first."""
    return [provider for provider in PROVIDERS if provider in onnxruntime.get_available_providers()]
