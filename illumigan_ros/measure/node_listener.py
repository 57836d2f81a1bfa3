"""The listener of `illumigan benchmark --node`: a process of its own that takes what a detector takes.

It notes when each enhanced frame came; bytes are not turned into pixels, which is what a detector in C++ pays for.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from illumigan_ros.node.process import ros_node
from illumigan_ros.recordings.cdr import header_stamp_ns
from illumigan_ros.starting import start


def main() -> None:
    """Listen until the end is asked for, then write JSON: for each camera, [stamp, arrival] in ns, and what it told."""
    out, names = Path(sys.argv[1]), sys.argv[2].split(",") if sys.argv[2] else []
    frames: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    told: dict[str, dict[str, str]] = {}

    def on_diagnostics(array: Any) -> None:
        for status in array.status:
            told[status.name.rpartition(": ")[2]] = {pair.key: pair.value for pair in status.values}

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rclpy's own handler ends the spinning, and nothing else
    with ros_node("listener", []) as node:
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from sensor_msgs.msg import Image

        def listen(name: str) -> None:
            def on_frame(raw: bytes) -> None:
                frames[name].append((header_stamp_ns(raw), time.time_ns()))

            node.create_subscription(Image, f"/{name}/enhanced/image", on_frame, 1, raw=True)

        for name in names:
            listen(name)
        node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            executor.spin()
        except Exception:
            if node.context.ok():  # the signal makes whatever is under way fail
                raise
    out.write_text(json.dumps({"frames": frames, "told": told}))


if __name__ == "__main__":
    start("illumigan_ros.measure.node_listener")
