"""Every parameter of the detecting node, once."""

from __future__ import annotations

from illumigan_model.detectors.detector import THRESHOLD
from illumigan_ros.node import common_settings as common
from illumigan_ros.node.setting import Change, Setting

_BEFORE = Change.UNCONFIGURED
MOST_THREADS = 256


def classes_complaint(value: object) -> str | None:
    """Return why these are no names of classes, or None when they may be."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return None
    return f"classes must be a list of names, not {value!r}; [''] is all that the detector knows."


SETTINGS: tuple[Setting, ...] = (
    common.CAMERAS,
    Setting(
        "autostart",
        True,
        "Configure and activate at start. Frames are then rejected where the detector cannot be loaded; with false, a "
        "lifecycle manager drives the node and configure fails instead.",
        Change.START,
        is_for_node=True,
    ),
    Setting(
        "detector",
        "yolox_nano",
        "Name of a shipped detector, or path of an ONNX file of a layout that docs/detectors.md lists.",
        _BEFORE,
        is_for_node=True,
    ),
    Setting(
        "threads",
        0,
        "CPU threads of the detector; 0 takes all of the machine's.",
        _BEFORE,
        low=0,
        high=MOST_THREADS,
        is_for_node=True,
    ),
    Setting("threshold", THRESHOLD, "The least score of a detection.", low=0.0, high=1.0),
    Setting(
        "classes",
        [""],
        "Names of the classes to look for, as the detector knows them; [''] is all of them.",
        words="class names",
        check=classes_complaint,
    ),
    common.INPUT_TRANSPORT,
    common.INPUT_RELIABILITY,
    common.QOS_DEPTH,
    common.OUTPUT_DEPTH,
    common.MAX_AGE_MS,
    Setting("publish_compressed", False, "Publish detections/image/compressed (JPEG).", _BEFORE),
    Setting("jpeg_quality", 90, "Quality of detections/image/compressed.", low=1, high=100),
    common.WHITE_16BIT,
    common.MAX_PIXELS,
    common.LAZY,
    common.WATCHDOG_S,
    common.DIAGNOSTICS_PERIOD,
)
