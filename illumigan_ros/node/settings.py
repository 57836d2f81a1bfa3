"""Every parameter of the enhancing node, once."""

from __future__ import annotations

from illumigan_model.runtimes.select import RUNTIMES
from illumigan_ros.node import common_settings as common
from illumigan_ros.node.setting import Change, Setting

_BEFORE = Change.UNCONFIGURED

SETTINGS: tuple[Setting, ...] = (
    common.CAMERAS,
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
        "curve_grid_detect",
        "Name of shipped weights (curve_grid_detect for a detector that follows, curve_grid for people), or path of an "
        ".onnx, .safetensors or .pth file. Another one is loaded while frames pass.",
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
    common.INPUT_TRANSPORT,
    common.INPUT_RELIABILITY,
    common.QOS_DEPTH,
    common.OUTPUT_DEPTH,
    common.MAX_AGE_MS,
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
        "Encoding of enhanced/image; same is that of the input where it is rgb8, bgr8 or grey (mono8), else bgr8. What "
        "has 16 bits comes out in 8, which is what the curves work in.",
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
    common.WHITE_16BIT,
    common.MAX_PIXELS,
    common.LAZY,
    common.WATCHDOG_S,
    common.DIAGNOSTICS_PERIOD,
)
