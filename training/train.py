"""Train CurveGrid: `illumigan train CONFIG [key=value ...]`.

A run folder holds everything: the config, the checkpoint (safetensors), the metrics of every 50th step as CSV and
pictures of a fixed set of samples (input | wanted | enhanced). A killed run goes on where its last checkpoint ended.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from torch import Tensor
from torch.utils.data import DataLoader

from illumigan_model.checkpoint import save_checkpoint
from illumigan_model.errors import IllumiganError
from illumigan_model.generators.curve_grid import CurveGrid, CurveGridConfig, apply_curves
from illumigan_training import losses
from illumigan_training.config import check_config
from illumigan_training.data import Sample, SampleStream

Batch = tuple[Tensor, Tensor, Tensor]


def batches(config: dict[str, Any], step: int) -> Iterator[Batch]:
    """Yield batches for ever; the sequence depends on the seed, the step it starts from and the number of workers."""
    stream = SampleStream(config, step)
    # OpenCV's threads do not survive a fork
    start: dict[str, Any] = {"multiprocessing_context": "spawn", "prefetch_factor": 4} if config["workers"] else {}
    yield from DataLoader(stream, config["batch"], num_workers=config["workers"], collate_fn=stack, **start)


def stack(samples: list[Sample]) -> Batch:
    """Return (dark, calm, wanted) tensors N x 3 x 144 x 256 of some samples."""
    columns = zip(*((sample.dark, sample.calm, sample.wanted) for sample in samples), strict=True)
    dark, calm, wanted = (torch.from_numpy(np.stack(column)) for column in columns)
    return dark, calm, wanted


def loss_terms(generator: CurveGrid, batch: Batch) -> dict[str, Tensor]:
    """Return the unweighted loss terms by name."""
    dark, calm, wanted = batch
    curves = generator.predict(dark)
    made, _ = apply_curves(calm, curves)
    return {
        "reconstruction": losses.reconstruction(made, wanted).mean(),
        "contrast": losses.contrast(made, wanted).mean(),
        "colour": losses.colour(made, wanted).mean(),
        "smoothness": losses.smoothness(curves).mean(),
        "tint": losses.tint(curves).mean(),
    }


def train(config: dict[str, Any]) -> Path:
    """Train to the last step of the config and return the run folder.

    Raises:
        IllumiganError: a setting cannot be, the run folder cannot be written or holds another run's state, or the loss
            is no longer a number; the message names the setting, the file or the step.
    """
    check_config(config)
    run = Path(config["run"]).expanduser()
    try:
        return train_in(run, config)
    except (OSError, SafetensorError) as error:
        raise IllumiganError(f"The run in {run} cannot go on: {error}; look at the folder and the disk.") from error


def train_in(run: Path, config: dict[str, Any]) -> Path:
    """Train in a run folder; see `train`."""
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    generator = CurveGrid(CurveGridConfig(**config["generator"]))
    optimizer = torch.optim.AdamW(generator.parameters(), lr=config["rate"], weight_decay=1e-4)
    steps = config["steps"]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config["rate"], total_steps=steps, pct_start=0.1)
    average = torch.optim.swa_utils.AveragedModel(
        generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config["average"]), use_buffers=True
    )
    parts: dict[str, Any] = {"generator": generator, "optimizer": optimizer, "schedule": schedule, "average": average}
    first = resume(run, parts, steps)
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    source = batches(config, first)
    fixed = next(source) if first == 0 else stack_fixed(run)
    save(fixed, run / "fixed.pt")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress, (run / "metrics.csv").open("a", newline="") as table:
        writer = csv.writer(table)
        task = progress.add_task("training", total=steps, completed=first)
        started = time.monotonic()
        for step in range(first, steps):
            terms = loss_terms(generator, next(source))
            loss = torch.stack([config["weights"][name] * term for name, term in terms.items()]).sum()
            if not torch.isfinite(loss):
                raise IllumiganError(f"The loss is {loss.item()} at step {step}; {run} holds the last good state.")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(generator)
            progress.update(task, advance=1, description=f"loss {loss.item():.4f}")
            if (step + 1) % 50 == 0:
                seconds = round(time.monotonic() - started, 1)
                writer.writerow([step + 1, seconds, *(f"{term.item():.5f}" for term in terms.values())])
                table.flush()
            if (step + 1) % config["save_every"] == 0 or step + 1 == steps:
                keep(run, step + 1, parts, config, fixed)
    return run


def resume(run: Path, parts: dict[str, Any], steps: int) -> int:
    """Take up the state that an earlier part of the run left and return its step, 0 where there is none.

    Raises:
        IllumiganError: the state is damaged, or that of a run with other settings.
    """
    file = run / "resume.pt"
    if not file.is_file():
        return 0
    saved = load(file)
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        first, planned = int(saved["step"]), int(saved["schedule"]["total_steps"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise IllumiganError(
            f"{file} belongs to a run with another generator; choose another run folder, or remove it to start anew."
        ) from error
    if planned != steps:
        raise IllumiganError(f"{file} belongs to a run of {planned} steps; set steps={planned} or another run folder.")
    return first


def stack_fixed(run: Path) -> Batch:
    """Return the fixed samples that an earlier part of the run chose."""
    dark, calm, wanted = load(run / "fixed.pt")
    return dark, calm, wanted


def load(file: Path) -> Any:
    """Return what `save` wrote; raises IllumiganError if it is missing or damaged."""
    try:
        return torch.load(file, weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise IllumiganError(f"{file} is missing or damaged; remove {file.parent} to start anew.") from error


def save(content: Any, file: Path) -> None:
    """Write a file that is complete or not there; raises OSError if that is not possible."""
    partial = file.with_suffix(".tmp")
    try:
        torch.save(content, partial)
        partial.replace(file)
    except RuntimeError as error:  # what torch makes of a full disk
        raise OSError(f"{file} could not be written, the disk may be full") from error
    finally:
        partial.unlink(missing_ok=True)


def keep(run: Path, step: int, parts: dict[str, Any], config: dict[str, Any], fixed: Batch) -> None:
    """Write the averaged weights, the state to resume from and a picture of the fixed samples."""
    state = {name: part.state_dict() for name, part in parts.items()} | {"step": step}
    save(state, run / "resume.pt")
    averaged: CurveGrid = parts["average"].module
    save_checkpoint(averaged, run / "curve_grid.safetensors", {"step": str(step), "name": Path(config["run"]).name})
    averaged.eval()
    with torch.no_grad():
        made, _ = apply_curves(fixed[1], averaged.predict(fixed[0]))
    rows = [torch.cat(list(row), dim=2) for row in zip(fixed[0], fixed[2], made, strict=True)]
    sheet = torch.cat(rows, dim=1).clamp(0, 1).mul(255).byte().permute(1, 2, 0).numpy()
    cv2.imwrite(str(run / f"samples_{step:06d}.jpg"), sheet[:, :, ::-1])
