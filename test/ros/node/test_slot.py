"""The newest frame of each camera wins, every other one is told of, none starves, and closing lets go of everybody."""

import threading
import time

from illumigan_ros.node.slot import Slots


def test_the_newest_frame_wins_and_those_before_it_are_handed_back():
    slots: Slots[str, int] = Slots(["front"])
    assert [slots.put("front", frame) for frame in range(5)] == [None, 0, 1, 2, 3]
    assert slots.take() == ("front", 4)
    assert slots.take(timeout=0.0) is None


def test_a_camera_that_floods_does_not_starve_the_others():
    slots: Slots[str, int] = Slots(["left", "front", "right"])
    slots.put("left", 1)
    slots.put("right", 1)
    order = []
    for frame in range(10):
        slots.put("front", frame)  # before each turn
        order.append(slots.take())
    assert order[:4] == [("left", 1), ("front", 1), ("right", 1), ("front", 3)]
    slots.put("left", 2)
    slots.put("front", 99)
    assert slots.take() == ("left", 2)


def test_a_slow_worker_sees_frames_in_order_and_none_twice():
    slots: Slots[str, int] = Slots(["front"])
    seen: list[int] = []

    def work():
        while (taken := slots.take()) is not None:
            seen.append(taken[1])

    worker = threading.Thread(target=work)
    worker.start()
    replaced = [slots.put("front", frame) for frame in range(10_000)]
    deadline = time.monotonic() + 30
    while seen[-1:] != [9_999] and time.monotonic() < deadline:
        time.sleep(0.001)
    assert slots.close() == []
    worker.join(timeout=10)
    assert not worker.is_alive()
    assert seen == sorted(set(seen))
    assert sorted(seen + [frame for frame in replaced if frame is not None]) == list(range(10_000))


def test_closing_wakes_the_worker_hands_back_what_waits_and_refuses_more():
    slots: Slots[str, int] = Slots(["front", "left"])
    results: list[object] = []
    worker = threading.Thread(target=lambda: results.append(slots.take()))
    worker.start()
    slots.close()
    worker.join(timeout=10)
    assert slots.put("left", 1) == 1
    assert results == [None]
    assert slots.closed
    assert slots.take() is None
    waiting: Slots[str, int] = Slots(["front"])
    waiting.put("front", 7)
    assert waiting.close() == [("front", 7)]
