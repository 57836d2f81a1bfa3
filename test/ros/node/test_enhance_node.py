"""The live node as its users see it: messages in, messages out, over DDS."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import SetBool, Trigger
from support.node import NIGHT, header, image, last_frame, set_parameter

from illumigan_model.attention import attention_u8
from illumigan_ros.node import enhance_node
from illumigan_ros.node.messages import compressed_from_bgr, compressed_to_bgr, to_bgr
from illumigan_ros.node.turbo_jpeg import jpeg_decoder


def test_a_dark_frame_comes_out_brighter_with_its_own_header_and_its_attention(bench):
    running = bench()
    camera = running.camera(Image)
    camera.publish(image(7))
    enhanced, attention = running.output(7), running.output(7, "/attention/image")
    assert enhanced.header == attention.header == header(7)
    assert (enhanced.encoding, attention.encoding) == ("bgr8", "mono8")
    assert to_bgr(enhanced).shape == NIGHT.shape
    assert to_bgr(enhanced).mean() > NIGHT.mean() + 5
    np.testing.assert_array_equal(to_bgr(attention)[:, :, 0], attention_u8(NIGHT))
    values = running.wait(lambda: running.diagnostics() if "mean luma out" in running.diagnostics() else None)
    assert float(values["mean luma out"]) > float(values["mean luma in"])
    assert values["frames rejected"] == "0"
    assert values["runtime in detail"].startswith(values["runtime"] + " (")


def test_encodings_and_resolutions_may_change_while_frames_pass(bench):
    running = bench({"enabled": False})
    camera = running.camera(Image)
    grey = cv2.cvtColor(NIGHT, cv2.COLOR_BGR2GRAY)
    frames = [
        image(1, cv2.cvtColor(NIGHT, cv2.COLOR_BGR2RGB), "rgb8"),
        image(2, cv2.cvtColor(NIGHT, cv2.COLOR_BGR2RGBA), "rgba8"),
        image(3, NIGHT[:100, :77]),
        image(4, NIGHT),
    ]
    expected = [NIGHT, NIGHT, NIGHT[:100, :77], NIGHT]
    for frame, pixels in zip(frames, expected, strict=True):
        camera.publish(frame)
        np.testing.assert_array_equal(to_bgr(running.output(frame.header.stamp.sec)), pixels)
    camera.publish(image(5, grey, "mono8"))
    np.testing.assert_array_equal(to_bgr(running.output(5))[:, :, 1], grey)
    camera.publish(image(6, grey.astype(np.uint16) * 257, "mono16"))
    np.testing.assert_array_equal(to_bgr(running.output(6))[:, :, 1], grey)


def test_good_frames_come_out_after_bad_ones(bench):
    running = bench()
    camera = running.camera(Image)
    truncated, empty, narrow = image(1), Image(header=header(2), encoding="bgr8"), image(3)
    del truncated.data[-10:]
    narrow.step = 5
    for message in (truncated, empty, narrow):
        camera.publish(message)
        count = str(message.header.stamp.sec)
        running.wait(lambda count=count: running.diagnostics().get("frames rejected: bad message") == count)
    camera.publish(image(4, encoding="8UC7"))
    assert running.output(4).encoding == "8UC7"  # what nobody here can read passes through as it is
    camera.publish(image(5))
    running.output(5)
    values = running.wait(lambda: running.diagnostics() if running.diagnostics()["frames out"] == "2" else {})
    assert values["frames passed through: unknown encoding"] == "1"
    assert (values["frames in"], values["frames rejected"]) == ("5", "3")
    assert "8UC7" in values["last error"]
    assert any(status.level == DiagnosticStatus.ERROR and "8UC7" in status.message for status in running.statuses())
    assert {m.header.stamp.sec for m in running.received["/enhanced/image"]} == {4, 5}


def test_a_frame_that_cannot_be_enhanced_goes_out_as_it_came(bench):
    running = bench()
    camera = running.camera(Image)
    tiny = NIGHT[:8, :9]
    camera.publish(image(1, tiny))
    np.testing.assert_array_equal(to_bgr(running.output(1)), tiny)
    np.testing.assert_array_equal(to_bgr(running.output(1, "/attention/image"))[:, :, 0], attention_u8(tiny))
    running.wait(lambda: running.diagnostics().get("frames passed through: enhancement failed") == "1")


def test_a_frame_that_would_go_black_goes_out_as_it_came_and_is_counted(bench, monkeypatch):
    running = bench({"runtime": "onnxruntime"})
    camera = running.camera(Image)
    session = running.node._enhancer._runtime._runtime
    right = session.infer
    for stamp, factor in enumerate((1, np.nan, 0, 1), 1):
        session.infer = lambda thumbnail, factor=factor: right(thumbnail) * np.float32(factor)
        camera.publish(image(stamp))
        made = to_bgr(running.output(stamp))
        assert (made.mean() > NIGHT.mean() + 5) == (factor == 1)
        assert factor == 1 or (made == NIGHT).all()
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "4" else None)
    assert values["frames passed through: enhancement failed"] == "2"
    assert values["last error"].startswith("The network answered with curves that do not run from black to white")


def test_parameters_change_live_or_say_why_not(bench):
    running = bench()
    camera = running.camera(Image)
    assert "0 .. 1" in set_parameter(running, "strength", 2).reason
    assert not set_parameter(running, "strength", float("nan")).successful
    assert "configure" in set_parameter(running, "qos_depth", 2).reason
    assert "number" in set_parameter(running, "denoise", "much").reason
    assert not set_parameter(running, "autostart", False).successful
    assert set_parameter(running, "strength", 0).successful
    assert set_parameter(running, "denoise", 0.0).successful
    camera.publish(image(1))
    assert np.abs(to_bgr(running.output(1)).astype(int) - NIGHT).max() <= 1
    assert last_frame(running) == "unchanged: strength 0"


def test_enhancing_can_be_switched_off_and_on_again(bench):
    running = bench()
    camera = running.camera(Image)
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    assert last_frame(running) == "enhanced"
    assert running.call("enable", SetBool.Request(data=False)).success
    camera.publish(image(2))
    np.testing.assert_array_equal(to_bgr(running.output(2)), NIGHT)
    assert last_frame(running, out=2) == "unchanged: not enabled"
    assert "mean luma out" not in running.diagnostics()
    assert running.call("enable", SetBool.Request(data=True)).success
    assert running.call("reset", Trigger.Request()).success
    camera.publish(image(3))
    assert to_bgr(running.output(3)).mean() > NIGHT.mean() + 5


def test_a_video_stream_is_refused_and_counted_for_what_it_is(bench):
    running = bench({"input_transport": "compressed"})
    camera = running.camera(CompressedImage, "/image/compressed")
    for stamp in (1, 2):
        camera.publish(CompressedImage(header=header(stamp), format="h264", data=[0, 0, 0, 1]))
        running.wait(lambda n=str(stamp): running.diagnostics().get("frames rejected: no picture") == n)
    assert "video stream" in running.diagnostics()["last error"]


def test_compressed_in_and_out(bench):
    running = bench({"input_transport": "compressed", "publish_compressed": True, "publish_side_by_side": True})
    camera = running.camera(CompressedImage, "/image/compressed")
    broken = compressed_from_bgr(NIGHT, header(1))
    del broken.data[len(broken.data) // 2 :]
    camera.publish(broken)
    running.wait(lambda: running.diagnostics().get("frames rejected: bad message") == "1")
    assert running.diagnostics()["JPEG decoder"] == jpeg_decoder()
    camera.publish(compressed_from_bgr(NIGHT, header(2)))
    enhanced, jpeg = running.output(2), running.output(2, "/enhanced/image/compressed")
    assert jpeg.header == header(2)
    assert jpeg.format == "bgr8; jpeg compressed bgr8"
    assert np.abs(compressed_to_bgr(jpeg).astype(int) - to_bgr(enhanced)).mean() < 6
    both = to_bgr(running.output(2, "/debug/side_by_side"))
    assert both.shape == (240, 960, 3)
    np.testing.assert_array_equal(both[:, 640:], to_bgr(enhanced))


def test_a_start_that_takes_long_says_why(bench, monkeypatch, capfd):
    monkeypatch.setattr(enhance_node, "SLOW_S", 0.0)
    bench()
    assert "The first start on a machine compiles the code" in capfd.readouterr().err
