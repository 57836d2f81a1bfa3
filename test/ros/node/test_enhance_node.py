"""The live node as its users see it: messages in, messages out, over DDS."""

import importlib
import os
import signal
import sys
import threading
import types

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.lifecycle.node import LifecycleNodeMixin
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from skimage import data
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

from illumigan_model.attention import attention_u8
from illumigan_model.runtimes import select
from illumigan_ros.node.messages import compressed_from_bgr, compressed_to_bgr, to_bgr

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


def transition(bench, which: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=which))
    return bench.call("change_state", request).success


def state(bench) -> str:
    return bench.call("get_state", GetState.Request()).current_state.label


def set_parameter(bench, name: str, value):
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return bench.call("set_parameters", request).results[0]


def last_frame(bench, out: int = 1) -> str:
    """Wait until the diagnostics count so many frames out; return what they say about the last one."""
    bench.wait(lambda: bench.diagnostics().get("frames out") == str(out))
    return bench.diagnostics()["last frame"]


def assert_accounted(bench, camera: str = "stream") -> dict[str, int]:
    """Check that each frame received is in exactly one count, and return the counts."""
    names = ("in", "in work", "enhanced", "passed through", "skipped", "nobody wanted", "rejected")
    values = bench.diagnostics(camera)
    counts = {name: int(values[f"frames {name}"]) for name in names}
    assert counts["in"] == sum(counts.values()) - counts["in"], counts
    return counts


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


def test_while_another_runtime_is_opened_originals_go_out_and_then_it_takes_over(bench, monkeypatch, capfd):
    pytest.importorskip("torch", reason="needs a second runtime")
    go, opener = threading.Event(), select.RUNTIMES["torch"]

    def wait_and_open(*arguments):
        assert go.wait(60)
        return getattr(importlib.import_module(opener[0]), opener[1])(*arguments)

    monkeypatch.setitem(sys.modules, "slow_torch", types.SimpleNamespace(open=wait_and_open))
    monkeypatch.setitem(select.RUNTIMES, "torch", ("slow_torch", "open"))
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "torch"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    running = bench()
    camera = running.camera(Image)
    chain = running.node._enhancer._runtime
    chain._runtime.input = "no such input"
    for stamp in (1, 2, 3):
        camera.publish(image(stamp))
        np.testing.assert_array_equal(to_bgr(running.output(stamp)), NIGHT)
        np.testing.assert_array_equal(to_bgr(running.output(stamp, "/attention/image"))[:, :, 0], attention_u8(NIGHT))
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "3" else None)
    assert values["frames passed through: enhancement failed"] == "3"
    assert values["last error"].endswith("Another runtime is being opened.")
    go.set()
    chain._takeover.join(60)
    for stamp in (4, 5):
        camera.publish(image(stamp))
        assert to_bgr(running.output(stamp)).mean() > NIGHT.mean() + 5
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "5" else None)
    (warning,) = [line for line in capfd.readouterr().err.splitlines() if "[WARN]" in line]
    assert f"{values['runtime in detail']} takes over: onnxruntime: ONNX Runtime failed on this frame" in warning
    assert values["runtime not used 1"].startswith("onnxruntime: ")
    assert values["frames passed through"] == "3"
    assert (values["frames rejected"], values["frames skipped"]) == ("0", "0")
    assert any(one.level == DiagnosticStatus.WARN and "takes over" in one.message for one in running.statuses())


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


