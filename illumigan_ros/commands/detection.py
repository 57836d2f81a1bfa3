"""What `illumigan evaluate-detection` found out, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_ros.output_files import write_bytes
from illumigan_training.evaluation.detection import Comparison
from illumigan_training.evaluation.detection_report import HEADER, cells, legend, report_files

METHOD_WIDTH = 10  # the baselines' names stay in one line
MOST_FAILURES = 10


def show(comparison: Comparison, missing: Sequence[str]) -> None:
    """Print the table, its legend and what was left out; `missing` are the pictures with plates that are not there."""
    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    for title in HEADER:
        printed.add_column(title, min_width=METHOD_WIDTH if title == "method" else None)
    for row in comparison.rows:
        printed.add_row(*cells(row), end_section=row.method == comparison.rows[-1].method)
    Console().print(printed)
    print("\n".join(legend(comparison)))
    if missing:
        print(f"left out: {len(missing)} pictures with plates are missing, such as {missing[0]}")
    for sentence in comparison.left_out[:MOST_FAILURES]:
        print(f"left out: {sentence}")


def write(comparison: Comparison, out: Path) -> None:
    """Write the tables and the sheets of what changed; raises FrameError if that is not possible."""
    for name, content in report_files(comparison):
        write_bytes(out / name, content)
    print(f"The tables and the sheets are in {out}")


def conclude(comparison: Comparison, missing: Sequence[str]) -> None:
    """Raise FrameError, saying how many, if pictures were left out; everything else is done by then."""
    lost, counted = len(missing) + len(comparison.left_out), len(comparison.observations)
    if lost:
        raise FrameError(f"{lost} of {lost + counted} pictures were left out; the numbers are of the other {counted}.")
