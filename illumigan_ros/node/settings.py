"""Every parameter of the node, once: name, default, allowed values, description and when it may change."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from illumigan_model.runtimes.select import RUNTIMES


class Change(Enum):
    """When a parameter may be set."""

    LIVE = "any time"
    UNCONFIGURED = "before configure"
    START = "at start only"


@dataclass(frozen=True)
class Setting:
    """One row of the table; `low` and `high` are inclusive."""

    name: str
    default: bool | int | float | str | list[str]
    description: str
    change: Change = Change.LIVE
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_for_node: bool = False  # and not for a camera, which may have its own

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return " | ".join(self.choices)
        if self.low is not None:
            return f"{self.low:g} .. {self.high:g}"
        if isinstance(self.default, list):
            return "namespaces"
        return "true | false" if isinstance(self.default, bool) else "text"

    def complaint(self, value: object) -> str | None:
        """Return why `value` is not allowed, or None when it is; a whole number will do for a float."""
        kind = type(self.default)
        if kind is list:
            return namespace_complaint(value)
        if not (type(value) is kind or (kind is float and type(value) is int)):
            return f"{self.name} must be {_KINDS[kind]}, not {value!r}; allowed: {self.allowed}."
        if self.choices and value not in self.choices:
            return f"{self.name} must be one of {self.allowed}, not {value!r}."
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            return None if self.low <= value <= self.high else f"{self.name} must be in {self.allowed}, not {value!r}."
        return f"{self.name} must not be empty." if value == "" else None


def namespace_complaint(value: object) -> str | None:
    """Return why these are no namespaces of cameras, or None when they are; "" is the node's own."""
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) for name in value):
        return f"cameras must be a list of namespaces, not {value!r}; [''] is the node's own."
    names = [name.strip("/") for name in value]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"cameras names {twice or 'the own namespace'!r} twice; name each camera once."
    for name in value:
        if name and not _NAMESPACE.fullmatch(name):
            return (
                f"cameras names {name!r}, which is no namespace of ROS: use letters, digits and underscores, with / "
                "between them and no digit first."
            )
    return None


