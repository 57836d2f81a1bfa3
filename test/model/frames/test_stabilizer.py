import itertools

import numpy as np
import pytest

from illumigan_model.frames.stabilizer import Stabilizer, night_share

DARK = np.full((4, 4), 25, np.uint8)


def follow(stabilizer, value, thumbnail=DARK, stamp=0.0):
    stabilizer.observe(thumbnail, stamp)
    return stabilizer.smooth("value", np.float32(value))


def test_a_flickering_answer_is_calmed():
    answers = 0.5 + np.random.default_rng(0).normal(0, 0.1, 120)
    stabilizer = Stabilizer()
    calm = [follow(stabilizer, answer, stamp=i / 30) for i, answer in enumerate(answers)]
    assert np.diff(calm).std() < 0.2 * np.diff(answers).std()
    assert abs(np.mean(calm[30:]) - 0.5) < 0.05


@pytest.mark.parametrize("thumbnail,stamp", [(DARK + 125, 0.03), (DARK, 5.0), (DARK, -1.0)])
def test_a_scene_cut_a_gap_and_a_rewind_start_anew(thumbnail, stamp):
    stabilizer = Stabilizer()
    follow(stabilizer, 0)
    assert follow(stabilizer, 1, thumbnail, stamp) == 1


def test_the_next_frame_of_a_calm_scene_follows_slowly():
    stabilizer = Stabilizer()
    follow(stabilizer, 0)
    assert 0 < follow(stabilizer, 1, stamp=1 / 30) < 0.2


def test_a_clock_that_stands_still_does_not_freeze_the_picture():
    stabilizer = Stabilizer()
    follow(stabilizer, 0, stamp=7.0)
    for _ in range(60):
        value = follow(stabilizer, 1, stamp=7.0)
    assert value > 0.99


def test_the_gate_fades_from_night_to_day():
    shares = [night_share(luma) for luma in np.linspace(0, 1, 101)]
    assert shares[0] == 1
    assert shares[-1] == 0
    assert all(later <= earlier for earlier, later in itertools.pairwise(shares))
    assert max(np.abs(np.diff(shares))) < 0.2
