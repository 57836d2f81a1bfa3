"""torch2trt, for TensorRT up to 10: a network is converted in memory, each time that it is loaded.

A conversion takes minutes on a Jetson, so this runtime is taken only when it is asked for by name. Engines that last
are built by `tensorrt_build` from a graph.
"""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np

from illumigan_model.errors import ModelError, first_line
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.graphs import inner_size
from illumigan_model.runtimes.precisions import TOLERANCES
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.weights import find_weights


class Torch2trtRuntime:
    """A network that torch2trt has converted, in half precision."""

    name = "torch2trt"
    precision, tolerance = "fp16", TOLERANCES["fp16"]

    def __init__(self, model: str, threads: int, _on_progress: OnProgress = unwatched) -> None:
        """Load a model by name or path, and convert it.

        Raises:
            ModelError: torch2trt, its TensorRT or a GPU is missing, the file is missing or damaged, or the conversion
                fails.
        """
        for package in ("torch", "torch2trt"):
            if importlib.util.find_spec(package) is None:
                raise ModelError(f"{package} is not installed; PyTorch for CUDA and torch2trt are needed.")
        import torch

        from illumigan_model.generators.checkpoint import load_checkpoint
        from illumigan_model.generators.curve_grid import THUMBNAIL_WH, CurveGrid
        from illumigan_model.generators.scopes import Core
        from illumigan_model.torch2trt.check import check_convertible

        if not torch.cuda.is_available():
            raise ModelError("PyTorch finds no NVIDIA GPU here.")
        torch.set_num_threads(threads)
        weights = find_weights(model, (".safetensors", ".pth"))
        network = load_checkpoint(weights)
        self.architecture, self.size = "curve_grid", THUMBNAIL_WH
        if not isinstance(network, CurveGrid):
            self.architecture, self.size = "attention_unet", inner_size(weights)
        core = Core(network).eval()
        picture = torch.from_numpy(self_check.night_picture(self.size))
        with torch.no_grad():
            self.right = self_check.digest(core(picture)[0].numpy())
        sample = torch.full_like(picture, 0.5)  # not the test picture: what the conversion freezes must be found out
        check_convertible(core, sample)
        try:
            convert = importlib.import_module("torch2trt").torch2trt  # no package index has it
            with torch.no_grad():
                self.network = convert(core.cuda(), [sample.cuda()], fp16_mode=True)
        except Exception as error:  # TensorRT and torch2trt raise whatever they like
            raise ModelError(f"torch2trt cannot convert this model here: {first_line(error)}.") from error
        self.notes: list[str] = []

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        import torch

        try:
            with torch.inference_mode():
                return self.network(torch.from_numpy(image).cuda())[0].float().cpu().numpy()
        except RuntimeError as error:
            raise ModelError(f"torch2trt failed on this frame: {first_line(error)}.") from error

    def reference(self) -> np.ndarray:
        """Return what the network answers in single precision on the CPU, before it is converted."""
        return self.right

    def describe(self) -> str:
        """Return device and precision."""
        return f"CUDA, {self.precision}"

    def close(self) -> None:
        """Free the network."""
        del self.network
