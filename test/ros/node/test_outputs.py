"""What the live node publishes, and that it works for listeners only."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from support.node import NIGHT, assert_accounted, image, set_parameter

from illumigan_model.attention import attention_u8
from illumigan_ros.node.messages import to_bgr


@pytest.mark.parametrize(
    ("given", "chosen", "encoding"),
    [
        ("bgr8", "same", "bgr8"),
        ("rgb8", "same", "rgb8"),
        ("mono8", "same", "mono8"),
        ("mono16", "same", "mono8"),
        ("bgra8", "same", "bgr8"),
        ("mono8", "rgb8", "rgb8"),
        ("rgb8", "mono8", "mono8"),
    ],
)
def test_the_output_has_the_encoding_of_the_input_or_the_one_that_is_chosen(
    bench_of_encodings, given, chosen, encoding
):
    running, camera = bench_of_encodings
    grey = cv2.cvtColor(NIGHT, cv2.COLOR_BGR2GRAY)
    pixels = {
        "bgr8": NIGHT,
        "rgb8": cv2.cvtColor(NIGHT, cv2.COLOR_BGR2RGB),
        "bgra8": cv2.cvtColor(NIGHT, cv2.COLOR_BGR2BGRA),
        "mono8": grey,
        "mono16": grey.astype(np.uint16) * 257,
    }
    wanted = grey if "mono" in given + encoding else NIGHT
    assert set_parameter(running, "output_encoding", chosen).successful
    stamp = 1 + len(running.received["/enhanced/image"])
    camera.publish(image(stamp, pixels[given], given))
    made = running.output(stamp)
    assert made.encoding == encoding
    found = to_bgr(made)
    np.testing.assert_array_equal(found[:, :, 0] if wanted.ndim == 2 else found, wanted)


@pytest.fixture
def bench_of_encodings(bench):
    running = bench({"enabled": False})
    return running, running.camera(Image)


def test_attention_can_be_had_as_numbers_from_0_to_1(bench):
    running = bench({"attention_encoding": "32FC1"})
    camera = running.camera(Image)
    camera.publish(image(1))
    made = running.output(1, "/attention/image")
    assert made.encoding == "32FC1" and made.step == 4 * made.width
    values = np.frombuffer(made.data, np.float32).reshape(made.height, made.width)
    np.testing.assert_allclose(values, attention_u8(NIGHT) / 255, atol=1e-6)


def test_outputs_may_be_given_another_quality_of_service(bench):
    running = bench({"qos_overrides./enhanced/image.publisher.reliability": "best_effort", "output_depth": 3})
    (image_out,) = [out for out in running.node.publishers if out.topic_name == "/enhanced/image"]
    (attention_out,) = [out for out in running.node.publishers if out.topic_name == "/attention/image"]
    assert image_out.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert attention_out.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert attention_out.qos_profile.depth == 3


def test_what_a_frame_took_is_published_and_the_status_is_there_for_whoever_comes_late(bench):
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.qos import DurabilityPolicy
    from std_msgs.msg import Float64

    running = bench()
    times = []
    running.client.create_subscription(Float64, "/enhance/debug/processing_time_ms", times.append, 5)
    camera = running.camera(Image)
    running.wait(lambda: running.node.count_subscribers("/enhance/debug/processing_time_ms") == 1)

    def send() -> list[Float64]:
        camera.publish(image(1))
        return times

    running.wait(send)
    assert 0 < times[0].data < 10_000
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    running.client.create_subscription(DiagnosticArray, "/enhance/status", running.received["/status"].append, latched)
    assert running.wait(lambda: running.received["/status"])[0].status[0].name == "/enhance: stream"


def test_a_lazy_node_does_nothing_while_nobody_listens(bench):
    running = bench(topics=())
    camera = running.client.create_publisher(Image, "/image", 5)
    running.wait(lambda: "Nobody listens" in running.diagnostics().get("message", ""))
    assert camera.get_subscription_count() == 0
    assert running.diagnostics()["frames in"] == "0"
    listener = running.listen("/enhanced/image")
    running.meet(camera)
    camera.publish(image(1))
    running.output(1)
    running.client.destroy_subscription(listener)
    (output,) = [out for out in running.node.publishers if out.topic_name == "/enhanced/image"]
    running.wait(lambda: output.get_subscription_count() == 0)  # which the graph may tell a moment earlier
    camera.publish(image(2))  # the input is kept for a moment, as listeners come and go
    running.wait(lambda: running.diagnostics().get("frames nobody wanted") == "1")
    running.wait(lambda: camera.get_subscription_count() == 0)
    assert set_parameter(running, "lazy", False).successful
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(3))
    running.wait(lambda: running.diagnostics().get("frames out") == "2")
    assert_accounted(running)