_NAMESPACE = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?")
_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_BEFORE = Change.UNCONFIGURED

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "cameras",
        [""],
        "Namespaces of the cameras that this node serves; [''] stands for the node's own topics. Parameters that a "
        "camera may have of its own are set with its name before them (front.strength).",
        _BEFORE,
        is_for_node=True,
    ),
    Setting(
        "autostart",
        True,
        "Configure and activate at start. Frames then pass through unchanged where the model cannot be loaded; "
        "with false, a lifecycle manager drives the node and configure fails instead.",
        Change.START,
        is_for_node=True,
    ),
    Setting(
        "model",
        "curve_grid",
        "Name of shipped weights, or path of an .onnx, .safetensors or .pth file. Another one is loaded while frames "
        "pass.",
        is_for_node=True,
    ),
    Setting(
        "runtime",
        "auto",
        "What runs the network; auto takes the best one that works here.",
        choices=("auto", *RUNTIMES),
        is_for_node=True,
    ),
    Setting(
        "engine_build",
        "never",
        "Build the TensorRT engine of the model where there is none yet, in half precision unless runtime is "
        "tensorrt-fp32: on_start before the first frame; background while frames pass with the best runtime that "
        "works, from which tensorrt takes over when it is ready.",
        _BEFORE,
        choices=("never", "on_start", "background"),
        is_for_node=True,
    ),
    Setting("enabled", True, "false passes every frame on unchanged; also the service ~/enable."),
    Setting("strength", 1.0, "How much of the enhancement is applied; 0 leaves the frame as it is.", low=0.0, high=1.0),
    Setting("denoise", 1.0, "How strongly the noise that brightening reveals is smoothed.", low=0.0, high=1.0),
    Setting(
        "denoise_over_time",
        1.0,
        "How much the frames before help with that where nothing moves; needs temporal.",
        low=0.0,
        high=1.0,
    ),
    Setting("daylight_gate", True, "Pass frames on unchanged while it is bright."),
    Setting("temporal", True, "Smooth the enhancement over time, so that video does not flicker."),
    Setting(
        "input_transport",
        "raw",
        "raw subscribes to image, compressed to image/compressed.",
        _BEFORE,
        choices=("raw", "compressed"),
    ),
    Setting(
        "input_reliability",
        "auto",
        "QoS of the input; auto is reliable only if every publisher is.",
        _BEFORE,
        choices=("auto", "reliable", "best_effort"),
    ),
    Setting("qos_depth", 5, "History depth of the input.", _BEFORE, low=1, high=5),
    Setting(
        "output_depth",
        1,
        "History depth of the outputs; with more, a listener that is slow gets frames that are older.",
        _BEFORE,
        low=1,
        high=5,
    ),
    Setting(
        "max_age_ms",
        0.0,
        "Skip frames whose stamp is older when their turn comes (by the time since they arrived, where the camera has "
        "another clock); 0 skips none.",
        low=0.0,
        high=10000.0,
    ),
    Setting(
        "latency_budget_ms",
        0.0,
        "What a frame may take from its arrival to its publication; where it takes longer, less is done to it, step by "
        "step, which the diagnostics tell. 0 is no limit, 2 about what passing a small frame on takes.",
        low=0.0,
        high=10000.0,
    ),
    Setting(
        "output_encoding",
        "same",
        "Encoding of enhanced/image; same is that of the input where it is rgb8, bgr8 or grey (mono8), else bgr8.",
        choices=("same", "bgr8", "rgb8", "mono8"),
    ),
    Setting(
        "attention_encoding",
        "mono8",
        "Encoding of attention/image: 0 to 255, or 0 to 1 in 32FC1.",
        choices=("mono8", "32FC1"),
    ),
    Setting("publish_attention", True, "Publish attention/image.", _BEFORE),
    Setting("publish_compressed", False, "Publish enhanced/image/compressed (JPEG).", _BEFORE),
    Setting(
        "publish_side_by_side",
        False,
        "Publish debug/side_by_side (input, attention, enhanced next to each other).",
        _BEFORE,
    ),
    Setting("jpeg_quality", 90, "Quality of enhanced/image/compressed.", low=1, high=100),
    Setting(
        "white_16bit",
        65535,
        "The value that is white in 16-bit images; 4095 for 12 bits in the low end of each word.",
        low=1,
        high=65535,
    ),
    Setting(
        "max_pixels",
        1 << 26,
        "Refuse compressed pictures that claim more pixels: a small file can claim any number.",
        low=1,
        high=1 << 30,
    ),
    Setting("lazy", True, "Work only while somebody subscribes to an output."),
    Setting(
        "watchdog_s",
        5.0,
        "End the process where its main loop has not come round for so many seconds, as a call into the middleware "
        "hangs; the launch file starts it anew. 0 never does.",
        Change.START,
        0.0,
        600.0,
        is_for_node=True,
    ),
    Setting(
        "diagnostics_period",
        1.0,
        "Seconds between two messages on /diagnostics.",
        Change.START,
        0.1,
        60.0,
        is_for_node=True,
    ),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Map each name that is not in the table, but nearly, to the one that was probably meant."""
    strangers = [name for name in names if name not in BY_NAME and "." not in name]
    guesses = {name: difflib.get_close_matches(name, BY_NAME, 1, 0.8) for name in strangers}
    return {name: guess[0] for name, guess in guesses.items() if guess}


def markdown_table() -> str:
    """Return the table as Markdown, for the documentation."""
    rows = ["| Parameter | Default | Allowed | May change | What it does |", "|---|---|---|---|---|"]
    for row in SETTINGS:
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        allowed = row.allowed.replace("|", r"\|")
        rows.append(f"| `{row.name}` | `{default}` | {allowed} | {row.change.value} | {row.description} |")
    return "\n".join(rows) + "\n"
