"""The time of each frame: its own where the file tells one, and rising always."""

from __future__ import annotations

from fractions import Fraction

LEAP = Fraction(1)  # seconds; a time that runs back by more begins anew, one by less is out of order


class FrameClock:
    """Gives frames in the order of showing times in seconds that rise and are never negative.

    Attributes: `mended` counts the frames whose own time was missing or did not rise.
    """

    def __init__(self, interval: Fraction, tick: Fraction) -> None:
        """Take the usual time between frames and the smallest one that the file can tell, in seconds."""
        self._interval = interval
        self._tick = min(tick, interval)
        self._last: Fraction | None = None
        self._shift = Fraction(0)
        self.mended = 0

    def time(self, own: Fraction | None, start: Fraction = Fraction(0)) -> Fraction:
        """Return the time of the next frame; `own` is what the file says, None where it says nothing."""
        if self._last is None:
            self._last = start if own is None else own
            self.mended += own is None
            return self._last
        if own is None:
            self.mended += 1
            self._last += self._interval
            return self._last
        time = own + self._shift
        if time <= self._last:
            self.mended += 1
            if self._last - time > LEAP:
                self._shift += self._last + self._interval - time
                time = self._last + self._interval
            else:
                time = self._last + self._tick
        self._last = time
        return time
