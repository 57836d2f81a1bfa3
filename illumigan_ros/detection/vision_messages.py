"""Detections as messages of vision_msgs 4, which each distribution has as a package of its own.

ROS wheels from PyPI lack it; nothing here needs it before a message is made.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from illumigan_model.detectors.detections import Detections

if TYPE_CHECKING:
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

MISSING = (
    "vision_msgs is not installed, so detections go out as pictures only; install your distribution's package "
    "ros-$ROS_DISTRO-vision-msgs."
)


def is_installed() -> bool:
    """Return whether there is vision_msgs."""
    return importlib.util.find_spec("vision_msgs") is not None


def to_detection_array(seen: Detections, header: Header, width: int, height: int) -> Detection2DArray:
    """Return the message for what is seen in a frame of this size in pixels, with exactly its header.

    A detection has one hypothesis, whose `class_id` is the name of the class and whose pose stays empty, and a box in
    pixels, its centre counted from the left upper corner of the frame, beyond whose edges it does not reach.
    """
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

    array = Detection2DArray(header=header)
    boxes = np.clip(seen.boxes, 0, (width, height) * 2)
    for (left, top, right, bottom), score, number in zip(boxes, seen.scores, seen.classes, strict=True):
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id = seen.names[int(number)]
        hypothesis.hypothesis.score = float(score)
        detection = Detection2D(header=header, results=[hypothesis])
        detection.bbox.center.position.x = float(left + right) / 2
        detection.bbox.center.position.y = float(top + bottom) / 2
        detection.bbox.size_x, detection.bbox.size_y = float(right - left), float(bottom - top)
        array.detections.append(detection)
    return array
