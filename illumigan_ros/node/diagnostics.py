"""What the node tells on /diagnostics: one status for each camera, with a level that a robot can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from illumigan_ros.node.statistics import SKIPPED, UNWANTED
from illumigan_ros.node.stream import CameraStream
from illumigan_ros.node.turbo_jpeg import jpeg_decoder

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)
FALLS_BEHIND = 0.5  # share of the wanted frames skipped for newer ones, above which the output falls behind

Health = tuple[bytes, str]


class CameraHealth:
    """
    The level of one camera and one sentence about what happened since the last call.

    ERROR: frames are not worked on through a failure. WARN: they are, but the output falls behind or a second-best way
    is used. STALE: none come in. OK otherwise, and while nobody listens.
    """

    def __init__(self, stream: CameraStream[Any]) -> None:
        self._stream = stream
        self._before: dict[str, int] = {}

    def look(self, fault: str, error: str) -> Health:
        """
        Return level and sentence.

        `fault` says what of the whole node is second best, `error` why it cannot do its work; "" where there is none.
        """
        statistics = self._stream.camera.statistics
        counts = statistics.counts()
        new = {name: count - self._before.get(name, 0) for name, count in counts.items()}
        self._before = counts
        if error:
            return ERROR, error
        if new["failed"]:
            return ERROR, f"{new['failed']} frames failed: {statistics.last_error}"
        if not new["received"]:
            if not self._stream.camera.is_subscribed:
                return WARN if fault else OK, f"Nobody listens. {fault}".rstrip()
            return STALE, f"No frames arrive. {fault}".rstrip()
        fault = self._stream.second_best(fault)
        skipped = f", {new[SKIPPED]} skipped" if new[SKIPPED] else ""
        unwanted = f", {new[UNWANTED]} dropped because nobody subscribes to an output" if new[UNWANTED] else ""
        falls_behind = new[SKIPPED] > FALLS_BEHIND * new["received"]
        return WARN if fault or falls_behind else OK, f"{new['out']} frames out{skipped}{unwanted}. {fault}".rstrip()

    def values(self) -> dict[str, str]:
        """Return everything that is counted and measured of the camera, as text."""
        camera = self._stream.camera
        values = {"input reliability": camera.reliability} if camera.reliability else {}
        if self._stream.settings["input_transport"] == "compressed":
            values["JPEG decoder"] = jpeg_decoder()
        return {**values, **camera.statistics.values(), **self._stream.values()}


def status(name: str, health: Health, values: Mapping[str, str], hardware_id: str = "") -> DiagnosticStatus:
    """Return a status; `hardware_id` is the input topic."""
    made = DiagnosticStatus(level=health[0], name=name, message=health[1], hardware_id=hardware_id)
    made.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    return made


def diagnostic_array(stamp: Any, statuses: Sequence[DiagnosticStatus]) -> DiagnosticArray:
    """Return the message; `stamp` is a builtin_interfaces Time."""
    array = DiagnosticArray(status=list(statuses))
    array.header.stamp = stamp
    return array
