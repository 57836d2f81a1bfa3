"""What the demo measured and how it is shown: latency, skips, a video side by side, a contact sheet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from illumigan_model.attention import mean_luma
from illumigan_model.errors import FrameError
from illumigan_model.photos import write_png
from illumigan_model.system.files import write_json
from illumigan_ros.demo.examination import Examination
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import decode, header_stamp_ns
from illumigan_ros.recordings.footage import CAMERA_TOPICS, NANOSECONDS, Footage, picture_of
from illumigan_ros.recordings.sheets import contact_sheet, side_by_side
from illumigan_ros.recordings.video import VideoWriter

ENHANCED, ATTENTION, DIAGNOSTICS = "/enhanced/image", "/attention/image", "/diagnostics"
MOMENTS = 4
CELL_WIDTH = 480


class Recording:
    """Where the demo's files are."""

    def __init__(self, out: Path) -> None:
        """Name the files in the folder `out`."""
        self.out = out
        self.bag = out / "enhanced"
        self.logs = out / "logs"
        self.played = self.logs / "played.json"
        self.received = self.logs / "received.json"
        self.video = out / "side_by_side.mp4"
        self.sheet = out / "contact_sheet.png"
        self.report = out / "report.json"
        self._marker = out / "written_by_illumigan_demo.json"

    @property
    def files(self) -> list[Path]:
        """Every file that a demo writes, whatever its footage."""
        logs = [self.logs / f"{process}.log" for process in ("enhance_node", "record_bag", "play_bag")]
        results = [self.video, self.sheet, self.report]
        return [*results, *logs, self.played, self.received, *bag_files(self.bag)]

    def mark(self, files: list[Path]) -> None:
        """Keep a list of the files that this demo writes, so that a later one may remove them and nothing else."""
        write_json(self._marker, [str(file.relative_to(self.out)) for file in files])

    def written(self) -> list[str]:
        """Return the list that an earlier demo kept, relative to the folder; empty if there was none."""
        try:
            written = json.loads(self._marker.read_text())
        except (FileNotFoundError, ValueError):
            return []
        return [str(name) for name in written] if isinstance(written, list) else []


def bag_files(bag: Path) -> list[Path]:
    """Return the files that make up a bag of ours."""
    return [bag / "metadata.yaml", bag / f"{bag.name}.mcap"]


@dataclass(frozen=True)
class StreamMeasurement:
    """Numbers from the logs of player and recorder and from the node's last diagnostics; times in ns."""

    played: list[tuple[int, int]]
    received: list[tuple[int, int]]
    node: dict[str, str]
    losses: list[str] = field(default_factory=list)

    @property
    def frames_in(self) -> int:
        """Number of frames that the player published."""
        return len(self.played)

    @property
    def fps_in(self) -> float:
        """Frames per second as published."""
        return _rate([time_ns for _, time_ns in self.played])

    @property
    def frame_rate(self) -> Fraction:
        """The footage's own frame rate: by its stamps, or as published where a driver left the stamps at zero."""
        rate = _rate([stamp for stamp, _ in self.played]) or self.fps_in or 30.0
        return max(Fraction(1), Fraction(round(rate, 2)).limit_denominator(1001))

    def latencies_ms(self) -> np.ndarray:
        """Return the time from publishing a frame to receiving it enhanced, for each frame that came out.

        Frames that share their stamp with others cannot be told apart and are left out.
        """
        published, received = _once(self.played), _once(self.received)
        return np.array([(received[stamp] - published[stamp]) / 1e6 for stamp in received if stamp in published])

    def report(self) -> dict[str, Any]:
        """Return the numbers for people and programs; a latency that cannot be told is None."""
        latencies = self.latencies_ms()
        p50, p95 = np.percentile(latencies, (50, 95)) if latencies.size else (None, None)
        return {
            "frames_in": self.frames_in,
            "frames_out": len(self.received),
            "skipped": self.frames_in - len(self.received),
            "fps_in": round(self.fps_in, 2),
            "fps_out": round(_rate([time_ns for _, time_ns in self.received]), 2),
            "latency_p50_ms": None if p50 is None else round(float(p50), 2),
            "latency_p95_ms": None if p95 is None else round(float(p95), 2),
            "runtime": self.node.get("runtime", "unknown"),
            "node": self.node,
        }


