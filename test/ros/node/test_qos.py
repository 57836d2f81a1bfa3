"""An input whose reliability is that of its publishers, over real DDS."""

import time

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from illumigan_ros.node.qos import FollowingSubscription, image_qos, matching_reliability  # noqa: E402

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
PATIENCE = 30.0


@pytest.mark.parametrize(
    ("publishers", "answer"),
    [
        ([], BEST_EFFORT),
        ([RELIABLE], RELIABLE),
        ([RELIABLE, RELIABLE], RELIABLE),
        ([RELIABLE, BEST_EFFORT], BEST_EFFORT),
    ],
)
def test_reliable_is_asked_for_only_where_every_publisher_is(publishers, answer):
    assert matching_reliability(publishers) == answer


@pytest.fixture
def node():
    context = rclpy.Context()
    rclpy.init(context=context)
    made = rclpy.create_node("follower", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(made)

    def wait(condition, follow=lambda: None):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            follow()
            executor.spin_once(0.02)

    made.wait = wait
    yield made
    executor.shutdown()
    made.destroy_node()
    context.try_shutdown()


def test_the_subscription_follows_its_publishers_and_delivers_each_frame_once(node):
    received = []
    following = FollowingSubscription(
        node, Image, "image", lambda message, _: received.append(message.header.stamp.sec), reliability="auto", depth=5
    )
    assert (following.topic, following.reliability) == ("/image", "best_effort")
    publisher = node.create_publisher(Image, "image", image_qos(5))
    node.wait(lambda: following.reliability == "reliable")
    node.wait(
        lambda: [one.qos_profile.reliability for one in node.get_subscriptions_info_by_topic("/image")] == [RELIABLE]
    )
    node.wait(lambda: publisher.get_subscription_count() > 0)
    for second in range(1, 6):
        message = Image()
        message.header.stamp.sec = second
        publisher.publish(message)
        node.wait(lambda second=second: received[-1:] == [second])
    assert received == [1, 2, 3, 4, 5]
    second_camera = node.create_publisher(Image, "image", image_qos(5, BEST_EFFORT))
    node.wait(lambda: following.reliability == "best_effort", following.follow)
    node.destroy_publisher(second_camera)
    node.wait(lambda: following.reliability == "reliable", following.follow)
    following.destroy()
    node.wait(lambda: node.count_subscribers("/image") == 0)


def test_a_reliability_that_was_chosen_stays(node):
    chosen = FollowingSubscription(
        node, Image, "image", lambda *_: None, reliability="reliable", depth=5
    )  # fmt: skip
    node.create_publisher(Image, "image", image_qos(5, BEST_EFFORT))
    node.wait(lambda: node.count_publishers("/image") == 1)
    assert chosen.reliability == "reliable"
    chosen.destroy()
