"""`illumigan info`: what is in a bag, in one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illumigan_model.errors import Incomplete
from illumigan_model.system.files import shown
from illumigan_ros.commands.command_line import warn

if TYPE_CHECKING:
    from collections import Counter

    from illumigan_ros.recordings.bag_survey import TopicSurvey

BARS = "▁▂▃▄▅▆▇█"
MOST_NAMED = 3
BILLION = 1e9


def command(
    bag: Annotated[Path, typer.Argument(metavar="BAG", help="rosbag2 folder, .mcap or .db3 file.")],
) -> None:
    """Show what is in a bag: topics, rates, sizes, encodings, light over time, gaps, what is broken (exit code 1)."""
    from illumigan_ros.commands.bag_progress import bag_progress
    from illumigan_ros.recordings.bag_survey import CameraSurvey, survey
    from illumigan_ros.recordings.bags import BagReader
    from illumigan_ros.recordings.cdr import IMAGE

    with BagReader(bag) as reader:
        warn(reader.notes)
        total = sum(reader.count(topic) for topic in reader.topics)
        with bag_progress("reading", total) as advance:
            topics = dict(sorted(survey(reader, advance).items()))
        print(_headline(bag, reader.files, topics))
        losses = list(reader.losses)
    print("\n".join(_table(topics)))
    for topic, found in topics.items():
        for line in _remarks(topic, found):
            print(line)
        if isinstance(found, CameraSurvey) and found.unreadable:
            least = "" if found.msgtype == IMAGE else "at least "
            count = f"{least}{found.unreadable} of {len(found.times_ns)}"
            losses.append(f"{topic}: {count} images cannot be read; {found.why}")
    for loss in losses:
        print(f"broken: {loss}")
    if losses:
        raise Incomplete(f"{shown(bag)} is not whole; enhance-bag takes what can be read of it.")


def _headline(bag: Path, files: Sequence[Path], topics: Mapping[str, TopicSurvey]) -> str:
    ends = [(min(found.times_ns), max(found.times_ns)) for found in topics.values() if found.times_ns]
    size = sum(file.stat().st_size for file in files)
    count = sum(len(found.times_ns) for found in topics.values())
    text = f"{shown(bag)}: {len(files)} file{'s' * (len(files) > 1)}, {size / 1e6:.1f} MB, {count} messages"
    if not ends:
        return text
    first_ns, last_ns = min(first for first, _ in ends), max(last for _, last in ends)
    begin = datetime.fromtimestamp(first_ns / BILLION, timezone.utc)
    return f"{text} in {(last_ns - first_ns) / BILLION:.1f} s from {begin:%Y-%m-%d %H:%M:%S} UTC"


def _table(topics: Mapping[str, TopicSurvey]) -> list[str]:
    """Return the lines of the table, columns below each other."""
    from illumigan_ros.recordings.bag_survey import CameraSurvey

    rows = [("topic", "type", "messages", "Hz", "MB", "size", "encoding")]
    for topic, found in topics.items():
        hertz = "" if found.hertz is None else f"{found.hertz:.1f}"
        sizes, encodings = ("", "")
        if isinstance(found, CameraSurvey):
            sizes, encodings = _most_common(found.sizes), _most_common(found.encodings)
        kind = found.msgtype.replace("/msg/", "/")
        rows.append((topic, kind, str(len(found.times_ns)), hertz, f"{found.bytes / 1e6:.1f}", sizes, encodings))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = (2, 3, 4)
    return [
        "  ".join(
            text.rjust(width) if column in numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _most_common(counts: Counter[str]) -> str:
    names = [repr(name)[1:-1] for name, _ in counts.most_common(MOST_NAMED)]
    return ", ".join(names) + (", ..." if len(counts) > MOST_NAMED else "")


def _remarks(topic: str, found: TopicSurvey) -> list[str]:
    """Return lines on the light, the gaps and the stamps of a topic."""
    from illumigan_ros.recordings.bag_survey import CameraSurvey

    lines = []
    if isinstance(found, CameraSurvey):
        if found.lumas:
            low, high = min(found.lumas), max(found.lumas)
            lines.append(f"light: {topic} {sparkline(found.lumas)} {low:.2f} to {high:.2f} of white")
        if found.no_picture:
            lines.append(f"no pictures: {topic}: {found.no_picture}")
        if found.backwards:
            lines.append(f"stamps: {topic} has {found.backwards} that do not come after the one before")
    gaps = found.gaps()
    if gaps:
        longest = sorted(gaps, key=lambda gap: -gap[1])[:MOST_NAMED]
        named = ", ".join(f"{length:.2f} s at {begin:.1f} s" for begin, length in longest)
        lines.append(f"gaps: {topic} has {len(gaps)}, the longest: {named}")
    return lines


def sparkline(values: Sequence[float]) -> str:
    """Draw values from 0 on as a line of bars, the highest as a full one."""
    top = max([*values, 1e-9])
    return "".join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in values)
