"""camera_info through the live node."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from support.node import NIGHT, header, image


def test_camera_info_keeps_step_with_the_image(bench, capfd):
    running = bench()
    infos = running.camera(CameraInfo, "/camera_info")
    camera = running.camera(Image)
    for stamp in (1, 2):
        info = CameraInfo(header=header(stamp), width=320, height=240, distortion_model="plumb_bob")
        info.k[0] = 300.0 + stamp
        infos.publish(info)
    running.wait(lambda: running.node.streams[""].camera.infos.matching(header(2), 320, 240))
    for stamp in (1, 2, 3):
        camera.publish(image(stamp))
        running.output(stamp)
        running.output(stamp, "/enhanced/camera_info")
    camera.publish(image(4, NIGHT[:100, :100]))  # nobody knows the calibration of this size
    running.output(4)
    camera.publish(image(5))
    running.output(5, "/enhanced/camera_info")
    got = running.received["/enhanced/camera_info"]
    assert [info.header for info in got] == [header(stamp) for stamp in (1, 2, 3, 5)]
    assert [info.k[0] for info in got] == [301.0, 302.0, 302.0, 302.0]  # stamp 3 came without its own
    assert "incompatible QoS" not in capfd.readouterr().err  # nobody waits for what this driver would have kept


def test_camera_info_that_was_sent_once_before_the_node_came_goes_with_each_image(bench):
    import rclpy
    from rclpy.qos import DurabilityPolicy

    context = rclpy.Context()
    rclpy.init(context=context)
    driver = rclpy.create_node("driver", context=context)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    info = CameraInfo(header=header(1), width=320, height=240, distortion_model="plumb_bob")
    publisher = driver.create_publisher(CameraInfo, "/camera_info", latched)
    publisher.publish(info)
    try:
        running = bench()
        running.wait(lambda: running.node.streams[""].camera.infos.matching(header(1), 320, 240))
        running.camera(
            CameraInfo, "/camera_info"
        )  # which keeps nothing: it is no concern of the one that listens for it
        camera = running.camera(Image)
        camera.publish(image(2))
        assert running.output(2, "/enhanced/camera_info").distortion_model == "plumb_bob"
    finally:
        driver.destroy_node()
        context.try_shutdown()
