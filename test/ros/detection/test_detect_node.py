"""The detecting node as its users see it: images in, boxes out, over DDS."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image
from support.node import header, image, set_parameter

from illumigan_ros.node.messages import compressed_from_bgr, compressed_to_bgr, to_bgr

ROOT = Path(__file__).resolve().parents[3]
HAS_VISION_MSGS = importlib.util.find_spec("vision_msgs") is not None
FATES = ("examined", "skipped", "nobody wanted", "rejected")


def counts(running, camera="stream"):
    """Check that each frame is in exactly one count, and return the counts."""
    values = running.diagnostics(camera)
    numbers = {name: int(values[f"frames {name}"]) for name in ("in", "in work", *FATES)}
    assert numbers["in"] == sum(numbers.values()) - numbers["in"], numbers
    return numbers


def test_boxes_are_drawn_under_the_cameras_own_header(detect_bench, street, drawn):
    running = detect_bench()
    camera = running.camera(Image)
    camera.publish(image(3, street[:, :, ::-1], "rgb8"))
    picture = running.output(3, "/detections/image")
    assert (picture.header, picture.encoding) == (header(3), "bgr8")
    assert drawn(to_bgr(picture)) == (True, True)
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "1" else None)
    assert (values["layout"], values["boxes in the last frame"], values["last frame"]) == ("YOLOX", "2", "examined")
    assert float(values["stage detect p50 ms"]) > 0 and values["input reliability"] == "reliable"


@pytest.mark.skipif(not HAS_VISION_MSGS, reason="vision_msgs comes with a ROS distribution, not from PyPI")
def test_detections_come_as_vision_msgs(detect_bench, street):
    from vision_msgs.msg import Detection2DArray

    running = detect_bench()
    found = []
    running.client.create_subscription(Detection2DArray, "/detections", found.append, 5)
    camera = running.camera(Image)
    (output,) = [out for out in running.node.publishers if out.topic_name == "/detections"]
    running.wait(output.get_subscription_count)
    camera.publish(image(3, street))
    array = running.wait(lambda: found and found[0])
    assert array.header == header(3) == array.detections[0].header
    assert [one.results[0].hypothesis.class_id for one in array.detections] == ["car", "person"]
    np.testing.assert_allclose([one.results[0].hypothesis.score for one in array.detections], [0.8, 0.45], atol=1e-5)
    box = array.detections[0].bbox
    sides = (box.center.position.x, box.center.position.y, box.size_x, box.size_y)
    np.testing.assert_allclose(sides, (40, 24, 32, 32), atol=1e-3)


@pytest.mark.skipif(HAS_VISION_MSGS, reason="vision_msgs is installed here")
def test_without_vision_msgs_a_warning_says_so_and_the_log_once(detect_bench, capfd):
    running = detect_bench(topics=())
    status = running.wait(lambda: next((one for one in running.statuses() if "listens" in one.message), None))
    assert status.level == DiagnosticStatus.WARN and "vision_msgs is not installed" in status.message
    assert capfd.readouterr().err.count("vision_msgs is not installed") == 1


def test_threshold_and_classes_may_change_while_frames_pass(detect_bench, street, drawn):
    running = detect_bench({"input_transport": "compressed", "publish_compressed": True})
    running.listen("/detections/image/compressed")
    camera = running.camera(CompressedImage, "/image/compressed")

    def look(stamp):
        camera.publish(compressed_from_bgr(street, header(stamp), 100))
        picture = to_bgr(running.output(stamp, "/detections/image")).astype(int)
        seen = drawn((picture + 16) // 32 * 32)  # which levels JPEG's noise
        jpeg = running.output(stamp, "/detections/image/compressed")
        assert jpeg.header == header(stamp) and compressed_to_bgr(jpeg).shape == street.shape
        return seen

    street[:] = street // 32 * 32
    assert look(1) == (True, True)
    assert set_parameter(running, "threshold", 0.6).successful
    assert look(2) == (True, False)
    assert set_parameter(running, "threshold", 0.3).successful
    assert set_parameter(running, "classes", ["person", "bus"]).successful
    assert look(3) == (False, True)
    refused = set_parameter(running, "classes", ["lorry"])
    assert not refused.successful and "knows no class 'lorry'; it knows person, bicycle" in refused.reason
    assert not set_parameter(running, "threshold", 1.5).successful
    assert look(4) == (False, True)


def test_good_frames_are_examined_after_bad_ones_and_each_is_in_one_count(detect_bench, street):
    running = detect_bench()
    camera = running.camera(Image)
    truncated = image(1, street)
    del truncated.data[-10:]
    for message in (truncated, Image(header=header(2), encoding="bgr8"), image(3, street, "8UC7")):
        camera.publish(message)
        count = message.header.stamp.sec
        running.wait(lambda count=count: running.diagnostics() and counts(running)["rejected"] == count)
    assert running.diagnostics()["frames rejected: unknown encoding"] == "1"
    # The status that tells of the frames has that level, and the latest one may be of a moment without frames.
    assert any(one.level == DiagnosticStatus.ERROR and "8UC7" in one.message for one in running.statuses())
    camera.publish(image(4, street))
    running.output(4, "/detections/image")
    running.wait(lambda: counts(running)["examined"] == 1)
    assert [m.header.stamp.sec for m in running.received["/detections/image"]] == [4]


def test_a_detector_that_fails_is_told_and_the_next_frame_gets_its_boxes(detect_bench, street, monkeypatch):
    running = detect_bench()
    camera = running.camera(Image)
    with monkeypatch.context() as broken:
        broken.setattr(running.node._detector, "_run", lambda *_: 1 / 0)
        camera.publish(image(1, street))
        running.wait(lambda: running.diagnostics().get("frames rejected: detection failed") == "1")
    assert "The detector fails on this frame: division by zero" in running.diagnostics()["last error"]
    camera.publish(image(2, street))
    running.output(2, "/detections/image")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"detector": "nowhere.onnx"},
            "There is no detector nowhere.onnx; give an ONNX file, or the name of",
        ),
        ({"detector": str(ROOT / "README.md")}, "README.md cannot be loaded by ONNX Runtime"),
        ({"detector": str(ROOT / "illumigan_model/weights/curve_grid.onnx")}, "known are 1 x cells x (5 + K) (YOLOX)"),
        ({"classes": ["car", "lorry"]}, "knows no class 'lorry'"),
    ],
)
def test_with_a_detector_that_is_none_the_node_lives_and_says_so(detect_bench, street, parameters, sentence):
    running = detect_bench(parameters)
    running.camera(Image).publish(image(1, street))
    running.wait(lambda: running.diagnostics().get("frames rejected: no detector") == "1")
    values = running.diagnostics()
    assert values["level"] == DiagnosticStatus.ERROR
    assert values["message"].startswith("Nothing is detected: ") and sentence in values["message"]
    assert not running.received["/detections/image"] and counts(running)["rejected"] == 1


def test_nothing_is_subscribed_to_until_somebody_listens(detect_bench, street):
    running = detect_bench(topics=())
    client = running.client.create_publisher(Image, "/image", 5)
    running.wait(lambda: "Nobody listens" in running.diagnostics().get("message", ""))
    assert client.get_subscription_count() == 0
    running.listen("/detections/image")
    running.meet(client)
    client.publish(image(1, street))
    running.output(1, "/detections/image")


def test_one_detector_serves_a_camera_and_its_enhanced_images(detect_bench, street):
    topics = ("/detections/image", "/enhanced/detections/image")
    running = detect_bench({"cameras": ["", "enhanced"], "enhanced.threshold": 0.9}, topics=topics)
    cameras = [running.camera(Image), running.camera(Image, "/enhanced/image")]
    for camera in cameras:
        camera.publish(image(1, street))
    raw, enhanced = (to_bgr(running.output(1, topic)) for topic in topics)
    assert (raw != street).any()
    np.testing.assert_array_equal(enhanced, street)  # nothing in it has a score of .9
    for camera in ("stream", "enhanced"):
        running.wait(lambda camera=camera: counts(running, camera)["examined"] == 1)


def test_the_executable_refuses_a_forbidden_start_value_in_a_sentence():
    program = str(ROOT / "illumigan_ros/executables/detect_node")
    command = [sys.executable, program, "--ros-args", "-p", "threshold:=3.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "threshold must be in 0 .. 1" in done.stderr
    assert "Traceback" not in done.stderr