@dataclass
class Lumas:
    """Mean luminance of each pair in [0, 1], and the pairs picked for the contact sheet: stamp -> input and result."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    moments: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def report(self) -> dict[str, float | None]:
        """Return the means over all pairs; None where there was no pair."""
        pairs = {"mean_luma_in": self.before, "mean_luma_out": self.after}
        return {name: round(float(np.mean(lumas)), 4) if lumas else None for name, lumas in pairs.items()}


def measure(recording: Recording) -> StreamMeasurement:
    """Read what player and recorder logged; raises FrameError if nothing came out of the node."""
    played = [(stamp, time_ns) for stamp, time_ns in json.loads(recording.played.read_text())["published"]]
    recorded = json.loads(recording.received.read_text())
    received = [(stamp, time_ns) for stamp, time_ns in recorded["received"][ENHANCED]]
    dropped = recorded["dropped"]
    if not received:
        raise FrameError(f"No enhanced frame came out of the node; see the logs in {recording.logs}.")
    losses = [f"The disk was too slow to record {dropped} messages."] if dropped else []
    return StreamMeasurement(played, received, _last_diagnostics(recording.bag), losses)


def _last_diagnostics(bag: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    with BagReader(bag) as reader:
        for message in reader.messages([DIAGNOSTICS]):
            for status in decode(message).status:
                values = {pair.key: pair.value for pair in status.values}
    return values


def write_side_by_side(
    recording: Recording,
    measured: StreamMeasurement,
    footage: Footage,
    seconds: float,
    examination: Examination,
    advance: Callable[[], None],
) -> Lumas:
    """Write the video input | enhanced, paired by header stamp, with what a detector sees in either.

    Where a frame was skipped, the last result stays, and between the frames that the detector looks at, its boxes do.
    """
    lumas = Lumas()
    stamps = [stamp for stamp, _ in measured.received]
    picked = {stamps[int((row + 0.5) / MOMENTS * len(stamps))] for row in range(MOMENTS)}
    with BagReader(recording.bag) as reader, VideoWriter(recording.video, measured.frame_rate) as video:
        results = _frames(reader, ENHANCED)
        stamp, result = next(results)
        shown: np.ndarray | None = None
        for (played, _), original in zip(measured.played, _originals(footage, seconds), strict=False):
            if played == stamp:
                shown = result
                lumas.before.append(mean_luma(original))
                lumas.after.append(mean_luma(result))
                examination.look(original, result, played, is_wanted=played in picked)
                if played in picked:
                    lumas.moments[played] = examination.drawn(original, result)
                stamp, result = next(results, (-1, result))
            if shown is not None and shown.shape == original.shape:
                video.write(side_by_side(*examination.drawn(original, shown), examination.labels()))
            advance()
    return lumas


def _originals(footage: Footage, seconds: float) -> Iterator[np.ndarray]:
    """Yield the pictures in the order in which the player published them."""
    for message in footage.messages(seconds):
        if message.topic == CAMERA_TOPICS[footage.image_type]:
            yield picture_of(message)


def _frames(reader: BagReader, topic: str) -> Iterator[tuple[int, np.ndarray]]:
    for message in reader.messages([topic]):
        yield header_stamp_ns(message.raw), picture_of(message)


def draw_contact_sheet(
    recording: Recording, start_ns: int, moments: Mapping[int, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Draw one row for each moment, named by its time since the first frame: input, attention, enhanced."""
    with BagReader(recording.bag) as reader:
        attention = {stamp: picture for stamp, picture in _frames(reader, ATTENTION) if stamp in moments}
    rows = [
        (f"{(stamp - start_ns) / NANOSECONDS:.1f} s", (original, attention[stamp], enhanced))
        for stamp, (original, enhanced) in moments.items()
        if stamp in attention
    ]
    write_png(recording.sheet, contact_sheet(rows, ("input", "attention", "enhanced"), CELL_WIDTH))


def _once(times: list[tuple[int, int]]) -> dict[int, int]:
    """Return stamp -> time of the stamps that occur once."""
    counts = Counter(stamp for stamp, _ in times)
    return {stamp: time_ns for stamp, time_ns in times if counts[stamp] == 1}


def _rate(times_ns: list[int]) -> float:
    """Return events per second, 0 where that cannot be told."""
    span = times_ns[-1] - times_ns[0] if times_ns else 0
    return (len(times_ns) - 1) * NANOSECONDS / span if span > 0 else 0.0
