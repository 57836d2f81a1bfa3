"""What became of each frame of a camera, counted, and how long it took."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from illumigan_model.report import FAILED

WINDOW = 300  # published frames that latency and frame rate look back on

# What becomes of a frame that was received: one of these, once. A node that does not enhance has others in the place of
# the first two.
ENHANCED = "enhanced"
PASSED = "passed through"
SKIPPED = "skipped"
UNWANTED = "nobody wanted"
REJECTED = "rejected"
UNPUBLISHED = (SKIPPED, UNWANTED, REJECTED)
FATES = (ENHANCED, PASSED, *UNPUBLISHED)

ENHANCEMENT_FAILED, UNKNOWN_ENCODING, NO_MODEL = FAILED, "unknown encoding", "no model"
FAILURES = (ENHANCEMENT_FAILED, UNKNOWN_ENCODING, NO_MODEL)  # reasons to pass a frame through that are errors


@dataclass(frozen=True)
class Outcome:
    """What became of a frame: its fate, why, the error behind it.

    `stages_ms` are the milliseconds that each stage of the work took, `restarts` how often so far, by reason, what is
    remembered of past frames began anew, and `values` what else is to be told of the last frame, as text.
    """

    fate: str
    reason: str = ""
    error: str = ""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


class StreamStatistics:
    """
    Counts of one camera, written by its subscription and the worker, read by the diagnostics.

    At any moment, the frames received are those in work and those of all `fates` together, which are FATES unless
    told otherwise.
    """

    def __init__(self, fates: Sequence[str] = FATES) -> None:
        self.fates = fates
        self._lock = threading.RLock()  # all that is told together is of one moment
        self._received = self._in_work = self._lost = 0
        self._fates: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self.last_error = ""
        self.last_error_at = 0.0  # time.time()
        self._last: Outcome | None = None
        self._restarts: Mapping[str, int] = {}
        self._samples: dict[str, deque[float]] = {}
        self._published_at: deque[float] = deque(maxlen=WINDOW)
        self._received_at: deque[float] = deque(maxlen=WINDOW)
        self._sequences: dict[bytes, int] = {}  # the last number of each publisher

    def count_received(self, sequence: int | None = None, publisher: bytes | None = None) -> None:
        """
        Count a frame that arrived, which is in work until it is settled, and those missing before it.

        `sequence` is the publisher's own number of the message, where the middleware has one; `publisher` tells the
        publishers apart, and without it nothing can be said about frames lost.
        """
        with self._lock:
            self._received += 1
            self._in_work += 1
            self._received_at.append(time.monotonic())
            if sequence is not None and publisher is not None:
                newest = self._sequences.get(publisher, sequence - 1)
                if sequence > newest:
                    self._lost += sequence - newest - 1
                    self._sequences[publisher] = sequence
                elif self._lost:  # it was only late
                    self._lost -= 1

    def settle(self, outcome: Outcome) -> None:
        """Count what became of a frame that was received; to be called once for each."""
        with self._lock:
            self._in_work -= 1
            self._fates[outcome.fate] += 1
            if outcome.reason:
                self._reasons[outcome.fate, outcome.reason] += 1
            if outcome.error:
                self.last_error, self.last_error_at = outcome.error, time.time()
            if outcome.fate not in (SKIPPED, UNWANTED):
                self._last = outcome
            if outcome.restarts:
                self._restarts = outcome.restarts
            for stage, took in outcome.stages_ms.items():
                self._sample(f"stage {stage}", took)

    def count_published(self, latency_s: float, age_s: float | None) -> None:
        """Take note of a published frame: seconds since it arrived, and since its stamp where the clocks agree."""
        with self._lock:
            self._published_at.append(time.monotonic())
            self._sample("latency", 1000 * latency_s)
            if age_s is not None:
                self._sample("age of stamp", 1000 * age_s)

    def counts(self) -> dict[str, int]:
        """Return the running totals: received, in work, lost, those of each fate, out, and failed.

        `out` are the frames that something came of, `failed` those that an error has kept from being worked on.
        """
        with self._lock:
            fates = {fate: self._fates[fate] for fate in self.fates}
            failed = fates[REJECTED] + sum(self._reasons[PASSED, reason] for reason in FAILURES)
            out = sum(count for fate, count in fates.items() if fate not in UNPUBLISHED)
            totals = {"received": self._received, "in work": self._in_work, "lost": self._lost}
            return {**totals, **fates, "out": out, "failed": failed}

    def rates(self) -> tuple[float, float]:
        """Return frames per second received and published, over the last two seconds."""
        with self._lock:
            return _rate(self._received_at), _rate(self._published_at)

    def values(self) -> dict[str, str]:
        """Return everything as text, ready for a DiagnosticStatus."""
        with self._lock:
            counts = self.counts()
            rate_in, rate_out = self.rates()
            values = {
                "frames in": str(counts["received"]),
                "frames out": str(counts["out"]),
                "frames in work": str(counts["in work"]),
                **{f"frames {fate}": str(counts[fate]) for fate in self.fates},
                "frames lost in transport": str(self._lost) if self._sequences else "unknown",
                "fps in": f"{rate_in:.1f}",
                "fps": f"{rate_out:.1f}",
            }
            values |= {f"frames {fate}: {reason}": str(count) for (fate, reason), count in self._reasons.items()}
            values |= {f"memory begun anew: {reason}": str(n) for reason, n in self._restarts.items()}
            for name, samples in self._samples.items():
                p50, p95 = np.percentile(samples, (50, 95))
                values |= {f"{name} p50 ms": f"{p50:.1f}", f"{name} p95 ms": f"{p95:.1f}"}
            if self._last is not None:
                values |= _last_values(self._last)
            if self.last_error:
                when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self.last_error_at))
                values |= {"last error": self.last_error, "last error at": when}
            return values

    def _sample(self, name: str, value: float) -> None:
        self._samples.setdefault(name, deque(maxlen=WINDOW)).append(value)


def _last_values(last: Outcome) -> dict[str, str]:
    words = {PASSED: f"unchanged: {last.reason}", REJECTED: f"lost: {last.reason}"}
    return {"last frame": words.get(last.fate, last.fate), **last.values}


def _rate(times: Iterable[float]) -> float:
    """Return events per second among those of the last two seconds."""
    now = time.monotonic()
    recent = [moment for moment in times if now - moment < 2.0]
    return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0
