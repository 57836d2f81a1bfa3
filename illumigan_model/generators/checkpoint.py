"""Checkpoints: a generator's weights and its own settings in one safetensors file."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from illumigan_model.errors import ModelError
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig, from_enlightengan
from illumigan_model.generators.curve_grid import CurveGrid, CurveGridConfig
from illumigan_model.system.files import whole_file

Generator = CurveGrid | AttentionUNet


class Architecture(NamedTuple):
    """A kind of generator and the class of its settings."""

    generator: Callable[[Any], Generator]
    settings: Callable[..., Any]


ARCHITECTURES = {
    "curve_grid": Architecture(CurveGrid, CurveGridConfig),
    "attention_unet": Architecture(AttentionUNet, AttentionUNetConfig),
}


def build_generator(architecture: str, settings: dict[str, Any]) -> Generator:
    """Return a generator with fresh weights; raises KeyError or TypeError if there is none of that kind."""
    kind = ARCHITECTURES[architecture]
    return kind.generator(kind.settings(**settings))


def architecture_of(generator: Generator) -> str:
    """Return the name of a generator's architecture."""
    return "curve_grid" if isinstance(generator, CurveGrid) else "attention_unet"


def save_checkpoint(generator: Generator, path: Path, facts: dict[str, str] | None = None) -> None:
    """Write a generator's weights to a safetensors file, its settings and further facts to the file's metadata."""
    settings = json.dumps(generator.config.as_dict())
    metadata = {"architecture": architecture_of(generator), "config": settings, **(facts or {})}
    tensors = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata)


def load_checkpoint(path: Path) -> Generator:
    """Return the generator that a file holds, in evaluation mode.

    Args:
        path: a checkpoint of ours (.safetensors), or the state dict of an original EnlightenGAN generator (.pth).

    Raises:
        ModelError: the file is missing, damaged or holds something else.
    """
    try:
        if path.suffix == ".pth":
            return from_enlightengan(torch.load(path, map_location="cpu", weights_only=True))
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        generator = build_generator(metadata["architecture"], json.loads(metadata["config"]))
        generator.load_state_dict(tensors)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} holds something else than weights, maybe code, and is not loaded.") from error
    except Exception as error:  # torch and safetensors raise a dozen kinds for a damaged file
        raise ModelError(
            f"{path} is not a checkpoint that can be loaded ({error}); train or export it again."
        ) from error
    return generator.eval()
