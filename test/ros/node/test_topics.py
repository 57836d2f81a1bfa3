"""image_transport's rule: remapping the base topic moves its transports, in the node and in the player."""

from contextlib import contextmanager

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

import rclpy
from rclpy.parameter import Parameter

from illumigan_ros.node.enhance_node import EnhanceNode
from illumigan_ros.node.topics import transport_topic
from illumigan_ros.recordings.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from illumigan_ros.recordings.player import topic_of


@contextmanager
def node_with(remaps, kind=rclpy.create_node, **options):
    context = rclpy.Context()
    rclpy.init(context=context)
    arguments = ["--ros-args", *(word for remap in remaps for word in ("-r", remap))]
    name = () if kind is EnhanceNode else ("player",)
    node = kind(*name, context=context, cli_args=arguments, **options)
    try:
        yield node
    finally:
        if kind is EnhanceNode:
            node.release()
        node.destroy_node()
        context.try_shutdown()


CASES = [
    ([], "/image/compressed"),
    (["image:=/front/image_raw"], "/front/image_raw/compressed"),
    (["image:=image_raw"], "/image_raw/compressed"),
    (["image/compressed:=/jpegs"], "/jpegs"),
    (["image:=/front/image_raw", "image/compressed:=/jpegs"], "/jpegs"),
    (["__ns:=/front"], "/front/image/compressed"),
    (["__ns:=/front", "image:=color"], "/front/color/compressed"),
]


@pytest.mark.parametrize(("remaps", "topic"), CASES)
def test_the_transport_goes_where_the_base_topic_goes(remaps, topic):
    with node_with(remaps) as node:
        assert node.resolve_topic_name(transport_topic(node, "image", "compressed")) == topic


def test_the_player_publishes_where_its_help_says():
    with node_with(["image:=/front/image_raw", "camera_info:=/front/info"]) as node:
        topics = {
            kind: node.resolve_topic_name(topic_of(node, kind)) for kind in (IMAGE, COMPRESSED_IMAGE, CAMERA_INFO)
        }
    assert topics[IMAGE] == "/front/image_raw"
    assert topics[COMPRESSED_IMAGE] == "/front/image_raw/compressed"
    assert topics[CAMERA_INFO] == "/front/info"


@pytest.mark.parametrize(
    ("cameras", "remaps", "state"),
    [
        ([""], ["image:=enhanced/image"], "unconfigured"),
        (["a", "b"], ["a/image:=b/enhanced/image", "b/image:=a/enhanced/image"], "unconfigured"),
        (["a", "b"], ["b/image:=a/enhanced/image"], "active"),
    ],
    ids=["its own", "by way of another", "two in a row"],
)
def test_a_camera_that_would_be_fed_with_its_own_output_is_refused(cameras, remaps, state):
    with node_with(remaps, EnhanceNode, parameter_overrides=[Parameter("cameras", value=cameras)]) as node:
        node.autostart()
        assert node._state_machine.current_state[1] == state
        assert bool(node.streams) == (state == "active")


def test_the_node_listens_and_publishes_there():
    parameters = [
        Parameter("input_transport", value="compressed"),
        Parameter("publish_compressed", value=True),
        Parameter("lazy", value=False),
    ]
    remaps = ["image:=/front/image_raw", "enhanced/image:=/night"]
    with node_with(remaps, EnhanceNode, parameter_overrides=parameters) as node:
        node.autostart()
        assert "/front/image_raw/compressed" in [subscription.topic_name for subscription in node.subscriptions]
        assert {"/night", "/night/compressed"} <= {publisher.topic_name for publisher in node.publishers}
