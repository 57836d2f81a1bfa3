"""Keeps camera_info in step with the enhanced image."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo
    from std_msgs.msg import Header

KEPT = 64  # about two seconds of a 30 Hz camera


class CameraInfoCache:
    """The last camera_info messages by stamp; `add` and `matching` may be called from different threads."""

    def __init__(self) -> None:
        self._by_stamp: OrderedDict[tuple[int, int], CameraInfo] = OrderedDict()
        self._newest: CameraInfo | None = None

    def add(self, info: CameraInfo) -> None:
        """Remember this message, forgetting the oldest."""
        self._newest = info
        self._by_stamp[info.header.stamp.sec, info.header.stamp.nanosec] = info
        while len(self._by_stamp) > KEPT:
            self._by_stamp.popitem(last=False)

    def matching(self, header: Header, width: int, height: int) -> CameraInfo | None:
        """
        Return the camera_info for the image with this header and size in pixels, or None where there is none.

        The message with the image's own stamp comes back untouched. Where it is missing (lost, late, or sent once by a
        latching driver) the newest one is copied and gets the image's header, provided that it is for this size.
        """
        exact = self._by_stamp.get((header.stamp.sec, header.stamp.nanosec))
        if exact is not None:
            return exact
        newest = self._newest
        if newest is None or (newest.width, newest.height) != (width, height):
            return None
        restamped = copy.copy(newest)
        restamped.header = header
        return restamped
