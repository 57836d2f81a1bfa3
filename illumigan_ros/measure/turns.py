"""Contenders take turns on the same frames, in a new order each time, so that nobody always follows the same other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

FEWEST_TURNS = 3

Input = TypeVar("Input")
Clock = Callable[[Callable[[Input], object], Input], float]
"""Lets somebody work on a frame and returns the milliseconds that it took."""


def stopwatch(work: Callable[[Input], object], frame: Input) -> float:
    """Return the milliseconds that a piece of work takes."""
    begin = time.perf_counter()
    work(frame)
    return (time.perf_counter() - begin) * 1e3


def take_turns(
    contenders: Mapping[str, Callable[[Input], object]],
    frames: Sequence[Input],
    seconds: float,
    clock: Clock[Input] = stopwatch,
) -> dict[str, np.ndarray]:
    """Let the contenders take turns until the time is up; returns the milliseconds of each, turn by turn."""
    for work in contenders.values():
        work(frames[0])
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = np.random.default_rng(0)
    end = time.perf_counter() + seconds
    turn = 0
    while turn < FEWEST_TURNS or time.perf_counter() < end:
        frame = frames[turn % len(frames)]
        for name in order.permutation(list(contenders)):
            times[name].append(clock(contenders[name], frame))
        turn += 1
    return {name: np.array(took) for name, took in times.items()}


def in_short(number: float) -> str:
    """Return a number with three digits, or all of its whole ones."""
    return f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"
