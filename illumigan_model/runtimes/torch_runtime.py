"""PyTorch, eager: CUDA where there is one, else the CPU. It runs a frame at its own size, whatever that is.

An AttentionUNet runs channels last, and in half precision on CUDA or in bfloat16 on a processor that computes in it;
batch norms stay in single precision, and so does a CurveGrid, which is too small to gain anything.
"""

from __future__ import annotations

import importlib.util
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from illumigan_model.errors import ModelError, first_line
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.precisions import TOLERANCES
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.system.machine import computes_in_bfloat16
from illumigan_model.weights import find_weights


class TorchRuntime:
    """A network in PyTorch."""

    name = "torch"
    size: tuple[int, int] | None

    def __init__(self, model: str, threads: int, _on_progress: OnProgress = unwatched) -> None:
        """Load a model by name or path.

        Raises:
            ModelError: torch is not installed, or the file is missing, damaged or of another kind.
        """
        if importlib.util.find_spec("torch") is None:
            raise ModelError("PyTorch is not installed; install it with: pip install 'illumigan[train]'.")
        import torch

        from illumigan_model.generators.checkpoint import load_checkpoint
        from illumigan_model.generators.curve_grid import CurveGrid

        torch.set_num_threads(threads)
        self.network = load_checkpoint(find_weights(model, (".safetensors", ".pth")))
        self.curves = self.network.curves if isinstance(self.network, CurveGrid) else None
        self.architecture = "curve_grid" if self.curves else "attention_unet"
        self.size = THUMBNAIL_WH if self.curves else None
        image = torch.from_numpy(self_check.night_picture(self.size or self_check.PICTURE_WH))
        with torch.inference_mode():
            self.right = self_check.digest(self._answer(image).numpy())
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        is_cuda = self.device.type == "cuda"
        self.precision, self.layout = "fp32", torch.contiguous_format
        # CUDA's convolutions round to TF32, whose steps are those of fp16.
        self.tolerance = TOLERANCES["fp16" if is_cuda else "fp32"]
        if not self.curves and (is_cuda or computes_in_bfloat16()):
            self.precision = "fp16" if is_cuda else "bf16"
            self.tolerance = TOLERANCES[self.precision]
        if not self.curves:
            self.layout = torch.channels_last
        try:
            self.network.to(self.device)
            for weight in self.network.parameters():
                if weight.dim() == 4:
                    weight.data = weight.data.contiguous(memory_format=self.layout)
        except RuntimeError as error:
            raise ModelError(f"PyTorch cannot put the network on the GPU: {first_line(error)}.") from error
        self.notes: list[str] = []

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        import torch

        try:
            with torch.inference_mode(), self._precision():
                batch = torch.from_numpy(image).to(self.device, memory_format=self.layout)
                return np.ascontiguousarray(self._answer(batch).float().cpu().numpy())
        except RuntimeError as error:  # CUDA out of memory is one, too
            raise ModelError(f"PyTorch failed on this frame: {first_line(error)}.") from error

    def _answer(self, batch: Any) -> Any:
        return self.curves(batch)[0] if self.curves else self.network(batch)[0][0]

    def _precision(self) -> AbstractContextManager[Any]:
        import torch

        kinds = {"fp16": torch.float16, "bf16": torch.bfloat16}
        kind = kinds.get(self.precision)
        return torch.autocast(self.device.type, kind) if kind else nullcontext()

    def reference(self) -> np.ndarray:
        """Return what the same network answers in single precision on the CPU."""
        return self.right

    def describe(self) -> str:
        """Return device and precision."""
        return f"{self.device.type.upper()}, {self.precision}"

    def close(self) -> None:
        """Free the network."""
        del self.network, self.curves
