"""Training configs: read from YAML, changed by `key=value`, checked before the training begins."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from illumigan_model.detectors.coco import numbers_of
from illumigan_model.errors import IllumiganError
from illumigan_model.generators.checkpoint import ARCHITECTURES
from illumigan_model.system.files import why_no_file
from illumigan_training.data.samples import KINDS
from illumigan_training.losses.features import FLAVOURS, NETWORKS
from illumigan_training.losses.terms import CURVE_TERMS, TERMS

EXAMPLE = "config/train_curve_grid.yaml is one"
EPOCHS = " epochs"
SOURCE_SETTINGS = ("csv", "where", "luma", "origin", "licence")


class Kind(NamedTuple):
    """What a setting may be: its types, the same in words, and the range of a number or the words there are."""

    types: tuple[type, ...]
    words: str
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise IllumiganError if the value is of another kind."""
        wrong = not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types)
        outside = isinstance(value, int | float) and not self.least <= value <= self.most
        if wrong or outside or (self.choices and value not in self.choices):
            raise IllumiganError(f"The setting {name} must be {self.words}, not {value!r}.")


def one_of(*choices: str) -> Kind:
    """Return the kind of a setting that is one of some words."""
    return Kind((str,), f"one of {', '.join(choices)}", choices=choices)


COUNT = Kind((int,), "a whole number from 1 on", least=1)
COUNT_OR_NONE = Kind((int,), "a whole number from 0 on", least=0)
SHARE = Kind((int, float), "a number from 0 to 1", least=0, most=1)
NUMBER = Kind((int, float), "a number")
POSITIVE = Kind((int, float), "a number from 0 on", least=0)
FACTOR = Kind((int, float), "a number from 1 on", least=1)
RATE = Kind((int, float), "a number above 0 (YAML reads 0.001 and 1.0e-3, but 1e-3 as a word)", math.ulp(0.0), 1e6)
SWITCH = Kind((bool,), "true or false")
TEXT, FOLDER, FILE = Kind((str,), "text"), Kind((str,), "a folder"), Kind((str,), "a file, or '' for none")
SECTION, SOURCES = Kind((dict,), "a section"), Kind((list,), "a list of sources")
LENGTH = Kind((int, str), f"a whole number from 1 on, or a number of epochs ('200{EPOCHS}')", least=1)
SIZE = Kind((list,), "[width, height], both whole numbers from 32 on")
ACCELERATOR = one_of("auto", "cpu", "cuda", "mps")
PRECISION = one_of("32-true", "bf16-mixed", "16-mixed")

SETTINGS: dict[str, Kind] = {
    "root": FOLDER,
    "run": FOLDER,
    "seed": COUNT_OR_NONE,
    "accelerator": ACCELERATOR,
    "devices": COUNT,
    "num_nodes": COUNT,
    "precision": PRECISION,
    "threads": COUNT,
    "workers": COUNT_OR_NONE,
    "start": TEXT,
    "generator": SECTION,
    "generator.architecture": one_of(*ARCHITECTURES),
    "steps": LENGTH,
    "batch": COUNT,
    "rate": RATE,
    "discriminator_rate": RATE,
    "beta1": SHARE,
    "weight_decay": POSITIVE,
    "warmup": SHARE,
    "decay_from": SHARE,
    "decay": one_of("linear", "cosine"),
    "clip": RATE,
    "average": SHARE,
    "save_every": COUNT,
    "normal": SOURCES,
    "dark": SOURCES,
    "paired": SOURCES,
    "shares": SECTION,
    "crop": SIZE,
    "zoom": FACTOR,
    "swap_colours": SHARE,
    "darken": SECTION,
    "darken.chance": SHARE,
    "darken.least": FACTOR,
    "darken.most": FACTOR,
    "teacher": TEXT,
    "real": one_of("normal", "wanted"),
    "discriminators": SECTION,
    "discriminators.width": COUNT,
    "discriminators.global_layers": COUNT,
    "discriminators.local_layers": COUNT,
    "discriminators.patch": COUNT,
    "discriminators.patches": COUNT,
    "features": SECTION,
    "features.network": one_of(*NETWORKS),
    "features.file": FILE,
    "features.flavour": one_of("", *FLAVOURS),
    "features.mean_subtraction": SWITCH,
    "features.pool4": SWITCH,
    "detector": SECTION,
    "detector.file": FILE,
    "detector.classes": Kind((list,), "a list of COCO's classes, such as [car, person]"),
    "exposure": SHARE,
    "weights": SECTION,
}
"""Every setting a config has, none of them optional; a dot leads into a section."""


def read_config(path: Path, overrides: list[str]) -> dict[str, Any]:
    """Return a training config with `key=value` overrides applied (`a.b=1` reaches into a section, `a.0.b=1` a list).

    Raises:
        IllumiganError: the file is missing or no config, or a key is unknown; the message names the keys there are.
    """
    if not path.is_file():
        problem = why_no_file(path, "training config", f"The training config {path} does not exist")
        raise IllumiganError(f"{problem}; {EXAMPLE}.")
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise IllumiganError(f"The training config {path} cannot be read ({_one_line(error)}); {EXAMPLE}.") from error
    if not isinstance(config, dict):
        raise IllumiganError(f"The training config {path} holds no settings; {EXAMPLE}.")
    for override in overrides:
        _apply(override, config, path.name)
    return config


