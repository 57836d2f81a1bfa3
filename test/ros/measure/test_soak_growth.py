"""The endurance run's verdict on memory: what grows for good is found, what only wavers or fills up is not."""

import random

import pytest

from illumigan_ros.measure.soak_growth import growth


def looks(rate: float, seed: int, minutes: int = 7) -> list[tuple[float, float]]:
    """Return looks every 15 s at a process that grows by `rate` MB a minute, which waver as those of runs do."""
    chance = random.Random(seed)
    return [(15.0 * n, 290 + rate * n / 4 + chance.gauss(0, 3)) for n in range(4 * minutes)]


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
