"""OpenVINO on the CPU: bfloat16 for an AttentionUNet where the processor has it, more than twice as fast as float32."""

from __future__ import annotations

import importlib.util

import numpy as np

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.graphs import find_graph, read_facts
from illumigan_model.runtimes.precisions import TOLERANCES
from illumigan_model.system.child_process import OnProgress, unwatched


class OpenvinoRuntime:
    """A network in OpenVINO."""

    name = "openvino"

    def __init__(self, model: str, threads: int, on_progress: OnProgress = unwatched) -> None:
        """Load a model by name or path.

        Raises:
            ModelError: OpenVINO is not installed, or the file is missing, damaged or was not exported by this package.
        """
        if importlib.util.find_spec("openvino") is None:
            raise ModelError("OpenVINO is not installed; install it with: pip install 'illumigan[openvino]'.")
        import openvino

        path = find_graph(model, on_progress)
        self.facts = read_facts(path)
        self.architecture, self.size = self.facts.architecture, self.facts.size
        core = openvino.Core()
        try:
            graph = core.read_model(path)
        except RuntimeError as error:
            raise ModelError(f"{path} is not an ONNX model that OpenVINO can load; export it again.") from error
        # CurveGrid is too small to gain anything
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        gains = has_bf16 and self.architecture == "attention_unet"
        self.precision = "bf16" if gains else "fp32"
        self.tolerance = TOLERANCES[self.precision]
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        hints["INFERENCE_PRECISION_HINT"] = "bf16" if gains else "f32"
        self.request = core.compile_model(graph, "CPU", hints).create_infer_request()
        self.notes: list[str] = []

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        try:
            self.request.infer({0: image}, share_inputs=True)
            return self.request.get_output_tensor(0).data[0].copy()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed on this frame: {error}.") from error

    def reference(self) -> np.ndarray:
        """Return what the graph says of its right answer."""
        return self_check.from_text(self.facts.reference)

    def describe(self) -> str:
        """Return device and precision."""
        return f"CPU, {self.precision}"

    def close(self) -> None:
        """Free the network."""
        del self.request