def test_a_shutdown_does_not_wait_for_the_graph_of_a_runtime_that_takes_over(bench, children, monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    monkeypatch.setitem(select.ORDERS, ("cpu", "attention_unet"), ("torch", "onnxruntime"))
    before = set(children())
    running = bench({"model": "attention_unet"})
    camera = running.camera(Image)
    running.node._enhancer._runtime._runtime.network = None
    camera.publish(image(1))
    (export,) = running.wait(lambda: set(children()) - before)
    os.kill(export, signal.SIGSTOP)  # it takes for ever
    assert transition(running, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert set(children()) == before
    np.testing.assert_array_equal(to_bgr(running.output(1)), NIGHT)
    assert list((tmp_path / "illumigan" / "onnx").iterdir()) == []


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


@pytest.mark.parametrize("name", ["no_such_model", "bad.onnx", "~no_such_user/weights.onnx", "n" * 300])
def test_without_usable_weights_the_camera_still_comes_through(bench, tmp_path, name):
    model = str(tmp_path / name) if name == "bad.onnx" else name
    if name == "bad.onnx":
        (tmp_path / name).write_bytes(b"these are no weights")
    running = bench({"model": model})
    camera = running.camera(Image)
    camera.publish(image(1))
    np.testing.assert_array_equal(to_bgr(running.output(1)), NIGHT)
    values = running.wait(running.diagnostics)
    assert values["level"] == DiagnosticStatus.ERROR
    assert name in values["message"]
    # The way back: another model, after cleanup.
    assert transition(running, Transition.TRANSITION_DEACTIVATE)
    assert transition(running, Transition.TRANSITION_CLEANUP)
    assert set_parameter(running, "model", "curve_grid").successful
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(2))
    assert to_bgr(running.output(2)).mean() > NIGHT.mean() + 5


@pytest.mark.parametrize("name", ["no_such_model", "~no_such_user/weights.onnx"])
def test_a_manager_is_told_that_configure_failed(bench, name):
    running = bench({"model": name, "autostart": False})
    assert not transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "unconfigured"
    assert set_parameter(running, "model", "curve_grid").successful
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "inactive"


@pytest.mark.parametrize("raises", [False, True])
def test_an_illegal_transition_is_refused_and_frames_go_on(bench, monkeypatch, raises):
    if raises:  # as rclpy does up to Jazzy
        private = "_LifecycleNodeMixin__change_state"
        change_state = getattr(LifecycleNodeMixin, private)

        def strict(node, which: int):
            if which not in [transition[0] for transition in node._state_machine.available_transitions]:
                raise RuntimeError("Failed to trigger lifecycle state machine transition: no such transition")
            return change_state(node, which)

        monkeypatch.setattr(LifecycleNodeMixin, private, strict)
    running = bench()
    camera = running.camera(Image)
    assert not transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "active"
    camera.publish(image(1))
    running.output(1)


def test_ten_lifecycle_cycles_leave_nothing_behind(bench):
    running = bench({"autostart": False})
    threads, left = threading.active_count(), []
    for _ in range(10):
        for step in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
        ):
            assert transition(running, step)
        node = running.node
        left.append([len(list(things)) for things in (node.publishers, node.subscriptions, node.timers)])
        assert [thread for thread in threading.enumerate() if thread.name == "frames"] == []
    assert left == [left[0]] * 10
    assert threading.active_count() <= threads + 2  # the runtime may keep a pool
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    camera = running.camera(Image)
    running.wait(lambda: node.count_subscribers("/enhanced/image") == 1)
    camera.publish(image(1))
    running.output(1)
    assert transition(running, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(running) == "finalized"


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


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_a_12_bit_camera_reaches_white_and_one_that_is_not_told_of_is_warned_about_once(bench, capfd, transport):
    running = bench({"enabled": False, "input_transport": transport})
    kind, topic = (Image, "/image") if transport == "raw" else (CompressedImage, "/image/compressed")
    camera = running.camera(kind, topic)
    grey = cv2.cvtColor(NIGHT, cv2.COLOR_BGR2GRAY)
    words = (grey.astype(np.uint16) * 257) >> 4

    def send(stamp: int) -> np.ndarray:
        message = image(stamp, words, "mono16")
        if transport == "compressed":
            message = CompressedImage(header=header(stamp), format="mono16; png compressed mono16")
            message.data.frombytes(cv2.imencode(".png", words)[1].tobytes())
        camera.publish(message)
        return to_bgr(running.output(stamp))[:, :, 0].astype(int)

    for stamp in range(1, 7):
        assert send(stamp).max() <= 15
    assert set_parameter(running, "white_16bit", 4095).successful
    assert np.abs(send(7) - grey).max() <= 1
    assert len([line for line in capfd.readouterr().err.splitlines() if "set white_16bit to 4095" in line]) == 1


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
    camera.publish(compressed_from_bgr(NIGHT, header(2)))
    enhanced, jpeg = running.output(2), running.output(2, "/enhanced/image/compressed")
    assert jpeg.header == header(2)
    assert jpeg.format == "bgr8; jpeg compressed bgr8"
    assert np.abs(compressed_to_bgr(jpeg).astype(int) - to_bgr(enhanced)).mean() < 6
    both = to_bgr(running.output(2, "/debug/side_by_side"))
    assert both.shape == (240, 960, 3)
    np.testing.assert_array_equal(both[:, 640:], to_bgr(enhanced))


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


def test_a_lazy_node_does_nothing_while_nobody_listens(bench):
    running = bench(topics=())
    camera = running.client.create_publisher(Image, "/image", 5)
    running.wait(lambda: "Nobody listens" in running.diagnostics().get("message", ""))
    assert camera.get_subscription_count() == 0
    assert running.diagnostics()["frames in"] == "0"
    listener = running.listen("/enhanced/image")
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(1))
    running.output(1)
    running.client.destroy_subscription(listener)
    running.wait(lambda: running.node.count_subscribers("/enhanced/image") == 0)
    camera.publish(image(2))  # the input is kept for a moment, as listeners come and go
    running.wait(lambda: running.diagnostics().get("frames nobody wanted") == "1")
    running.wait(lambda: camera.get_subscription_count() == 0)
    assert set_parameter(running, "lazy", False).successful
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(3))
    running.wait(lambda: running.diagnostics().get("frames out") == "2")
    assert_accounted(running)


