"""The parameters that every node with cameras has."""

from __future__ import annotations

import re

from illumigan_ros.node.setting import Change, Setting

_BEFORE = Change.UNCONFIGURED
_NAMESPACE = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?")


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


CAMERAS = Setting(
    "cameras",
    [""],
    "Namespaces of the cameras that this node serves; [''] stands for the node's own topics. Parameters that a "
    "camera may have of its own are set with its name before them (front.strength).",
    _BEFORE,
    is_for_node=True,
    words="namespaces",
    check=namespace_complaint,
)
INPUT_TRANSPORT = Setting(
    "input_transport",
    "raw",
    "raw subscribes to image, compressed to image/compressed.",
    _BEFORE,
    choices=("raw", "compressed"),
)
INPUT_RELIABILITY = Setting(
    "input_reliability",
    "auto",
    "QoS of the input; auto is reliable only if every publisher is.",
    _BEFORE,
    choices=("auto", "reliable", "best_effort"),
)
QOS_DEPTH = Setting("qos_depth", 5, "History depth of the input.", _BEFORE, low=1, high=5)
OUTPUT_DEPTH = Setting(
    "output_depth",
    1,
    "History depth of the outputs; with more, a listener that is slow gets frames that are older.",
    _BEFORE,
    low=1,
    high=5,
)
MAX_AGE_MS = Setting(
    "max_age_ms",
    0.0,
    "Skip frames whose stamp is older when their turn comes (by the time since they arrived, where the camera has "
    "another clock); 0 skips none.",
    low=0.0,
    high=10000.0,
)
WHITE_16BIT = Setting(
    "white_16bit",
    65535,
    "The value that is white in 16-bit images; 4095 for 12 bits in the low end of each word.",
    low=1,
    high=65535,
)
MAX_PIXELS = Setting(
    "max_pixels",
    1 << 26,
    "Refuse compressed pictures that claim more pixels: a small file can claim any number.",
    low=1,
    high=1 << 30,
)
LAZY = Setting("lazy", True, "Work only while somebody subscribes to an output.")
WATCHDOG_S = Setting(
    "watchdog_s",
    5.0,
    "End the process where its main loop has not come round for so many seconds, as a call into the middleware "
    "hangs; the launch file starts it anew. 0 never does.",
    Change.START,
    0.0,
    600.0,
    is_for_node=True,
)
DIAGNOSTICS_PERIOD = Setting(
    "diagnostics_period",
    1.0,
    "Seconds between two messages on /diagnostics.",
    Change.START,
    0.1,
    60.0,
    is_for_node=True,
)
