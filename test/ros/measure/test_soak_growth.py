"""The endurance run's verdict on memory: what grows for good is found, what only wavers is not."""

import random

import pytest

from illumigan_ros.measure.soak_growth import growth


def looks(rate: float, seed: int, minutes: int = 7) -> list[tuple[float, float]]:
    """Return looks every 20 s at a process that grows by `rate` MB a minute, of which some come too early."""
    chance = random.Random(seed)
    return [
        (20.0 * n, 275 + rate * n / 3 + chance.gauss(0, 0.5) + (chance.random() < 0.2) * chance.uniform(5, 15))
        for n in range(3 * minutes)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_of_two_megabytes_a_minute_is_found(seed):
    found = growth(looks(2.0, seed))
    assert found.is_too_much, str(found)


@pytest.mark.parametrize("seed", range(5))
def test_memory_that_only_wavers_is_no_leak(seed):
    found = growth(looks(0.0, seed))
    assert not found.is_too_much, str(found)


def test_nothing_is_said_of_a_run_that_is_too_short():
    assert growth(looks(9.0, 0, minutes=2)) is None
    assert growth([(0.0, 1.0), (300.0, 9.0)]) is None
