"""What the GPU check found, for people: tables on the terminal, and a machine's section in a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from illumigan_ros.measure.benchmark_report import in_short
from illumigan_ros.output_files import unwritable, write_bytes

if TYPE_CHECKING:
    from illumigan_ros.measure.gpu_check import Outcome, Run
    from illumigan_ros.measure.gpu_variants import Measured

NOT_YET = "No GPU has been measured yet."
"""What stands below the heading in place of the first section."""

HEADING = "## GPU"
NEW_FILE = f"# Performance\n\n{HEADING}\n"
EXPLANATION = (
    "Milliseconds are those from a frame in the GPU's memory to the result there. *Faster* is the ratio, turn by turn, "
    "to eager fp32, which is computed without TF32. *Limit* is the share of the time that reading the frame and "
    "writing the answers once takes at the copy bandwidth. *Off* are the largest and the mean difference, in levels of "
    "255, to fp32 on the CPU before that is rounded (rounding alone makes .5 and .25), over seven photos of "
    "scikit-image that the training's camera model darkens and the self-check's night picture."
)
FIGURES = ("p50 ms", "p95 ms", "faster", "limit", "MB", "off")
MEASURED = ("generator", "graph", "frame", "variant", *FIGURES)
RUNS = ("generator", "frame", "runtime", "p50 ms", "p95 ms")


def figures_of(one: Measured) -> tuple[str, ...]:
    """Return the cells of a way to run a generator, see `FIGURES`."""
    faster = "-" if one.faster is None else f"{one.faster:.2f}"
    memory = "-" if one.memory is None else f"{one.memory:.0f}"
    off = f"{one.worst:.2f}, {one.mean:.2f}"
    return in_short(one.p50), in_short(one.p95), faster, f"{100 * one.share:.2g} %", memory, off


def run_cells(run: Run) -> tuple[str, ...]:
    """Return the cells of a runtime that enhanced frames, see `RUNS`."""
    return run.model, run.size, run.how, in_short(run.p50), in_short(run.p95)


def show(outcome: Outcome) -> None:
    """Print everything as tables."""
    console = Console()
    console.print(outcome.machine, highlight=False)
    console.print(facts_line(outcome), highlight=False)
    for what, ways in groupby(outcome.measured, lambda one: f"{one.model}, {one.graph}, {one.size}"):
        table = Table(what, *FIGURES)
        for way in ways:
            table.add_row(way.variant, *figures_of(way))
        console.print(table)
    table = Table(*RUNS)
    for run in outcome.runs:
        table.add_row(*run_cells(run))
    console.print(table)
    for note in outcome.notes:
        console.print(f"- {note}", markup=False, highlight=False)


def facts_line(outcome: Outcome) -> str:
    """Return the machine's facts in one line."""
    return ", ".join(f"{name} {value}" for name, value in outcome.facts.items())


def section(outcome: Outcome) -> str:
    """Return a machine's section in Markdown."""
    measured = [(one.model, one.graph, one.size, one.variant, *figures_of(one)) for one in outcome.measured]
    parts = [f"### {outcome.machine}", f"`illumigan gpu-check`: {facts_line(outcome)}.", EXPLANATION]
    parts.append(markdown_table(MEASURED, measured))
    if outcome.runs:
        parts.append(
            "The node's runtimes, whose self-check passed, from a frame in the computer's memory to the result:"
        )
        parts.append(markdown_table(RUNS, [run_cells(run) for run in outcome.runs]))
    if outcome.notes:
        parts.append("What does not run, or not on the GPU:\n\n" + "\n".join(f"- {note}" for note in outcome.notes))
    return "\n\n".join(parts) + "\n"


def markdown_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(outcome: Outcome, path: Path) -> None:
    """Put a machine's section into a file, in place of the one that it has there.

    Raises:
        FrameError: the file cannot be read or written; it stays as it was.
    """
    try:
        text = path.read_text() if path.exists() else NEW_FILE
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    write_bytes(path, with_section(text, section(outcome)).encode())


def with_section(text: str, new: str) -> str:
    """Return a document with a section in it: in place of the one of the same heading, or last below `HEADING`."""
    heading = re.escape(new.partition("\n")[0])
    old = re.compile(rf"^{heading}\n.*?(?=^#{{1,3}} |\Z)", re.MULTILINE | re.DOTALL)
    if found := old.search(text):
        return joined(text[: found.start()], new, text[found.end() :])
    text = text.replace(NOT_YET, "")
    place = re.compile(rf"^{HEADING}\n.*?(?=^#{{1,2}} |\Z)", re.MULTILINE | re.DOTALL).search(text)
    if place is None:
        return joined(f"{text.rstrip()}\n\n{HEADING}\n", new, "")
    return joined(text[: place.end()], new, text[place.end() :])


def joined(before: str, new: str, after: str) -> str:
    """Put a section between two parts of a document, with an empty line around it."""
    return "\n\n".join(filter(None, (before.rstrip(), new.strip(), after.strip()))) + "\n"
