"""The live node's input and its publishers, who come and go and are reliable or not."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from support.node import image


@pytest.mark.parametrize("policy", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
def test_the_input_is_as_reliable_as_its_publishers(bench, policy):
    running = bench()
    camera = running.camera(Image, qos=QoSProfile(depth=5, reliability=policy))
    running.wait(lambda: running.diagnostics().get("input reliability") == policy.name.lower())
    for stamp in (1, 2):
        camera.publish(image(stamp))
        running.output(stamp)
    running.wait(lambda: camera.get_subscription_count() == 1)
    assert len(running.received["/enhanced/image"]) == 2


def test_one_best_effort_publisher_among_reliable_ones_is_heard(bench):
    running = bench()
    reliable = running.camera(Image)
    running.wait(lambda: running.diagnostics().get("input reliability") == "reliable")
    best_effort = running.camera(Image, qos=QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
    running.wait(lambda: running.diagnostics().get("input reliability") == "best_effort")
    running.wait(lambda: reliable.get_subscription_count() == 1)
    for stamp, publisher in enumerate((reliable, best_effort), 1):
        publisher.publish(image(stamp))
        running.output(stamp)
    assert len(running.received["/enhanced/image"]) == 2


def test_a_reliable_publisher_is_followed_when_it_appears(bench, monkeypatch):
    pytest.importorskip("rclpy.event_handler", reason="this rclpy does not tell when a publisher appears")
    monkeypatch.setattr("illumigan_ros.node.camera_node.LOOK_PERIOD", 3600.0)
    running = bench()
    running.camera(Image)
    running.wait(lambda: running.diagnostics().get("input reliability") == "reliable")


@pytest.mark.parametrize("reliability", ["auto", "best_effort"])
def test_the_ros_graph_is_not_asked_for_each_frame(bench, monkeypatch, reliability):
    monkeypatch.setattr("illumigan_ros.node.camera_node.LOOK_PERIOD", 3600.0)
    running = bench({"enabled": False, "input_reliability": reliability})
    camera = running.camera(Image)
    camera.publish(image(1))
    running.output(1)
    monkeypatch.setattr(running.node, "get_publishers_info_by_topic", lambda _: pytest.fail("It asks."))
    no_gid = {"publication_sequence_number": 1}  # what rclpy tells up to Jazzy
    assert running.node.streams[""].camera._image.publisher_of(no_gid) is not None
    for stamp in range(2, 6):
        camera.publish(image(stamp))
        running.output(stamp)


def test_another_publisher_is_no_loss(bench):
    running = bench({"enabled": False, "input_reliability": "reliable"})
    first = running.camera(Image)
    first.publish(image(1))
    running.output(1)
    second = running.camera(Image)
    for stamp in range(2, 12):
        second.publish(image(stamp))
        running.output(stamp)
    running.client.destroy_publisher(first)
    running.wait(lambda: running.node.count_publishers("/image") == 1)
    second.publish(image(12))
    running.output(12)
    running.wait(lambda: running.diagnostics().get("frames out") == "12")
    assert running.diagnostics()["frames lost in transport"] == "0"
