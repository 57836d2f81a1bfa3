"""Every frame that the live node receives is in exactly one count."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from support.node import NIGHT, assert_accounted, image, set_parameter


def test_of_a_burst_every_frame_is_accounted_for_and_the_newest_comes_out(bench):
    running = bench({"input_reliability": "reliable"})
    camera = running.camera(Image)
    burst = [image(stamp, np.tile(NIGHT, (4, 4, 1))) for stamp in range(1, 31)]
    for message in burst:
        camera.publish(message)
    running.output(30)
    stamps = [m.header.stamp.sec for m in running.received["/enhanced/image"]]
    assert stamps == sorted(set(stamps))

    running.wait(lambda: running.diagnostics().get("frames enhanced") == str(len(stamps)))
    counts = assert_accounted(running)
    assert counts["in"] == counts["enhanced"] + counts["skipped"]


def test_frames_that_are_too_old_are_skipped_and_counted(bench):
    running = bench({"max_age_ms": 4000.0})
    camera = running.camera(Image)
    now = running.node.get_clock().now().nanoseconds // 10**9
    old = image(now - 5)
    camera.publish(old)
    running.wait(lambda: running.diagnostics().get("frames skipped: too old") == "1")
    fresh = image(1)  # of another clock, which says nothing of its age
    camera.publish(fresh)
    running.output(1)
    assert set_parameter(running, "max_age_ms", 0.0).successful
    camera.publish(image(now - 6))
    running.output(now - 6)
    running.wait(lambda: running.diagnostics().get("frames out") == "2")
    assert_accounted(running)


def test_under_load_and_faults_every_frame_is_in_exactly_one_count(bench):
    running = bench({"input_reliability": "reliable"})
    camera = running.camera(Image)
    camera.publish(image(0))
    running.output(0)  # what is lost before the first frame that arrives, nobody knows of
    large = np.tile(NIGHT, (3, 3, 1))
    for stamp in range(1, 61):
        message = image(stamp, large, encoding="bgr8" if stamp % 7 else "8UC7")
        if stamp % 5 == 0:
            message.step = 1
        if stamp % 20 == 0:
            running.call("enable", SetBool.Request(data=stamp == 40))
        camera.publish(message)
        if running.diagnostics():
            assert_accounted(running)
    # Of the burst, which is faster than the node, whatever is faulty may have been skipped.
    faulty, unknown = image(61), image(62, encoding="8UC7")
    faulty.step = 1
    for message, fate in ((faulty, "rejected"), (unknown, "passed through")):
        camera.publish(message)
        running.wait(lambda fate=fate: running.diagnostics() and assert_accounted(running)[fate] > 0)
    sent = 63

    def all_are_told_of() -> bool:
        assert_accounted(running)
        values = running.diagnostics()
        told_of = int(values["frames in"]) + int(values["frames lost in transport"])
        return values["frames in work"] == "0" and told_of == sent

    def all_are_told_of_behind_another() -> bool:
        nonlocal sent
        sent += 1
        camera.publish(image(1))  # only behind a later one is it known that the last one of the burst was lost
        said = len(running.statuses())
        running.wait(lambda: all_are_told_of() or len(running.statuses()) > said + 9)  # or this one was lost as well
        return all_are_told_of()

    running.wait(all_are_told_of_behind_another)