def _apply(override: str, config: dict[str, Any], name: str) -> None:
    key, _, value = override.partition("=")
    *sections, last = key.split(".")
    place: Any = config
    for section in sections:
        place = _inside(place, section)
    if not isinstance(place, dict) or last not in place:
        there = place if isinstance(place, dict) else config
        raise IllumiganError(f"{key} is not a setting of {name}; it has {', '.join(map(str, there))}.")
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise IllumiganError(f"{override} cannot be read ({_one_line(error)}).") from error


def _inside(place: Any, section: str) -> Any:
    """Return what a section, or an element of a list by its number, holds; None where there is no such thing."""
    if isinstance(place, list):
        return place[int(section)] if section.isdecimal() and int(section) < len(place) else None
    return place.get(section) if isinstance(place, dict) else None


def check_config(config: dict[str, Any]) -> None:
    """Raise IllumiganError, naming the setting, where a config lacks one, has one too many or one that cannot be."""
    for name, kind in SETTINGS.items():
        section, _, last = name.rpartition(".")
        place = config[section] if section else config
        if last not in place:
            raise IllumiganError(f"The training config lacks the setting {name}; it must be {kind.words}.")
        kind.check(name, place[last])
    refuse_unknown("", config, [name for name in SETTINGS if "." not in name])
    for section in ("darken", "discriminators", "features"):
        prefix = f"{section}."
        refuse_unknown(
            prefix, config[section], [name.removeprefix(prefix) for name in SETTINGS if name.startswith(prefix)]
        )
    _check_size(config["crop"])
    for name in ("normal", "dark", "paired"):
        for number, source in enumerate(config[name]):
            _check_source(name, number, source)
    _check_generator(config["generator"])
    refuse_unknown("shares.", config["shares"], KINDS)
    for name, value in config["shares"].items():
        SHARE.check(f"shares.{name}", value)
    if not math.isclose(sum(config["shares"].values()), 1.0, abs_tol=1e-6):
        raise IllumiganError(f"The shares must add up to 1, not {sum(config['shares'].values()):g}.")
    if config["batch"] % (config["devices"] * config["num_nodes"]):
        sharing = f"devices={config['devices']}" + (f" of num_nodes={config['num_nodes']}" * (config["num_nodes"] > 1))
        raise IllumiganError(f"batch={config['batch']} cannot be shared out evenly to {sharing}.")
    steps_of(config, epoch=1)  # which complains of what is no number of epochs
    _check_weights(config["weights"], config["generator"]["architecture"])
    _check_detector(config["detector"], config["weights"]["detector"])
    if config["discriminators"]["patch"] > min(config["crop"]):
        raise IllumiganError(f"discriminators.patch must fit into the crop {config['crop']}.")


def _check_size(size: list[Any]) -> None:
    if len(size) != 2 or any(not isinstance(side, int) or side < 32 for side in size):
        raise IllumiganError(f"The setting crop must be {SIZE.words}, not {size!r}.")


def refuse_unknown(place: str, given: dict[str, Any], known: Collection[str]) -> None:
    """Raise IllumiganError for a key that is not known, naming its place ("darken."), the nearest and all there are."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1, cutoff=0)[0]
            raise IllumiganError(
                f"{place}{name} is not a setting; {place}{near} is the nearest of what there is: {', '.join(known)}."
            )


def _check_source(name: str, number: int, source: Any) -> None:
    SECTION.check(f"{name} (each source of it)", source)
    folders = ("low", "high") if name == "paired" else ("folder",)
    refuse_unknown(f"{name}[{number}].", source, [*folders, *SOURCE_SETTINGS])
    for key in folders:
        FOLDER.check(f"{key} (of a source of {name})", source.get(key))
    luma = source.get("luma", [0, 1])
    if not isinstance(luma, list) or len(luma) != 2 or not all(isinstance(end, int | float) for end in luma):
        raise IllumiganError(f"luma (of a source of {name}) must be [lowest, highest], not {luma!r}.")


def _check_generator(settings: dict[str, Any]) -> None:
    known = asdict(ARCHITECTURES[settings["architecture"]].settings())
    refuse_unknown("generator.", settings, ["architecture", *known])
    for name, value in settings.items():
        if name == "architecture":
            continue
        kind = next(kind for kind in (SWITCH, NUMBER, COUNT) if isinstance(known[name], kind.types[-1]))
        kind.check(f"generator.{name}", value)


def _check_weights(weights: dict[str, Any], architecture: str) -> None:
    for name in TERMS:
        POSITIVE.check(f"weights.{name}", weights.get(name))
    refuse_unknown("weights.", weights, TERMS)
    for name, value in weights.items():
        if value and name in CURVE_TERMS and architecture != "curve_grid":
            raise IllumiganError(f"weights.{name} must be 0: {architecture} predicts no curves.")


def _check_detector(detector: dict[str, Any], weight: float) -> None:
    if not detector["classes"]:
        raise IllumiganError("The setting detector.classes names no class; it needs one of COCO's, such as [car].")
    numbers_of(detector["classes"])
    if weight and not detector["file"]:
        raise IllumiganError("weights.detector needs detector.file, the ONNX file of a YOLOX; or set it to 0.")


def steps_of(config: dict[str, Any], epoch: int) -> int:
    """Return the number of steps of a checked config, an epoch being so many samples.

    Raises:
        IllumiganError: `steps` is text, and not a number of epochs.
    """
    steps = config["steps"]
    if isinstance(steps, int):
        return steps
    number = steps.removesuffix(EPOCHS)
    if not steps.endswith(EPOCHS) or not number.isdecimal() or not int(number):
        raise IllumiganError(f"The setting steps must be {LENGTH.words}, not {steps!r}.")
    return int(number) * max(epoch // config["batch"], 1)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
