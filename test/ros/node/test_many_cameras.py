"""One node for several cameras: each has its own topics, counts and settings, and none disturbs another."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from skimage import data
from std_msgs.msg import Header

from illumigan_model.errors import IllumiganError
from illumigan_ros.node.messages import to_bgr

NIGHT = (cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)[:120, :160] // 6).copy()


def image(stamp: int, pixels: np.ndarray = NIGHT, encoding: str = "bgr8") -> Image:
    header = Header(frame_id="camera_optical_frame")
    header.stamp.sec = stamp
    message = Image(header=header, encoding=encoding, height=pixels.shape[0], width=pixels.shape[1])
    message.step = pixels.strides[0]
    message.data.frombytes(np.ascontiguousarray(pixels).tobytes())
    return message


def set_parameter(bench, name: str, value):
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return bench.call("set_parameters", request).results[0]


OUTPUTS = ("/front/enhanced/image", "/rear/left/enhanced/image")


def test_each_camera_comes_out_in_its_own_namespace_with_its_own_settings_and_counts(bench):
    running = bench({"cameras": ["front", "/rear/left"], "rear.left.strength": 0.0}, topics=OUTPUTS)
    front, rear = (running.camera(Image, topic) for topic in ("/front/image", "/rear/left/image"))
    for stamp in (1, 2):
        front.publish(image(stamp))
        running.output(stamp, OUTPUTS[0])
    rear.publish(image(3))
    assert to_bgr(running.output(2, OUTPUTS[0])).mean() > NIGHT.mean() + 5
    np.testing.assert_array_equal(to_bgr(running.output(3, OUTPUTS[1])), NIGHT)
    values = running.wait(lambda: (found := running.diagnostics("/rear/left")).get("frames out") == "1" and found)
    assert values["last frame"] == "unchanged: strength 0"
    running.wait(lambda: running.diagnostics("front")["frames enhanced"] == "2")
    assert set_parameter(running, "rear.left.strength", 1.0).successful
    rear.publish(image(4))
    assert to_bgr(running.output(4, OUTPUTS[1])).mean() > NIGHT.mean() + 5
    assert "0 .. 1" in set_parameter(running, "rear.left.strength", 2.0).reason
    assert set_parameter(running, "strength", 0.0).successful  # for those that have none of their own
    front.publish(image(5))
    np.testing.assert_array_equal(to_bgr(running.output(5, OUTPUTS[0])), NIGHT)


def test_what_one_camera_has_shown_does_not_colour_another(bench):
    """The filters that smooth over time belong to each camera: one sees night, the other day."""
    running = bench({"cameras": ["front", "rear"]}, topics=("/front/enhanced/image", "/rear/enhanced/image"))
    front, rear = (running.camera(Image, topic) for topic in ("/front/image", "/rear/image"))
    day = np.full_like(NIGHT, 200)
    for stamp in range(1, 6):
        front.publish(image(stamp))
        rear.publish(image(stamp, day))
        assert to_bgr(running.output(stamp, "/front/enhanced/image")).mean() > NIGHT.mean() + 5
        np.testing.assert_array_equal(to_bgr(running.output(stamp, "/rear/enhanced/image")), day)


def test_a_camera_that_floods_and_one_that_fails_leave_the_others_alone(bench):
    names = ("flood", "broken", "calm")
    running = bench({"cameras": list(names)}, topics=tuple(f"/{name}/enhanced/image" for name in names))
    flood, broken, calm = (running.camera(Image, f"/{name}/image") for name in names)
    large = np.tile(NIGHT, (4, 4, 1))
    for stamp in range(1, 9):
        for _ in range(5):
            flood.publish(image(stamp, large))
        bad = image(stamp)
        bad.step = 1
        broken.publish(bad)
        calm.publish(image(stamp))
        running.output(stamp, "/calm/enhanced/image")
    running.wait(lambda: running.diagnostics("broken").get("frames rejected: bad message") == "8")
    assert running.diagnostics("calm")["frames rejected"] == "0"
    assert any(status.level == DiagnosticStatus.ERROR for status in running.statuses("broken"))
    assert not any(status.level == DiagnosticStatus.ERROR for status in running.statuses("calm"))


def test_a_silent_camera_is_told_of_and_camera_info_stays_with_its_camera(bench):
    topics = (
        "/front/enhanced/image",
        "/front/enhanced/camera_info",
        "/rear/enhanced/image",
        "/rear/enhanced/camera_info",
    )
    running = bench({"cameras": ["front", "rear"]}, topics=topics)
    front = running.camera(Image, "/front/image")
    info = running.camera(CameraInfo, "/front/camera_info")
    info.publish(CameraInfo(header=image(1).header, width=160, height=120, distortion_model="front"))
    running.wait(lambda: running.node.streams["front"].camera.infos.matching(image(1).header, 160, 120))
    front.publish(image(1))
    assert running.output(1, "/front/enhanced/camera_info").distortion_model == "front"
    running.wait(lambda: running.diagnostics("rear").get("level") == DiagnosticStatus.STALE)
    assert running.received["/rear/enhanced/camera_info"] == []


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"cameras": ["front", "/front"]}, "names 'front' twice"),
        ({"cameras": ["front", "2nd"]}, "'2nd', which is no namespace"),
        ({"cameras": ["front", "no spaces"]}, "no namespace"),
        ({"cameras": ["front"], "frnt.strength": 0.5}, "no camera 'frnt'"),
        ({"front.strength": 0.5}, "no camera 'front'"),
        ({"cameras": ["front"], "front.strength": 7.0}, "front.strength must be in 0 .. 1"),
        ({"cameras": ["front"], "front.model": "attention_unet"}, "model is for the whole node"),
    ],
)
def test_cameras_that_contradict_each_other_are_refused_in_one_sentence(parameters, complaint):
    import rclpy

    from illumigan_ros.node.enhance_node import EnhanceNode

    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        with pytest.raises(IllumiganError, match=complaint):
            EnhanceNode(context=context, parameter_overrides=overrides)
    finally:
        context.try_shutdown()


def test_other_cameras_can_be_served_after_cleanup(bench):
    running = bench(topics=("/rear/enhanced/image",))
    for step in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        assert running.call("change_state", ChangeState.Request(transition=Transition(id=step))).success
    assert "twice" in set_parameter(running, "cameras", ["a", "a"]).reason
    assert set_parameter(running, "cameras", ["rear"]).successful
    for step in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert running.call("change_state", ChangeState.Request(transition=Transition(id=step))).success
    assert "configure" in set_parameter(running, "cameras", ["front"]).reason
    camera = running.camera(Image, "/rear/image")
    camera.publish(image(1))
    running.output(1, "/rear/enhanced/image")
