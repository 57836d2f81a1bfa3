"""What the node has seen and done, counted, and told as one diagnostic_msgs/DiagnosticArray."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from illumigan_model.report import FAILED, Report

WINDOW = 300  # published frames that latency and frame rate look back on

ENHANCEMENT_FAILED, UNKNOWN_ENCODING = FAILED, "unknown encoding"
FAILURES = (ENHANCEMENT_FAILED, UNKNOWN_ENCODING)  # reasons to pass a frame through that are errors


class StreamStatistics:
    """Counts of one activation, written by the subscription and the worker, read by the diagnostics timer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.received = 0
        self.idle = 0  # frames nobody wanted
        self.lost = 0  # frames the middleware lost on the way to us
        self.published = 0
        self.failed: Counter[str] = Counter()  # frames that could not be used, by reason
        self.passed_through: Counter[str] = Counter()  # frames published unchanged, by reason
        self.last_error = ""
        self._last_frame = ""  # what became of it
        self._report: Report | None = None  # on the last frame, if the Enhancer has seen it
        self._restarts: Mapping[str, int] = {}  # of what the Enhancer remembers, by reason
        self._latencies_ms: deque[float] = deque(maxlen=WINDOW)
        self._ages_ms: deque[float] = deque(maxlen=WINDOW)
        self._published_at: deque[float] = deque(maxlen=WINDOW)
        self._sequences: dict[bytes, int] = {}  # the last number of each publisher

    def count_received(self, sequence: int | None = None, publisher: bytes | None = None) -> None:
        """
        Count a frame that arrived, and those missing before it.

        `sequence` is the publisher's own number of the message, where the middleware has one; `publisher` tells the
        publishers apart, and without it nothing can be said about frames lost.
        """
        with self._lock:
            self.received += 1
            if sequence is not None and publisher is not None:
                self.lost += max(sequence - self._sequences.get(publisher, sequence) - 1, 0)
                self._sequences[publisher] = sequence

    def count_idle(self) -> None:
        """Count a frame that was dropped because nobody subscribes to an output."""
        with self._lock:
            self.idle += 1

    def count_failed(self, reason: str, error: Exception) -> None:
        """Count a frame that could not be used."""
        with self._lock:
            self.failed[reason] += 1
            self.last_error = str(error)
            self._last_frame, self._report = f"lost: {reason}", None

    def count_passed_through(self, reason: str, error: Exception | None = None) -> None:
        """Count a frame that goes out unchanged."""
        with self._lock:
            self.passed_through[reason] += 1
            if error is not None:
                self.last_error = str(error)
            self._last_frame, self._report = f"unchanged: {reason}", None

    def count_processed(self, report: Report) -> None:
        """Count a frame that the Enhancer has processed, into one that is enhanced or by leaving it as it was."""
        if report.bypassed:
            self.count_passed_through(report.bypassed)
        with self._lock:
            self._report, self._restarts = report, report.restarts
            if report.failure:
                self.last_error = report.failure
            if not report.bypassed:
                self._last_frame = "enhanced"

    def count_published(self, latency_s: float, age_s: float | None) -> None:
        """Count a published frame: seconds since it arrived, and since its stamp where the clocks agree."""
        with self._lock:
            self.published += 1
            self._latencies_ms.append(1000 * latency_s)
            self._published_at.append(time.monotonic())
            if age_s is not None:
                self._ages_ms.append(1000 * age_s)

    def counts(self) -> dict[str, int]:
        """Return the running totals; failed includes frames that passed through because something failed."""
        with self._lock:
            failed = sum(self.failed.values()) + sum(self.passed_through[reason] for reason in FAILURES)
            return {"received": self.received, "published": self.published, "idle": self.idle, "failed": failed}

    def values(self) -> dict[str, str]:
        """Return everything as text, ready for a DiagnosticStatus."""
        with self._lock:
            values = {
                "frames in": str(self.received),
                "frames out": str(self.published),
                "frames failed": str(sum(self.failed.values())),
                "frames passed through": str(sum(self.passed_through.values())),
                "frames nobody wanted": str(self.idle),
                "frames lost in transport": str(self.lost) if self._sequences else "unknown",
                "fps": f"{_rate(self._published_at):.1f}",
            }
            values |= {f"frames failed: {reason}": str(count) for reason, count in self.failed.items()}
            values |= {f"frames passed through: {reason}": str(n) for reason, n in self.passed_through.items()}
            values |= {f"memory begun anew: {reason}": str(n) for reason, n in self._restarts.items()}
            for name, samples in (("latency", self._latencies_ms), ("age of stamp", self._ages_ms)):
                if samples:
                    p50, p95 = np.percentile(samples, (50, 95))
                    values |= {f"{name} p50 ms": f"{p50:.1f}", f"{name} p95 ms": f"{p95:.1f}"}
            if self._last_frame:
                values["last frame"] = self._last_frame
            if self._report is not None:
                values |= _report_values(self._report)
            if self.last_error:
                values["last error"] = self.last_error
            return values


def diagnostic_array(
    stamp: Any, *, name: str, level: bytes, message: str, values: Mapping[str, str], hardware_id: str
) -> DiagnosticArray:
    """Return a DiagnosticArray with one status; `stamp` is a builtin_interfaces Time, `hardware_id` the input topic."""
    status = DiagnosticStatus(level=level, name=name, message=message, hardware_id=hardware_id)
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array


def _report_values(report: Report) -> dict[str, str]:
    return {
        "mean luma in": f"{report.luma_in:.3f}",
        "mean luma out": f"{report.luma_out:.3f}",
        **{f"stage {stage} ms": f"{took:.2f}" for stage, took in report.stages_ms.items()},
    }


def _rate(times: deque[float]) -> float:
    """Return events per second among those of the last two seconds."""
    now = time.monotonic()
    recent = [moment for moment in times if now - moment < 2.0]
    return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0
