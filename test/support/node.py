"""What tests send to a node, and what they ask of it: `running` is a `Bench`."""

import cv2
import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from skimage import data
from std_msgs.msg import Header

NIGHT = (cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)[:240, :320] // 6).copy()


def header(stamp: int) -> Header:
    made = Header(frame_id="camera_optical_frame")
    made.stamp.sec, made.stamp.nanosec = stamp, 123456789
    return made


def image(stamp: int, pixels: np.ndarray = NIGHT, encoding: str = "bgr8") -> Image:
    rows = np.ascontiguousarray(pixels)
    message = Image(header=header(stamp), encoding=encoding, height=rows.shape[0], width=rows.shape[1])
    message.step = rows.strides[0]
    message.data.frombytes(rows.tobytes())
    return message


def transition(running, which: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=which))
    return running.call("change_state", request).success


def state(running) -> str:
    return running.call("get_state", GetState.Request()).current_state.label


def set_parameter(running, name: str, value):
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return running.call("set_parameters", request).results[0]


def last_frame(running, out: int = 1) -> str:
    """Wait until the diagnostics count so many frames out; return what they say about the last one."""
    running.wait(lambda: running.diagnostics().get("frames out") == str(out))
    return running.diagnostics()["last frame"]


def assert_accounted(running, camera: str = "stream") -> dict[str, int]:
    """Check that each frame received is in exactly one count, and return the counts."""
    names = ("in", "in work", "enhanced", "passed through", "skipped", "nobody wanted", "rejected")
    values = running.diagnostics(camera)
    counts = {name: int(values[f"frames {name}"]) for name in names}
    assert counts["in"] == sum(counts.values()) - counts["in"], counts
    return counts
