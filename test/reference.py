"""docs/reference.md, made of the tables that the node itself has, and of rows that the tests try on a running one:

cd test && python -m reference
"""

import ast
from pathlib import Path
from typing import NamedTuple

from illumigan_ros.node.budget import STEPS
from illumigan_ros.node.setting import markdown_table
from illumigan_ros.node.settings import SETTINGS

ROOT = Path(__file__).parents[1]
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO, FLOAT, DIAGNOSTICS = "sensor_msgs/msg/CameraInfo", "std_msgs/msg/Float64", "diagnostic_msgs/msg/DiagnosticArray"


class Topic(NamedTuple):
    """Where a message goes in or out; names are relative to a camera's namespace, with ~ to the node's name."""

    name: str
    type: str
    way: str
    text: str


TOPICS = (
    Topic("image", IMAGE, "in", "what the camera sees, in an encoding of the [list](inputs.md#image-messages)"),
    Topic(
        "image/compressed",
        COMPRESSED,
        "in",
        "instead of `image`, with `input_transport: compressed`; [what is read](inputs.md)",
    ),
    Topic("camera_info", INFO, "in", "calibration"),
    Topic("enhanced/image", IMAGE, "out", "in the encoding of the input or that of `output_encoding`"),
    Topic("enhanced/camera_info", INFO, "out", "in step with `enhanced/image`"),
    Topic("attention/image", IMAGE, "out", "255 - luminance, mono8 or 32FC1: where the frame asks for attention"),
    Topic("enhanced/image/compressed", COMPRESSED, "out", "JPEG, with `publish_compressed`"),
    Topic("debug/side_by_side", IMAGE, "out", "bgr8: input, attention, enhanced; with `publish_side_by_side`"),
    Topic("~/debug/processing_time_ms", FLOAT, "out", "what each frame took in the node"),
    Topic("~/debug/pipeline_latency_ms", FLOAT, "out", "the time since its stamp"),
    Topic("/diagnostics", DIAGNOSTICS, "out", "a status for each camera, see [Diagnostics](#diagnostics)"),
    Topic("~/status", DIAGNOSTICS, "out", "latched: the same, whenever a level has changed"),
)

SERVICES = (
    ("~/enable", "std_srvs/srv/SetBool", "false passes frames on unchanged, true enhances them"),
    ("~/reset", "std_srvs/srv/Trigger", "forgets the past frames"),
)

ALWAYS = "always"


class Value(NamedTuple):
    """A value of a status; capitals in the key stand for what varies. `when` says when it is there."""

    key: str
    when: str
    text: str


PUBLISHED = "after a frame went out"
VALUES = (
    Value("model", ALWAYS, "the weights in use"),
    Value("runtime", ALWAYS, "what runs the network, or none"),
    Value("runtime in detail", "with a model", "device and precision"),
    Value("runtime not used N", "where a better one failed", "which, and why"),
    Value("engine", "with `engine_build`", "what is being built and for how long, or what came of it"),
    Value("input reliability", "while subscribed", "reliable or best_effort, as the publishers are"),
    Value("JPEG decoder", "with compressed input", "PyTurboJPEG where it works, or OpenCV"),
    Value("budget step", ALWAYS, f"what the latency budget asks for: {', '.join(STEPS)}"),
    Value("frames in", ALWAYS, "received"),
    Value("frames in work", ALWAYS, "received, and in none of the counts below yet"),
    Value("frames enhanced", ALWAYS, "published, enhanced"),
    Value("frames passed through", ALWAYS, "published as they came"),
    Value("frames skipped", ALWAYS, "not published, as a newer one was there or they were too old"),
    Value("frames nobody wanted", ALWAYS, "dropped, as nobody subscribes to an output"),
    Value("frames rejected", ALWAYS, "not decoded: no picture could be made of the message"),
    Value("frames FATE: REASON", "for each reason so far", "one of the five counts above, by reason"),
    Value("frames out", ALWAYS, "enhanced or passed through"),
    Value("frames lost in transport", ALWAYS, "gaps in the publishers' own numbers; unknown on Humble"),
    Value("fps in", ALWAYS, "frames a second received, over two seconds"),
    Value("fps", ALWAYS, "frames a second published, over two seconds"),
    Value("latency p50 ms", PUBLISHED, "from arrival to publication: median, and `p95`, of the last 300"),
    Value("age of stamp p50 ms", "where the clocks agree", "from the stamp to publication, likewise"),
    Value("stage NAME p50 ms", PUBLISHED, "of each stage of the work, and of their total, likewise"),
    Value("last frame", PUBLISHED, "what became of it"),
    Value("mean luma in", "after an enhanced frame", "mean luminance of the last frame, 0 to 1"),
    Value("mean luma out", "after an enhanced frame", "the same after enhancement"),
    Value("memory begun anew: REASON", "for each reason so far", "how often past frames were forgotten"),
    Value("last error", "after an error", "its sentence"),
    Value("last error at", "after an error", "when"),
)