def test_frames_that_are_too_old_are_skipped_and_counted(bench):
    running = bench({"max_age_ms": 500.0})
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


def test_a_budget_that_cannot_be_kept_costs_quality_step_by_step_and_is_told(bench, capfd):
    running = bench({"latency_budget_ms": 0.001})
    camera = running.camera(Image)
    for stamp in range(1, 31):
        camera.publish(image(stamp))
        running.output(stamp)
    values = running.wait(lambda: (now := running.diagnostics()).get("budget step") == "frames pass through" and now)
    np.testing.assert_array_equal(to_bgr(running.output(30)), NIGHT)
    assert int(values["frames passed through: latency budget"]) > 0
    assert any("below what passing the frames on takes" in status.message for status in running.statuses())
    log = capfd.readouterr().err
    steps = ("no denoising", "curves of every second frame", "frames pass through")
    assert [step for step in steps if f"The latency budget: {step}." in log] == list(steps)
    assert set_parameter(running, "latency_budget_ms", 0.0).successful
    camera.publish(image(31))
    running.output(31)
    camera.publish(image(32))
    assert to_bgr(running.output(32)).mean() > NIGHT.mean() + 5


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


def test_under_load_and_faults_every_frame_is_in_exactly_one_count(bench):
    running = bench({"input_reliability": "reliable"})
    camera = running.camera(Image)
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
    sent = 62

    def all_are_told_of() -> bool:
        nonlocal sent
        sent += 1
        camera.publish(image(1))  # only behind a later one is it known that the last one of the burst was lost
        running.wait(lambda: assert_accounted(running)["in work"] == 0)
        values = running.diagnostics()
        return int(values["frames in"]) + int(values["frames lost in transport"]) == sent

    running.wait(all_are_told_of)


def test_another_model_takes_over_while_frames_pass_and_one_that_is_not_there_does_not(bench):
    running = bench()
    camera = running.camera(Image)
    stamp = 0

    def send() -> np.ndarray:
        nonlocal stamp
        stamp += 1
        camera.publish(image(stamp))
        return to_bgr(running.output(stamp))

    by_curves = send()
    assert set_parameter(running, "model", "no_such_model").successful
    running.wait(lambda: send() is not None and "no_such_model" in running.diagnostics().get("message", ""))
    assert running.diagnostics()["model"] == "curve_grid"
    assert running.statuses()[-1].level == DiagnosticStatus.WARN
    assert (
        set_parameter(running, "runtime", "torch").successful
        and set_parameter(running, "model", "curve_grid").successful
    )
    running.wait(lambda: send() is not None and running.diagnostics().get("runtime") == "torch")
    assert np.abs(send().astype(int) - by_curves).mean() < 3
    running.wait(lambda: running.diagnostics().get("frames out") == str(stamp))
    counts = assert_accounted(running)
    assert counts["enhanced"] == counts["in"] == stamp
