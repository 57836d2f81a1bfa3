"""The newest frame wins, the others are counted, and closing lets go of everybody."""

import threading
import time

from illumigan_ros.node.slot import FrameSlot


def test_the_newest_frame_wins_and_the_rest_is_counted():
    slot: FrameSlot[int] = FrameSlot()
    for frame in range(5):
        slot.put(frame)
    assert slot.take() == 4
    assert slot.skipped == 4
    assert slot.take(timeout=0.0) is None


def test_a_slow_worker_sees_frames_in_order_and_none_twice():
    slot: FrameSlot[int] = FrameSlot()
    seen: list[int] = []

    def work():
        while (frame := slot.take()) is not None:
            seen.append(frame)

    worker = threading.Thread(target=work)
    worker.start()
    for frame in range(10_000):
        slot.put(frame)
    deadline = time.monotonic() + 30
    while seen[-1:] != [9_999] and time.monotonic() < deadline:
        time.sleep(0.001)
    slot.close()
    worker.join(timeout=10)
    assert not worker.is_alive()
    assert seen == sorted(set(seen))
    assert len(seen) + slot.skipped == 10_000


def test_closing_wakes_the_worker_and_refuses_more():
    slot: FrameSlot[int] = FrameSlot()
    results: list[int | None] = []
    worker = threading.Thread(target=lambda: results.append(slot.take()))
    worker.start()
    slot.close()
    worker.join(timeout=10)
    slot.put(1)
    assert results == [None]
    assert slot.closed
    assert slot.take() is None