def launch_arguments(name):
    """Return name, default and description of each argument of a launch file, which needs launch to be imported."""
    found = []
    for node in ast.walk(ast.parse((ROOT / "launch" / f"{name}.launch.py").read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument":
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            default = values["default_value"]
            text = default.value if isinstance(default, ast.Constant) else "config/enhance.yaml"
            found.append((ast.literal_eval(node.args[0]), text, ast.literal_eval(values["description"])))
    return found


def default_in_words(name, default):
    """Return what an argument that is left empty means: what the parameter file says, or no camera."""
    if default:
        return f"`{default}`"
    return "none" if name in ("camera", "cameras") else "from the parameter file"


def table(head, rows):
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def document():
    """Return docs/reference.md."""
    arguments = [
        (f"`{name}`", default_in_words(name, default), text) for name, default, text in launch_arguments("enhance")
    ]
    topics = [(f"`{one.name}`", one.type.replace("/msg/", "/"), one.way, one.text) for one in TOPICS]
    services = [(f"`{name}`", kind.replace("/srv/", "/"), text) for name, kind, text in SERVICES]
    values = [(f"`{one.key}`", one.when, one.text) for one in VALUES]
    return TEXT.format(
        arguments=table(("argument", "default", "what it does"), arguments),
        topics=table(("topic", "type", "", "what it carries"), topics),
        services=table(("service", "type", "what it does"), services),
        parameters=markdown_table(SETTINGS).rstrip(),
        values=table(("value", "there", "what it says"), values),
    )


TEXT = """# Node reference

Made by `cd test && python -m reference` of the node's own tables; what it says is tried on a running node.

## Start

<!-- needs ROS -->
```sh
ros2 launch illumigan enhance.launch.py camera:=/front image:=image_raw
ros2 run illumigan enhance_node --ros-args -r image:=/front/image_raw      # without the launch file
```

`enhance_node` is a lifecycle node. It configures and activates itself unless `autostart` is false. The launch file
starts it anew where it ends by itself, and gives it the environment in which frames travel fast.

{arguments}

## Topics

Names are relative to the namespace of the camera, those with `~` to the name of the node, which is `enhance`.

{topics}

- Every output carries the camera's own header: its stamp and its frame.
- Outputs are reliable and of depth 1. `output_depth` and ROS' `qos_overrides` change that; with a depth of 5, a slow
  listener gets frames that are five old.
- The input's reliability follows its publishers.
- Where nobody listens to any output of a camera, its input is not subscribed to (`lazy`).
- Remapping `image` or `enhanced/image` moves their `/compressed` along, as image_transport does.
- Encodings beyond the list are read through cv_bridge where it is installed.

A night camera must not go black because of this node: where enhancement fails, where its result would be black and the
frame is not, or where the model cannot be loaded, the original frame goes out, and `/diagnostics` says why. Stamps may
come in any order, stand still or be missing; a frame that does not follow the one before within a second is treated as
the first. The newest frame wins; what is skipped is counted. An image that cannot be decoded is counted by reason, and
the next good one comes out.

## Services

{services}

Beside them are those of every lifecycle node (`~/change_state`, `~/get_state`, ...) and of parameters.

## Parameters

Described one by one in [config/enhance.yaml](../config/enhance.yaml). Those that may change at any time can be set
while frames pass:

<!-- needs ROS -->
```sh
ros2 param set /enhance strength 0.7
```

{parameters}

## Diagnostics

A status for each camera comes once in each `diagnostics_period`. Its level is

- ERROR where frames go out unenhanced through a failure,
- WARN where the output falls behind, or something second-best runs,
- STALE where no frames come in,
- OK otherwise.

Every frame received is in exactly one count: enhanced, passed through, skipped, nobody wanted, rejected or, for the
moment, in work. The values of a status:

{values}

## When the middleware hangs

A call into the middleware may hang with Python's lock held: then no thread of Python's runs, nor a signal handler. The
node ends itself when its main loop has not come round for `watchdog_s`, and the launch file starts it anew. What others
may send to it, and what it trusts, is in [Security](security.md); `make soak` does for ten minutes what robots do to a
node, and judges its memory, which must not grow; `python -m illumigan_ros.measure.soak --leak 2` is a run with a node
that loses 2 MB a minute, which must be found.
"""


if __name__ == "__main__":
    (ROOT / "docs" / "reference.md").write_text(document())
