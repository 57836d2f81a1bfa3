"""Training configs: read from YAML, changed by `key=value`, checked before the training begins."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from illumigan_model.errors import IllumiganError
from illumigan_model.generators.curve_grid import CurveGridConfig

EXAMPLE = "config/train_curve_grid.yaml is one"
LOSS_TERMS = ("reconstruction", "contrast", "colour", "smoothness", "tint")
SAMPLE_KINDS = ("relit", "day", "dark")


class Kind(NamedTuple):
    """What a setting may be: its types, the same in words, and the range of a number."""

    types: tuple[type, ...]
    words: str
    least: float = -math.inf
    most: float = math.inf

    def check(self, name: str, value: Any) -> None:
        """Raise IllumiganError if the value is of another kind."""
        wrong = not isinstance(value, self.types) or isinstance(value, bool)
        if wrong or (isinstance(value, int | float) and not self.least <= value <= self.most):
            raise IllumiganError(f"The setting {name} must be {self.words}, not {value!r}.")


COUNT = Kind((int,), "a whole number from 1 on", least=1)
COUNT_OR_NONE = Kind((int,), "a whole number from 0 on", least=0)
SHARE = Kind((int, float), "a number from 0 to 1", least=0, most=1)
NUMBER = Kind((int, float), "a number")
RATE = Kind((int, float), "a number above 0 (YAML reads 0.001 and 1.0e-3, but 1e-3 as a word)", math.ulp(0.0), 1e6)
FOLDER, SECTION, SOURCES = Kind((str,), "a folder"), Kind((dict,), "a section"), Kind((list,), "a list of sources")
SETTINGS = {
    "root": FOLDER,
    "run": FOLDER,
    "seed": COUNT_OR_NONE,
    "threads": COUNT,
    "workers": COUNT_OR_NONE,
    "steps": COUNT,
    "batch": COUNT,
    "rate": RATE,
    "average": SHARE,
    "save_every": COUNT,
    "generator": SECTION,
    "normal": SOURCES,
    "dark": SOURCES,
    "shares": SECTION,
    "weights": SECTION,
}


def read_config(path: Path, overrides: list[str]) -> dict[str, Any]:
    """Return a training config with `key=value` overrides applied (`a.b=1` reaches into a section).

    Raises:
        IllumiganError: the file is missing or no config, or a key is unknown; the message names the keys there are.
    """
    if not path.is_file():
        raise IllumiganError(f"The training config {path} does not exist; {EXAMPLE}.")
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
        place = place.get(section) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        there = place if isinstance(place, dict) else config
        raise IllumiganError(f"{key} is not a setting of {name}; it has {', '.join(map(str, there))}.")
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise IllumiganError(f"{override} cannot be read ({_one_line(error)}).") from error


def check_config(config: dict[str, Any]) -> None:
    """Raise IllumiganError, naming the setting, where a config lacks one or has one that cannot be."""
    for name, kind in SETTINGS.items():
        if name not in config:
            raise IllumiganError(f"The training config lacks the setting {name}; it must be {kind.words}.")
        kind.check(name, config[name])
    for name in ("normal", "dark"):
        for source in config[name]:
            SECTION.check(f"{name} (each source of it)", source)
            FOLDER.check(f"folder (of a source of {name})", source.get("folder"))
    known = asdict(CurveGridConfig())
    for name, value in config["generator"].items():
        if name not in known:
            raise IllumiganError(f"generator.{name} is not a setting; a generator has {', '.join(known)}.")
        (NUMBER if isinstance(known[name], float) else COUNT).check(f"generator.{name}", value)
    for name, value in config["shares"].items():
        if name not in SAMPLE_KINDS:
            raise IllumiganError(f"shares.{name} is not a setting; shares has {', '.join(SAMPLE_KINDS)}.")
        SHARE.check(f"shares.{name}", value)
    if not math.isclose(sum(config["shares"].values()), 1.0, abs_tol=1e-6):
        raise IllumiganError(f"The shares must add up to 1, not {sum(config['shares'].values()):g}.")
    for name in LOSS_TERMS:
        NUMBER.check(f"weights.{name}", config["weights"].get(name))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
