"""What a network may be computed in, and how far its answers may then be from those of single precision."""

from __future__ import annotations

from illumigan_model.errors import ModelError

PRECISIONS = ("fp32", "fp16")
"""Those that a graph or an engine is made in."""

TOLERANCES = {"fp32": 1e-3, "fp16": 0.01, "bf16": 0.02}
"""Precision -> difference that is allowed; of what exceeds 1, in proportion."""


def require_precision(precision: str) -> None:
    """Raise ModelError for a precision that graphs and engines are not made in."""
    if precision not in PRECISIONS:
        raise ModelError(f"There is no precision {precision!r}; give {' or '.join(PRECISIONS)}.")
