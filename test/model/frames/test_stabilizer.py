import itertools
from collections import Counter

import numpy as np
import pytest

from illumigan_model.frames.stabilizer import Stabilizer, night_share
from illumigan_model.frames.succession import SPOILT


@pytest.fixture
def stabilizer():
    return Stabilizer(Counter())


def follow(stabilizer, value, gap=1 / 30):
    stabilizer.begin(gap)
    return stabilizer.smooth("value", np.float32(value))


def test_a_flickering_answer_is_calmed(stabilizer):
    answers = 0.5 + np.random.default_rng(0).normal(0, 0.1, 120)
    calm = [follow(stabilizer, answer) for answer in answers]
    assert np.diff(calm).std() < 0.2 * np.diff(answers).std()
    assert abs(np.mean(calm[30:]) - 0.5) < 0.05


def test_the_next_frame_of_a_calm_scene_follows_slowly_and_one_that_does_not_follow_begins_anew(stabilizer):
    follow(stabilizer, 0)
    assert 0 < follow(stabilizer, 1) < 0.2
    assert follow(stabilizer, 0.5, gap=None) == 0.5


def test_a_value_that_was_left_out_for_a_while_has_been_forgotten_as_far(stabilizer):
    follow(stabilizer, 0)
    for _ in range(8):
        stabilizer.begin(1 / 30)
    assert 0.55 < follow(stabilizer, 1) < 0.7  # as after so many frames
    for _ in range(90):
        stabilizer.begin(1 / 30)
    assert follow(stabilizer, 0) < 0.01


@pytest.mark.parametrize("age", [np.nan, -np.inf])
def test_an_age_of_no_number_drops_its_value_and_is_counted_once(age):
    restarts = Counter()
    stabilizer = Stabilizer(restarts)
    memory = {name: np.zeros(2, np.float32) for name in ("value", "other")}
    ages = {"age of value": np.array(age), "age of other": np.array(0.0)}
    stabilizer.remember({**ages, **memory})
    assert follow(stabilizer, [1, 2]).tolist() == [1, 2]
    assert 0 < stabilizer.smooth("other", np.ones(2, np.float32))[0] < 0.2
    assert restarts[SPOILT] == 1
    stabilizer.remember({**ages, **memory})
    assert follow(stabilizer, [1, 2], gap=None).tolist() == [1, 2]
    assert restarts[SPOILT] == 1


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_memory_that_is_no_number_any_more_is_dropped_and_counted(nonsense):
    restarts = Counter()
    stabilizer = Stabilizer(restarts)
    follow(stabilizer, nonsense, gap=None)
    assert follow(stabilizer, 0.25) == 0.25
    assert restarts[SPOILT] >= 1
    told = restarts[SPOILT]
    assert 0.25 < follow(stabilizer, 1) < 0.5
    assert restarts[SPOILT] == told


def test_a_memory_of_another_shape_is_dropped_and_counted():
    restarts = Counter()
    stabilizer = Stabilizer(restarts)
    stabilizer.remember({"value": np.zeros(4, np.float32), "age of value": np.zeros(())})
    assert follow(stabilizer, [0.25, 0.5]).tolist() == [0.25, 0.5]
    assert restarts[SPOILT] == 1


def test_the_gate_fades_from_night_to_day():
    shares = [night_share(luma) for luma in np.linspace(0, 1, 101)]
    assert shares[0] == 1
    assert shares[-1] == 0
    assert all(later <= earlier for earlier, later in itertools.pairwise(shares))
    assert max(np.abs(np.diff(shares))) < 0.2
