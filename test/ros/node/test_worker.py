"""The worker: every frame that is handed over is worked on, newest first and in turn, or counted as skipped."""

import threading
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from illumigan_ros.node.statistics import ENHANCED, REJECTED, SKIPPED, Outcome, StreamStatistics
from illumigan_ros.node.worker import FrameWorker


class Stream:
    """A camera whose frames are plain names; the first waits until it is let go, and "bad" cannot be worked on."""

    def __init__(self):
        self.camera = SimpleNamespace(statistics=StreamStatistics())
        self.begun, self.go, self.seen = threading.Event(), threading.Event(), []

    def process(self, frame):
        self.begun.set()
        assert self.go.wait(10)
        if frame == "bad":
            raise RuntimeError("no such frame")
        self.seen.append(frame)
        return Outcome(ENHANCED)


@pytest.fixture
def streams():
    return {"left": Stream(), "right": Stream()}


@pytest.fixture
def node():
    import rclpy

    context = rclpy.Context()
    rclpy.init(context=context)
    made = rclpy.create_node("worker_test", context=context)
    yield made
    made.destroy_node()
    context.try_shutdown()


def hand_over(worker, streams, name, *frames):
    for frame in frames:
        streams[name].camera.statistics.count_received()
        worker.offer(name, frame)


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def counts(streams, name):
    totals = streams[name].camera.statistics.counts()
    return {fate: totals[fate] for fate in (ENHANCED, SKIPPED, REJECTED) if totals[fate]}


def test_the_newest_frame_of_each_camera_is_taken_and_the_others_are_counted(node, streams):
    worker = FrameWorker(node, streams)
    hand_over(worker, streams, "left", "1")
    assert streams["left"].begun.wait(10)
    hand_over(worker, streams, "left", "2", "3", "4")
    hand_over(worker, streams, "right", "a")
    for stream in streams.values():
        stream.go.set()
    assert streams["right"].begun.wait(10)
    until(lambda: counts(streams, "left").get(ENHANCED) == 2 and counts(streams, "right"))
    worker.stop()
    assert streams["left"].seen == ["1", "4"] and streams["right"].seen == ["a"]
    assert counts(streams, "left") == {ENHANCED: 2, SKIPPED: 2}


def test_a_frame_that_fails_does_not_end_the_thread_and_is_counted(node, streams):
    worker = FrameWorker(node, streams)
    left = streams["left"]
    left.go.set()
    hand_over(worker, streams, "left", "bad")
    until(lambda: counts(streams, "left"))
    hand_over(worker, streams, "left", "1")
    until(lambda: counts(streams, "left").get(ENHANCED))
    worker.stop()
    assert counts(streams, "left") == {ENHANCED: 1, REJECTED: 1}
    assert left.camera.statistics.last_error == "RuntimeError: no such frame"


def test_what_waits_when_the_worker_stops_and_what_comes_later_is_counted(node, streams):
    worker = FrameWorker(node, streams)
    hand_over(worker, streams, "left", "1")
    assert streams["left"].begun.wait(10)
    hand_over(worker, streams, "left", "2")
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    until(lambda: counts(streams, "left").get(SKIPPED) == 1)
    streams["left"].go.set()
    stopping.join(10)
    hand_over(worker, streams, "left", "3")
    assert counts(streams, "left") == {ENHANCED: 1, SKIPPED: 2}
