"""Whether memory grows for good, told from looks at a process at rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOST = 1.0  # MB a minute; more must be beyond doubt, at two standard errors
EACH = 3  # looks of which the least counts: on a busy machine, some come before the process has given memory back
LEAST_COUNTED = 4
LEAST_SPAN = 120.0  # seconds over which growth can be told


class Growth(NamedTuple):
    """The slope of a straight line through the looks that count, in MB a minute, and its standard error."""

    rate: float
    doubt: float

    @property
    def is_too_much(self) -> bool:
        """Whether more is lost than may be, beyond doubt."""
        return self.rate - 2 * self.doubt > MOST

    def __str__(self) -> str:
        return f"memory at rest grows by {self.rate:.2f} MB a minute (standard error {self.doubt:.2f})"


def growth(looks: Sequence[tuple[float, float]]) -> Growth | None:
    """Return how memory grows, given looks in order (seconds, MB); None where they are too few or too close."""
    groups = [looks[begin : begin + EACH] for begin in range(0, len(looks) - EACH + 1, EACH)]
    counted = [min(group, key=lambda look: look[1]) for group in groups]
    if len(counted) < LEAST_COUNTED or counted[-1][0] - counted[0][0] < LEAST_SPAN:
        return None
    seconds, megabytes = np.array(counted).T
    (slope, _), covariance = np.polyfit(seconds / 60, megabytes, 1, cov=True)
    return Growth(float(slope), float(np.sqrt(covariance[0, 0])))
