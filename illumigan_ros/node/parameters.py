"""Every parameter of the node, once: name, default, allowed values, description and when it may change."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult

from illumigan_model.errors import IllumiganError

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.parameter import Parameter


class Change(Enum):
    """When a parameter may be set."""

    LIVE = "any time"
    UNCONFIGURED = "before configure"
    START = "at start only"


@dataclass(frozen=True)
class Setting:
    """One row of the table; `low` and `high` are inclusive."""

    name: str
    default: bool | int | float | str
    description: str
    change: Change = Change.LIVE
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return " | ".join(self.choices)
        if self.low is not None:
            return f"{self.low:g} .. {self.high:g}"
        return "true | false" if isinstance(self.default, bool) else "text"

    def complaint(self, value: object) -> str | None:
        """Return why `value` is not allowed, or None when it is; a whole number will do for a float."""
        kind = type(self.default)
        if not (type(value) is kind or (kind is float and type(value) is int)):
            return f"{self.name} must be {_KINDS[kind]}, not {value!r}; allowed: {self.allowed}."
        if self.choices and value not in self.choices:
            return f"{self.name} must be one of {self.allowed}, not {value!r}."
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            return None if self.low <= value <= self.high else f"{self.name} must be in {self.allowed}, not {value!r}."
        return f"{self.name} must not be empty." if value == "" else None


_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_BEFORE = Change.UNCONFIGURED

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "autostart",
        True,
        "Configure and activate at start. Frames then pass through unchanged where the model cannot be loaded; "
        "with false, a lifecycle manager drives the node and configure fails instead.",
        Change.START,
    ),
    Setting("model", "curve_grid", "Name of shipped weights, or path of an .onnx, .safetensors or .pth file.", _BEFORE),
    Setting("runtime", "auto", "What runs the network; auto takes the best one that works here.", _BEFORE),
    Setting(
        "engine_build",
        "never",
        "Build the TensorRT engine of the model where there is none yet, in half precision unless runtime is "
        "tensorrt-fp32: on_start before the first frame; background while frames pass with the best runtime that "
        "works, from which tensorrt takes over when it is ready.",
        _BEFORE,
        choices=("never", "on_start", "background"),
    ),
    Setting("enabled", True, "false passes every frame on unchanged; also the service ~/enable."),
    Setting("strength", 1.0, "How much of the enhancement is applied; 0 leaves the frame as it is.", low=0.0, high=1.0),
    Setting("denoise", 1.0, "How strongly the noise that brightening reveals is smoothed.", low=0.0, high=1.0),
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
    Setting("qos_depth", 5, "History depth of image topics; more only makes frames older.", _BEFORE, low=1, high=5),
    Setting("publish_attention", True, "Publish attention/image (mono8).", _BEFORE),
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
    Setting("lazy", True, "Work only while somebody subscribes to an output."),
    Setting("diagnostics_period", 1.0, "Seconds between two messages on /diagnostics.", Change.START, 0.1, 60.0),
)


class Parameters:
    """
    The table, declared on a node; indexing gives the value that holds now.

    Changes are refused with a sentence when the value is not allowed, or when it can only take effect before
    configure and `is_configured()` says that it is too late. Raises IllumiganError for a forbidden start value.
    """

    def __init__(self, node: Node, is_configured: Callable[[], bool]) -> None:
        self._node = node
        self._is_configured = is_configured
        start_values = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
        for setting in SETTINGS:
            complaint = setting.complaint(start_values.get(setting.name, setting.default))
            if complaint:  # said here, as rclpy's own exception hides the sentence behind others
                raise IllumiganError(f"The parameter {complaint}")
            node.declare_parameter(setting.name, setting.default, _descriptor(setting))
        for name, meant in misspelt(start_values).items():
            node.get_logger().warning(f"There is no parameter '{name}'; did you mean '{meant}'?")
        node.add_on_set_parameters_callback(self._check)

    def __getitem__(self, name: str) -> Any:
        """Return the present value; KeyError for a name that is not in the table."""
        value = self._node.get_parameter(name).value
        return float(value) if isinstance(_BY_NAME[name].default, float) else value

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            setting = _BY_NAME.get(parameter.name)
            if setting is None:  # use_sim_time and its like belong to rclpy
                continue
            complaint = setting.complaint(parameter.value)
            if complaint is None and setting.change is Change.UNCONFIGURED and self._is_configured():
                complaint = f"{setting.name} takes effect on configure: deactivate and clean up the node, then set it."
            if complaint:
                return SetParametersResult(successful=False, reason=complaint)
        return SetParametersResult(successful=True)


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Map each name that is not in the table, but nearly, to the one that was probably meant."""
    guesses = {name: difflib.get_close_matches(name, _BY_NAME, 1, 0.8) for name in names if name not in _BY_NAME}
    return {name: guess[0] for name, guess in guesses.items() if guess}


def markdown_table() -> str:
    """Return the table as Markdown, for the documentation."""
    rows = ["| Parameter | Default | Allowed | May change | What it does |", "|---|---|---|---|---|"]
    for row in SETTINGS:
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        allowed = row.allowed.replace("|", r"\|")
        rows.append(f"| `{row.name}` | `{default}` | {allowed} | {row.change.value} | {row.description} |")
    return "\n".join(rows) + "\n"


_BY_NAME = {setting.name: setting for setting in SETTINGS}


def _descriptor(setting: Setting) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=setting.description,
        additional_constraints=f"Allowed: {setting.allowed}. May change: {setting.change.value}.",
        read_only=setting.change is Change.START,
        # Lets `strength: 1` through to our own check, where rclpy would ask for 1.0.
        dynamic_typing=isinstance(setting.default, float),
    )
    if setting.low is None or setting.high is None:
        return descriptor
    if isinstance(setting.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=setting.low, to_value=setting.high)]
    else:
        descriptor.integer_range = [IntegerRange(from_value=int(setting.low), to_value=int(setting.high))]
    return descriptor
