"""What the node counts, and how it says so on /diagnostics."""

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs ROS")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from illumigan_model.enhancer import Report
from illumigan_ros.node.diagnostics import (
    ENHANCEMENT_FAILED,
    StreamStatistics,
    diagnostic_array,
)


def test_frames_that_the_middleware_lost_are_counted_for_each_publisher():
    statistics = StreamStatistics()
    for sequence, publisher in ((1, b"left"), (7, b"right"), (2, b"left"), (5, b"left"), (8, b"right")):
        statistics.count_received(sequence, publisher)
    values = statistics.values()
    assert (values["frames in"], values["frames lost in transport"]) == ("5", "2")


def test_where_publishers_cannot_be_told_apart_nothing_is_said_of_losses():
    statistics = StreamStatistics()
    statistics.count_received()
    statistics.count_received(9, None)
    assert statistics.values()["frames lost in transport"] == "unknown"


def test_what_failed_is_counted_by_reason_and_the_last_error_is_quoted():
    statistics = StreamStatistics()
    statistics.count_failed("damaged", ValueError("cut off"))
    statistics.count_passed_through(ENHANCEMENT_FAILED, RuntimeError("no more memory"))
    statistics.count_passed_through("daylight")
    values = statistics.values()
    assert values["frames failed: damaged"] == values["frames passed through: daylight"] == "1"
    assert values["last error"] == "no more memory"
    assert values["last frame"] == "unchanged: daylight"
    assert statistics.counts()["failed"] == 2  # daylight is none


def test_latency_age_and_the_enhancers_report_are_of_the_frames_that_went_out():
    statistics = StreamStatistics()
    assert "latency p50 ms" not in statistics.values()
    for latency, age in ((0.010, 0.050), (0.020, None), (0.030, 0.070)):
        statistics.count_published(latency, age)
    values = statistics.values()
    assert (values["frames out"], values["latency p50 ms"], values["age of stamp p50 ms"]) == ("3", "20.0", "60.0")
    statistics.count_processed(Report("onnxruntime", {"total": 4.0}, None, 0.1, 0.4))
    values = statistics.values()
    assert (values["last frame"], values["mean luma out"], values["stage total ms"]) == ("enhanced", "0.400", "4.00")
    statistics.count_processed(Report("onnxruntime", {"total": 1.0}, "daylight", 0.6, 0.6))
    assert statistics.values()["frames passed through: daylight"] == "1"


def test_a_status_has_every_value_as_text():
    array = diagnostic_array(
        Time(sec=5), name="/enhance: stream", level=DiagnosticStatus.WARN, message="No frames arrive.",
        values={"frames in": "0"}, hardware_id="/image",
    )  # fmt: skip
    (status,) = array.status
    assert (array.header.stamp.sec, status.level, status.hardware_id) == (5, DiagnosticStatus.WARN, "/image")
    assert [(pair.key, pair.value) for pair in status.values] == [("frames in", "0")]
