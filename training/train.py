"""Train a generator: `illumigan train CONFIG [key=value ...]`. One loop, for every generator and every kind of sample.

    step:  G  enhance, add up the weighted terms of its loss, step
           D  score real photos and the same enhanced ones, step      (where an adversarial term has a weight)
           average G's weights

It runs on a CPU, a GPU or several (`devices`; Lightning Fabric starts the processes, which share each batch), and on
several machines (`num_nodes`; torchrun or SLURM starts the processes). All that is random depends on the seed and the
step alone, so a killed run, started again by the same command, ends bit-equal to one that was never interrupted. With
another number of processes it goes on with the same samples, batch norm and learning rates; sums over the batch are
then rounded in another order. What it leaves behind is listed in `run_folder`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors import SafetensorError
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.generators.checkpoint import Generator, build_generator, load_checkpoint, save_checkpoint
from illumigan_model.system.files import make_folder, require_writable
from illumigan_model.weights import find_weights
from illumigan_training import run_folder
from illumigan_training.config import check_config, steps_of
from illumigan_training.data.samples import Batch, Numbers, Sample, SampleSet, require_photos, stack
from illumigan_training.losses import adversarial
from illumigan_training.losses import terms as loss_terms
from illumigan_training.losses.detector_aware import DetectorScores, detector_loss, open_detector_scores
from illumigan_training.losses.discriminators import random_patches
from illumigan_training.losses.features import FeatureNetwork, open_features
from illumigan_training.networks import Discriminators, Student, enhance, shared_mean

LOG_EVERY = 50
FIXED_SAMPLES = 8


def train(config: dict[str, Any]) -> Path:
    """Train to the last step of the config and return the run folder.

    Raises:
        IllumiganError: a setting cannot be, the run folder cannot be written or holds another run's state, or a loss
            is no longer a number; the message names the setting, the file or the step.
    """
    check_config(config)
    run = Path(config["run"]).expanduser()
    try:
        Training(run, config).go_on()
    except (OSError, SafetensorError) as error:
        raise IllumiganError(f"The run in {run} cannot go on: {error}; look at the folder and the disk.") from error
    return run


class Training:
    """One training run: its networks, and the loop."""

    def __init__(self, run: Path, config: dict[str, Any]) -> None:
        self.run, self.config, self.weights = run, config, config["weights"]
        make_folder(run)
        require_writable(run / run_folder.STATE)
        strategy = "ddp" if config["devices"] * config["num_nodes"] > 1 else "auto"
        try:
            self.fabric = Fabric(
                accelerator=config["accelerator"], devices=config["devices"], num_nodes=config["num_nodes"],
                precision=config["precision"], strategy=strategy,
            )  # fmt: skip
        except ValueError as error:  # torchrun or SLURM has started another number of processes
            raise IllumiganError(f"devices and num_nodes do not fit how the run was started: {error}") from error
        self.fabric.launch()
        torch.manual_seed(config["seed"])
        torch.set_num_threads(config["threads"])
        require_photos(config)
        self._build()  # and only then the photos, as reading them takes minutes
        self.first = self._take_up()
        self.samples = SampleSet(config)
        self.photos = self.samples.photos
        self.steps = steps_of(config, self.photos.epoch)
        self._require_the_same_everywhere()

    def _build(self) -> None:
        config = self.config
        settings = {name: value for name, value in config["generator"].items() if name != "architecture"}
        student = Student(begin_with(config["start"], build_generator(config["generator"]["architecture"], settings)))
        self.average = AveragedModel(
            student.generator, multi_avg_fn=get_ema_multi_avg_fn(config["average"]), use_buffers=True
        ).to(self.fabric.device)
        self.student, self.optimizer = self.fabric.setup(student, self._optimizer(student, config["rate"]))
        self.critics: Any = None
        if self.weights["adversarial"] or self.weights["local_adversarial"]:
            sizes = {name: config["discriminators"][name] for name in ("width", "global_layers", "local_layers")}
            critics = Discriminators(**sizes)
            optimizer = self._optimizer(critics, config["discriminator_rate"])
            self.critics, self.critic_optimizer = self.fabric.setup(critics, optimizer)
        self.features: FeatureNetwork | None = None
        if self.weights["features"] or self.weights["local_features"]:
            wish = config["features"]
            file = Path(wish["file"]).expanduser() if wish["file"] else None
            options = {name: wish[name] for name in ("mean_subtraction", "pool4")}
            features = open_features(wish["network"], file, flavour=wish["flavour"] or None, **options)
            self.features = features.to(self.fabric.device)
        self.detector: DetectorScores | None = None
        if self.weights["detector"]:
            self.detector = open_detector_scores(config["detector"], config["crop"]).to(self.fabric.device)

    def _optimizer(self, network: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        betas = (self.config["beta1"], 0.999)
        return torch.optim.AdamW(network.parameters(), lr=rate, betas=betas, weight_decay=self.config["weight_decay"])

    def go_on(self) -> None:
        """Train from the step that the run has reached to its last one."""
        fixed = self._on_device(stack([self.samples[number] for number in range(FIXED_SAMPLES)]))
        record = None
        if self.fabric.is_global_zero:
            record = run_folder.RunLog(self.run, self.config, self.photos.manifest, self.first)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=record is None) as progress:
            task = progress.add_task("training", total=self.steps, completed=self.first)
            recent: list[dict[str, Tensor]] = []
            for step, batch in enumerate(self._batches(), self.first):
                terms = self._step(step, batch)
                progress.update(task, advance=1, description=f"loss {terms['total']:.4f}")
                done = step + 1
                recent.append(terms)
                if done % LOG_EVERY == 0 or done == self.steps:
                    if record:
                        record.log(done, means(recent))
                    recent.clear()
                if done % self.config["save_every"] == 0 or done == self.steps:
                    self._keep(done, fixed, record)
        if record:
            record.close()

    def _batches(self) -> Iterator[Batch]:
        """Yield this process's part of each step's batch."""
        config, share = self.config, self.config["batch"] // self.fabric.world_size
        numbers = Numbers(self.first, self.steps, config["batch"], self.fabric.global_rank, self.fabric.world_size)
        start: dict[str, Any] = {}
        if config["workers"]:  # OpenCV's threads do not survive a fork
            start = {"multiprocessing_context": "spawn", "prefetch_factor": 4, "worker_init_fn": use_one_thread}
        loader: DataLoader[Sample] = DataLoader(
            self.samples, share, sampler=numbers, num_workers=config["workers"], collate_fn=stack,
            pin_memory=self.fabric.device.type == "cuda", **start,
        )  # fmt: skip
        for batch in loader:
            yield self._on_device(batch)

    def _on_device(self, batch: Batch) -> Batch:
        moved: Batch = self.fabric.to_device(batch)
        return moved

    def _step(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """Take one step; returns the loss terms, and the generator's "total"."""
        for optimizer, rate in self._optimizers():
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_factor(step / self.steps, self.config)
        self.student.train()
        made, curves = self.student(batch.dark, batch.calm)
        with self.fabric.autocast():
            views = self._views(step, batch, made)
            terms = self._terms(batch, made, curves, views)
        total = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        self._descend(total, self.student, self.optimizer, step, batch)
        if self.critics is not None:
            terms["discriminators"] = self._critics_loss(batch, made.detach(), [view.detach() for view in views])
            self._descend(terms["discriminators"], self.critics, self.critic_optimizer, step, batch)
        self.average.update_parameters(self.student.module.generator)
        return {**{name: term.detach() for name, term in terms.items()}, "total": total.detach()}

    def _optimizers(self) -> Iterator[tuple[Any, float]]:
        yield self.optimizer, self.config["rate"]
        if self.critics is not None:
            yield self.critic_optimizer, self.config["discriminator_rate"]

    def _views(self, step: int, batch: Batch, made: Tensor) -> list[Tensor]:
        """Return the patches of this step, cut from what was made, its source and real photos."""
        if not (self.critics is not None or self.weights["local_features"]):
            return []
        places = torch.Generator().manual_seed(self.config["seed"] * 1_000_003 + step)
        size, count = self.config["discriminators"]["patch"], self.config["discriminators"]["patches"]
        return random_patches([made, batch.source, batch.real], size, count, places)

    def _terms(self, batch: Batch, made: Tensor, curves: Tensor | None, views: list[Tensor]) -> dict[str, Tensor]:
        """Return the unweighted terms of the generator's loss that have a weight."""
        terms: dict[str, Tensor] = {}
        for name in loss_terms.PAIR_TERMS:
            terms[name] = (batch.has_wanted * getattr(loss_terms, name)(made, batch.wanted)).mean()
        terms["exposure"] = loss_terms.exposure(made, self.config["exposure"]).mean()
        if curves is not None:
            terms["smoothness"] = loss_terms.smoothness(curves).mean()
            terms["tint"] = loss_terms.tint(curves).mean()
        if self.features is not None and self.weights["features"]:
            terms["features"] = adversarial.feature_distance(self.features, made, batch.source)
        if self.features is not None and self.weights["local_features"]:
            terms["local_features"] = adversarial.feature_distance(self.features, views[0], views[1])
        if self.detector is not None:
            terms["detector"] = detector_loss(self.detector(made), batch.seen).mean()
        if self.critics is not None:
            critics = self.critics.module.requires_grad_(False)
            whole, local = critics(torch.cat([batch.real, made]), torch.cat([views[2], views[0]]))
            critics.requires_grad_(True)
            _, terms["adversarial"] = adversarial.relativistic_least_squares(*halves(whole), shared_mean)
            _, terms["local_adversarial"] = adversarial.least_squares(*halves(local))
        return {name: term for name, term in terms.items() if self.weights[name]}

    def _critics_loss(self, batch: Batch, made: Tensor, views: list[Tensor]) -> Tensor:
        """Return the loss of both discriminators."""
        whole, local = self.critics(torch.cat([batch.real, made]), torch.cat([views[2], views[0]]))
        global_loss, _ = adversarial.relativistic_least_squares(*halves(whole), shared_mean)
        local_loss, _ = adversarial.least_squares(*halves(local))
        return global_loss + local_loss

    def _descend(self, loss: Tensor, network: Any, optimizer: Any, step: int, batch: Batch) -> None:
        """Take one step of an optimizer; raises IllumiganError in every process if the loss of one is not a number."""
        # Asked of all before anyone steps: a process that left alone would keep the others waiting for it for ever.
        good = cast(Tensor, self.fabric.all_reduce(torch.isfinite(loss).float(), reduce_op="mean"))
        if float(good) < 1:
            kept = step - step % self.config["save_every"]
            state = f"{self.run} holds the state of step {kept}" if kept else "no state was kept before it"
            if torch.isfinite(loss):
                raise IllumiganError(f"The loss of another process is not a number at step {step}; {state}.")
            raise IllumiganError(
                f"The loss is {loss.item()} at step {step}, whose photos are {', '.join(batch.files)}; {state}."
            )
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(network, optimizer, max_norm=self.config["clip"], error_if_nonfinite=False)
        optimizer.step()

    def _parts(self) -> dict[str, Any]:
        """Return everything with a state, by name."""
        parts = {"student": self.student, "optimizer": self.optimizer, "average": self.average}
        if self.critics is not None:
            parts |= {"critics": self.critics, "critic_optimizer": self.critic_optimizer}
        return parts

    def _take_up(self) -> int:
        """Take up the state that an earlier part of the run left and return its step, 0 where there is none.

        Raises:
            IllumiganError: the state is damaged, or that of a run with other settings.
        """
        state = run_folder.load_state(self.run)
        if state is None:
            return 0
        place = self.run / run_folder.STATE
        for name in set(self.config) - set(run_folder.MAY_CHANGE):
            before = state["config"].get(name)
            if before != self.config[name]:
                raise IllumiganError(
                    f"{place} belongs to a run with {name}={before}; set that, choose another run folder, or remove "
                    f"{self.run} to start anew."
                )
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        return int(state["step"])

    def _require_the_same_everywhere(self) -> None:
        """Raise IllumiganError in every process where machines do not see the same photos and the same state."""
        photos = hashlib.sha256(repr([entry.sha256 for entry in self.photos.manifest]).encode()).hexdigest()
        first, theirs = self.fabric.broadcast((self.first, photos))
        agrees = torch.tensor(float(first == self.first and theirs == photos), device=self.fabric.device)
        if float(cast(Tensor, self.fabric.all_reduce(agrees, reduce_op="mean"))) < 1:
            raise IllumiganError(
                f"The machines do not see the same photos, or not the same state in {self.run}; root and run must be "
                "folders that all of them share."
            )

    def _keep(self, step: int, fixed: Batch, record: run_folder.RunLog | None) -> None:
        """Write the averaged weights, the state to go on from and a picture of the fixed samples."""
        if record:
            state = {name: part.state_dict() for name, part in self._parts().items()}
            run_folder.save_state({**state, "step": step, "config": self.config}, self.run)
            generator = cast(Generator, self.average.module).eval()
            architecture = self.config["generator"]["architecture"]
            facts = {"step": str(step), "run": self.run.name}
            save_checkpoint(generator, self.run / f"{architecture}.safetensors", facts)
            with torch.no_grad(), self.fabric.autocast():
                made, _ = enhance(generator, fixed.dark, fixed.calm)
            record.show(step, run_folder.sheet(fixed.dark, fixed.wanted, made))
        self.fabric.barrier()


