"""What the GPU check finds."""

from __future__ import annotations

from dataclasses import dataclass

EAGER_FP32, EAGER_FP16, CUDA_GRAPH_FP16 = "eager fp32", "eager fp16", "CUDA graph fp16"
LEVELS = {EAGER_FP32: 1.0, EAGER_FP16: 2.0, CUDA_GRAPH_FP16: 2.0}
"""How many levels of 255 the full way of a frame may be off, as for exported graphs."""


@dataclass(frozen=True)
class VariantTiming:
    """One way to run a generator; times in milliseconds, memory in megabytes.

    `scope` is "core" or "full", see `generators.scopes`.
    `faster` is to eager fp32, None where that does not run; `share` is the least time in which the device could read
    the frame and write the answers, as a share of p50; `worst` and `mean` are differences in levels of 255.
    """

    model: str
    scope: str
    size: str
    variant: str
    p50: float
    p95: float
    faster: float | None
    share: float
    memory: float | None
    worst: float
    mean: float

    @property
    def is_right(self) -> bool:
        """Whether the answers are what they should be; what a core may be off is for the runtimes' self-check."""
        return self.scope == "core" or self.worst <= LEVELS[self.variant]


@dataclass(frozen=True)
class RuntimeTiming:
    """A runtime that enhanced frames: `how` it runs, the median and the 95th percentile of a frame's milliseconds."""

    model: str
    size: str
    how: str
    p50: float
    p95: float


@dataclass(frozen=True)
class GpuCheckResult:
    """All that was found: facts of the machine by name, figures, and a sentence for each thing that does not run."""

    machine: str
    facts: dict[str, str]
    variants: list[VariantTiming]
    runtimes: list[RuntimeTiming]
    notes: list[str]
