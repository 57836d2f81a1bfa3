"""Which frames a person is shown: those whose verdict changed most, and others spread over the footage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHANGED_SHARE = 2 / 3  # of the moments, at most, are there for what changed
NEAR = 0.5  # of the distance that moments have when evenly spread: two that changed are no nearer


def choose_moments(changes: Sequence[int], count: int) -> list[int]:
    """Return which of some frames to show: first those that changed, most changes first; then others, in time.

    Args:
        changes: how many verdicts changed in each frame.
        count: how many frames to choose, if there are so many.
    """
    count = min(count, len(changes))
    apart = max(1.0, NEAR * len(changes) / max(count, 1))
    by_change = sorted((place for place, change in enumerate(changes) if change), key=lambda place: -changes[place])
    most, changed = max(1, round(CHANGED_SHARE * count)), list[int]()
    for place in by_change:
        if len(changed) < most and all(abs(place - other) >= apart for other in changed):
            changed.append(place)
    chosen = list(changed)
    while len(chosen) < count:
        chosen.append(_farthest(chosen, len(changes)))
    return changed + sorted(chosen[len(changed) :])


def _farthest(chosen: Sequence[int], frames: int) -> int:
    """Return the frame that is farthest from those chosen; the first one if there are none."""
    if not chosen:
        return 0
    return int(np.abs(np.arange(frames)[:, None] - np.array(chosen)).min(axis=1).argmax())