def begin_with(start: str, generator: Generator) -> Generator:
    """Return a generator with the weights to begin with, its own where `start` is empty.

    Args:
        start: name of shipped weights, or a .safetensors file.
        generator: it gets them.

    Raises:
        ModelError: there are no such weights, they are damaged, or those of another generator.
    """
    if start:
        file = find_weights(start, (".safetensors",))
        try:
            generator.load_state_dict(load_checkpoint(file).state_dict())
        except RuntimeError as error:  # torch's for tensors of other names and shapes
            raise ModelError(f"{file} holds another generator than the config's; set start, or generator.") from error
    return generator


def rate_factor(progress: float, config: dict[str, Any]) -> float:
    """Return the learning rate's factor, 0..1, at some progress (0..1) of the run.

    It rises linearly during the first `warmup` of the run, stays, and falls to 0 from `decay_from` on.
    """
    if progress < config["warmup"]:
        return (progress + 1e-3) / (config["warmup"] + 1e-3)
    start = max(config["decay_from"], config["warmup"])
    if progress <= start:
        return 1.0
    fallen = (progress - start) / (1 - start)
    return (1 + math.cos(math.pi * fallen)) / 2 if config["decay"] == "cosine" else 1 - fallen


def means(recent: list[dict[str, Tensor]]) -> dict[str, float]:
    """Return the mean of each term over some steps."""
    return {name: float(torch.stack([terms[name] for terms in recent]).mean()) for name in recent[-1]}


def halves(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores of the real photos and those of the made ones."""
    real, made = scores.chunk(2)
    return real, made


def use_one_thread(_: int) -> None:
    """Keep a worker process to one thread."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
