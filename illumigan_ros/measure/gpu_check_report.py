"""What the GPU check found on a machine, as a Markdown file for `docs/gpu`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from illumigan_model.system.files import write_bytes
from illumigan_ros.measure.gpu_check_result import GpuCheckResult, RuntimeTiming, VariantTiming
from illumigan_ros.measure.turns import in_short

EXPLANATION = (
    "Milliseconds are those from a frame in the GPU's memory to the result there. *Faster* is the ratio, turn by turn, "
    "to eager fp32, which is computed without TF32. *Limit* is the share of the time that reading the frame and "
    "writing the answers once takes at the copy bandwidth. *Off* are the largest and the mean difference, in levels of "
    "255, to fp32 on the CPU before that is rounded (rounding alone makes .5 and .25), over seven photos of "
    "scikit-image that the training's camera model darkens and the self-check's night picture."
)
FIGURES = ("p50 ms", "p95 ms", "faster", "limit", "MB", "off")
VARIANT_HEADINGS = ("generator", "scope", "frame", "variant", *FIGURES)
RUNTIME_HEADINGS = ("generator", "frame", "runtime", "p50 ms", "p95 ms")


def figures_of(one: VariantTiming) -> tuple[str, ...]:
    """Return the cells of a way to run a generator, see `FIGURES`."""
    faster = "-" if one.faster is None else f"{one.faster:.2f}"
    memory = "-" if one.memory is None else f"{one.memory:.0f}"
    off = f"{one.worst:.2f}, {one.mean:.2f}"
    return in_short(one.p50), in_short(one.p95), faster, f"{100 * one.share:.2g} %", memory, off


def runtime_cells(one: RuntimeTiming) -> tuple[str, ...]:
    """Return the cells of a runtime that enhanced frames, see `RUNTIME_HEADINGS`."""
    return one.model, one.size, one.how, in_short(one.p50), in_short(one.p95)


def facts_line(result: GpuCheckResult) -> str:
    """Return the machine's facts in one line."""
    return ", ".join(f"{name} {value}" for name, value in result.facts.items())


def document(result: GpuCheckResult) -> str:
    """Return a machine's document in Markdown."""
    measured = [(one.model, one.scope, one.size, one.variant, *figures_of(one)) for one in result.variants]
    parts = [f"# {result.machine}", f"`illumigan gpu-check`: {facts_line(result)}.", EXPLANATION]
    parts.append(markdown_table(VARIANT_HEADINGS, measured))
    if result.runtimes:
        parts.append(
            "The node's runtimes, whose self-check passed, from a frame in the computer's memory to the result:"
        )
        parts.append(markdown_table(RUNTIME_HEADINGS, [runtime_cells(run) for run in result.runtimes]))
    if result.notes:
        parts.append("What does not run, or not on the GPU:\n\n" + "\n".join(f"- {note}" for note in result.notes))
    return "\n\n".join(parts) + "\n"


def markdown_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(result: GpuCheckResult, folder: Path) -> Path:
    """Write a machine's document into a folder, where it takes the place of its last one; return the file.

    Raises FrameError if it cannot be written.
    """
    file = folder / f"{re.sub(r'[^a-z0-9]+', '_', result.machine.lower()).strip('_')}.md"
    write_bytes(file, document(result).encode())
    return file
