"""The folders that training runs leave: their weights, and the settings in which several runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open

from illumigan_model.errors import IllumiganError

OWN = ("run",)  # settings that differ from run to run and make no difference


def run_weights(run: Path) -> Path:
    """Return the weights file of a run.

    Raises:
        IllumiganError: there is none, or more than one.
    """
    found = sorted(run.glob("*.safetensors"))
    if len(found) != 1:
        what = f"several weights ({', '.join(file.name for file in found)})" if found else "no weights (.safetensors)"
        raise IllumiganError(f"{run} holds {what}; give the folder of a training run that has saved its weights.")
    return found[0]


def run_settings(run: Path) -> dict[str, str]:
    """Return the settings of a run as text, in sections as a.b, in lists as a.0; with "step", how far its weights are.

    Raises:
        IllumiganError: its config.yaml or its weights cannot be read.
    """
    file = run / "config.yaml"
    try:
        config = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise IllumiganError(f"{file} is missing or damaged; give the folder of a training run.") from error
    if not isinstance(config, dict):
        raise IllumiganError(f"{file} holds no settings; give the folder of a training run.")
    weights = run_weights(run)
    try:
        with safe_open(str(weights), framework="numpy") as content:
            step = (content.metadata() or {}).get("step", "")
    except (OSError, SafetensorError) as error:
        raise IllumiganError(f"{weights} cannot be read ({error}); give the folder of a training run.") from error
    return {"step": step, **{name: value for name, value in flatten(config).items() if name not in OWN}}


def flatten(settings: Any, prefix: str = "") -> dict[str, str]:
    """Return nested dictionaries and lists as one dictionary of text."""
    if isinstance(settings, list):
        settings = dict(enumerate(settings))
    if not isinstance(settings, dict):
        return {prefix: str(settings)}
    flat: dict[str, str] = {}
    for name, value in settings.items():
        flat |= flatten(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def differing(runs: Sequence[dict[str, str]]) -> list[str]:
    """Return the names of the settings that are not the same in all runs; one that a run lacks differs, too."""
    names = dict.fromkeys(name for settings in runs for name in settings)
    return [name for name in names if len({settings.get(name) for settings in runs}) > 1]
