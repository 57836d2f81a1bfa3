"""What the node counts, and how it says so on /diagnostics."""

import sys
import threading

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs ROS")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from illumigan_ros.node.diagnostics import diagnostic_array, status
from illumigan_ros.node.statistics import (
    ENHANCED,
    ENHANCEMENT_FAILED,
    PASSED,
    REJECTED,
    SKIPPED,
    Outcome,
    StreamStatistics,
)


def test_frames_that_the_middleware_lost_are_counted_for_each_publisher():
    statistics = StreamStatistics()
    for sequence, publisher in ((1, b"left"), (7, b"right"), (2, b"left"), (5, b"left"), (8, b"right")):
        statistics.count_received(sequence, publisher)
    values = statistics.values()
    assert (values["frames in"], values["frames lost in transport"]) == ("5", "2")


def test_a_frame_that_comes_late_was_not_lost():
    statistics = StreamStatistics()
    for sequence in (1, 2, 5, 3, 6, 4, 7):
        statistics.count_received(sequence, b"camera")
    assert statistics.values()["frames lost in transport"] == "0"


def test_where_publishers_cannot_be_told_apart_nothing_is_said_of_losses():
    statistics = StreamStatistics()
    statistics.count_received()
    statistics.count_received(9, None)
    assert statistics.values()["frames lost in transport"] == "unknown"


def test_each_frame_is_in_work_until_it_is_in_one_count_by_fate_and_reason():
    statistics = StreamStatistics()
    for outcome in (
        Outcome(REJECTED, "damaged", "cut off"),
        Outcome(PASSED, ENHANCEMENT_FAILED, "no more memory"),
        Outcome(PASSED, "daylight"),
        Outcome(SKIPPED, "too old"),
        Outcome(ENHANCED),
    ):
        statistics.count_received()
        assert statistics.counts()["in work"] == 1
        statistics.settle(outcome)
    values, counts = statistics.values(), statistics.counts()
    assert values["frames rejected: damaged"] == values["frames passed through: daylight"] == "1"
    assert (values["frames passed through"], values["frames skipped"], values["frames enhanced"]) == ("2", "1", "1")
    assert values["last error"] == "no more memory"
    assert values["last frame"] == "enhanced"
    assert (counts["received"], counts["out"], counts["in work"]) == (5, 3, 0)
    assert counts["failed"] == 2  # daylight is none


def test_what_is_told_together_is_of_one_moment_while_frames_are_counted():
    statistics, done = StreamStatistics(), threading.Event()

    def count() -> None:
        while not done.is_set():
            statistics.count_received()
            statistics.settle(Outcome(PASSED, "daylight"))

    counting = threading.Thread(target=count)
    counting.start()
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        told_apart = [one for one in (statistics.values() for _ in range(3000)) if apart(one)]
    finally:
        sys.setswitchinterval(switching)
        done.set()
        counting.join()
    assert not told_apart


def apart(values: dict[str, str]) -> bool:
    """Return whether the frames of the only reason there is are not as many as those of its fate."""
    return values["frames passed through"] != values.get("frames passed through: daylight", "0")


def test_latency_age_and_what_is_told_of_the_work_are_of_the_frames_that_went_out():
    statistics = StreamStatistics()
    assert "latency p50 ms" not in statistics.values()
    for latency, age in ((0.010, 0.050), (0.020, None), (0.030, 0.070)):
        statistics.count_published(latency, age)
    values = statistics.values()
    assert (values["latency p50 ms"], values["age of stamp p50 ms"]) == ("20.0", "60.0")
    statistics.settle(Outcome(ENHANCED, stages_ms={"total": 4.0}, values={"mean luma out": "0.400"}))
    values = statistics.values()
    assert (values["last frame"], values["mean luma out"]) == ("enhanced", "0.400")
    assert values["stage total p50 ms"] == values["stage total p95 ms"] == "4.0"


def test_a_status_has_every_value_as_text():
    told = status("/enhance: stream", (DiagnosticStatus.WARN, "No frames arrive."), {"frames in": "0"}, "/image")
    array = diagnostic_array(Time(sec=5), [told])
    (found,) = array.status
    assert (array.header.stamp.sec, found.level, found.hardware_id) == (5, DiagnosticStatus.WARN, "/image")
    assert [(pair.key, pair.value) for pair in found.values] == [("frames in", "0")]
