"""Checkpoints: a generator's weights and its own settings in one safetensors file."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from illumigan_model.errors import ModelError
from illumigan_model.generators.curve_grid import CurveGrid, CurveGridConfig


def save_checkpoint(generator: CurveGrid, path: Path, facts: dict[str, str] | None = None) -> None:
    """Write a generator's weights to a safetensors file, its settings and further facts to the file's metadata."""
    metadata = {"architecture": "curve_grid", "config": json.dumps(generator.config.as_dict()), **(facts or {})}
    tensors = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    partial = path.with_suffix(".tmp")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def load_checkpoint(path: Path) -> nn.Module:
    """Return the generator that a checkpoint holds, in evaluation mode.

    Raises:
        ModelError: the file is missing, damaged or holds another architecture.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        generator = CurveGrid(CurveGridConfig(**json.loads(metadata["config"])))
        generator.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not an IllumiGAN checkpoint that can be loaded: {error}") from error
    return generator.eval()
