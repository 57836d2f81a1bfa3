"""The folder of a training run: it says everything about the run, and holds the state to take it up from.

config.yaml               every setting
run.json                  git revision, versions, machine, start
manifest.csv              every photo that was looked at: sha256, size, luminance, origin, licence, why left out
metrics.csv, curves.png   loss terms over steps; events.out.tfevents.* holds the same for TensorBoard
samples_NNNNNN.jpg        a fixed set of samples: input | attention | wanted | enhanced
ARCHITECTURE.safetensors  the averaged (EMA) weights
resume.pt                 networks, optimizers, averages, step and config
"""

from __future__ import annotations

import csv
import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from illumigan_model.attention import attention
from illumigan_model.errors import IllumiganError
from illumigan_model.system.files import whole_file
from illumigan_model.system.machine import processor_name
from illumigan_model.version import __version__
from illumigan_training.data.folders import Entry, write_manifest

STATE = "resume.pt"
MAY_CHANGE = ("root", "run", "accelerator", "devices", "num_nodes", "precision", "threads", "workers", "save_every")
"""Settings that a run may be taken up with anew; each other one makes it another run."""


class RunLog:
    """Writes what a run does into its folder; an interrupted record goes on at the step the run is taken up from."""

    def __init__(self, run: Path, config: dict[str, Any], manifest: list[Entry], first: int) -> None:
        self.run, self.first, self.started = run, first, time.monotonic()
        self.rows = [row for row in read_metrics(run / "metrics.csv") if row["step"] <= first]
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0
        (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        write_manifest(manifest, run / "manifest.csv")
        facts = {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "taken_up_at_step": first, **circumstances()}
        (run / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
        self.board = SummaryWriter(str(run), purge_step=first)

    def seconds(self) -> float:
        """Return the seconds that the run has taken so far, with those before it was interrupted."""
        return round(self.before + time.monotonic() - self.started, 1)

    def log(self, step: int, values: dict[str, float]) -> None:
        """Note some numbers after a step."""
        self.rows.append({"step": step, "seconds": self.seconds(), **values})
        write_metrics(self.rows, self.run / "metrics.csv")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def show(self, step: int, sheet: np.ndarray) -> None:
        """Keep a picture of the fixed samples, uint8 BGR."""
        cv2.imwrite(str(self.run / f"samples_{step:06d}.jpg"), sheet)
        self.board.add_image("input, attention, wanted, enhanced", sheet[:, :, ::-1], step, dataformats="HWC")

    def close(self) -> None:
        """Draw the curves and end the record."""
        self.board.close()
        if self.rows:
            draw_metrics(self.rows, self.run / "curves.png")


def read_metrics(file: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, none where there is no such file."""
    if not file.is_file():
        return []
    with file.open(newline="") as table:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(table)]


def write_metrics(rows: list[dict[str, float]], file: Path) -> None:
    """Write metrics as CSV, complete or not at all."""
    with whole_file(file) as part, part.open("w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[-1]))
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in rows)


def draw_metrics(rows: list[dict[str, float]], file: Path) -> None:
    """Draw every metric over the steps into one picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    names = [name for name in rows[-1] if name not in ("step", "seconds")]
    figure, axes = pyplot.subplots(len(names), 1, sharex=True, figsize=(8, 1.4 * len(names) + 1), squeeze=False)
    steps = [row["step"] for row in rows]
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.plot(steps, [row[name] for row in rows], linewidth=0.9)
        axis.set_ylabel(name, rotation=0, ha="right", fontsize=8)
    axes[-1, 0].set_xlabel(f"step ({rows[-1]['seconds'] / 60:.0f} minutes in all)")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def circumstances() -> dict[str, str]:
    """Return what a run was made with: git revision, versions and machine."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        revision = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        revision = "not a git checkout"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else processor_name()
    return {
        "revision": revision,
        "illumigan": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {device}",
    }


def sheet(dark: Tensor, wanted: Tensor, made: Tensor) -> np.ndarray:
    """Return a picture of samples, one a row: input | attention | wanted | enhanced, uint8 BGR.

    All three are RGB N x 3 x H x W in [0, 1].
    """
    columns = [dark, attention(dark).expand_as(dark), wanted, made]
    rows = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    levels = rows.float().clamp(0, 1).mul(255).byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(levels[:, :, ::-1])


def load_state(run: Path) -> dict[str, Any] | None:
    """Return the state that an earlier part of a run left, None where there is none.

    Raises:
        IllumiganError: it is damaged.
    """
    file = run / STATE
    if not file.is_file():
        return None
    try:
        return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise IllumiganError(f"{file} is damaged; remove {run} to start anew.") from error


def save_state(state: dict[str, Any], run: Path) -> None:
    """Write the state to take a run up from, complete or not at all; raises OSError if that is not possible."""
    try:
        with whole_file(run / STATE) as part:
            torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        raise OSError(f"{run / STATE} could not be written, the disk may be full") from error
