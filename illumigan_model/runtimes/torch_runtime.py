"""PyTorch, eager: CUDA where there is one, else the CPU."""

from __future__ import annotations

import importlib.util

import numpy as np

from illumigan_model.errors import ModelError
from illumigan_model.weights import find_weights


class TorchRuntime:
    """A network in PyTorch."""

    name = "torch"

    def __init__(self, model: str, threads: int) -> None:
        """Load a model by name or path.

        Raises:
            ModelError: torch is not installed, or the file is missing, damaged or of another kind.
        """
        if importlib.util.find_spec("torch") is None:
            raise ModelError("PyTorch is not installed; install it with: pip install 'illumigan[train]'.")
        import torch

        from illumigan_model.checkpoint import load_checkpoint
        from illumigan_model.generators.curve_grid import CurveGrid

        torch.set_num_threads(threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = load_checkpoint(find_weights(model, (".safetensors", ".pth"))).to(self.device)
        self.curves = self.network.curves if isinstance(self.network, CurveGrid) else None
        self.notes: list[str] = []
        self.architecture = "curve_grid" if self.curves else "attention_unet"

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        import torch

        try:
            with torch.inference_mode():
                batch = torch.from_numpy(image).to(self.device)
                answer = self.curves(batch) if self.curves else self.network(batch)[0]
                return answer[0].cpu().numpy()
        except RuntimeError as error:
            raise ModelError(f"PyTorch failed on this frame: {error}.") from error

    def close(self) -> None:
        """Free the network."""
        del self.network, self.curves
