import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illumigan_model.frames.succession import CUT, JUMP, LONGEST_GAP, USUAL_GAP, Succession

DARK = np.full((4, 4), 25, np.uint8)
YEAR = 365 * 86400.0
NOW = 1_700_000_000.0


def gaps(*stamps, rate=30):
    """What follows of frames with these stamps, which arrive at a steady rate."""
    succession = Succession()
    found = [succession.follow(DARK, stamp, index / rate) for index, stamp in enumerate(stamps)]
    return found, dict(succession.restarts)


@given(st.lists(st.none() | st.floats() | st.integers(-(2**31), 2**31), max_size=12))
def test_whatever_the_stamps_are_a_gap_is_short_and_above_zero_or_all_begins_anew(stamps):
    found, restarts = gaps(*stamps)
    assert all(gap is None or 0 < gap <= LONGEST_GAP for gap in found)
    assert sum(restarts.values()) == sum(gap is None for gap in found[1:])


@pytest.mark.parametrize("stamp", [NOW - 1e-9 * 2**10, NOW - 30, NOW - YEAR, 0.0, -1.0, NOW + 1.1, NOW + YEAR])
def test_a_stamp_that_runs_back_or_jumps_ahead_begins_anew_and_is_counted(stamp):
    assert gaps(NOW, stamp, stamp + 0.1) == ([None, None, pytest.approx(0.1, abs=1e-6)], {JUMP: 1})


def test_a_stamp_far_ahead_once_begins_anew_there_and_back():
    found, restarts = gaps(NOW, NOW + YEAR, NOW + 0.2, NOW + 0.3)
    assert found == [None, None, None, pytest.approx(0.1, abs=1e-6)]
    assert restarts == {JUMP: 2}


@pytest.mark.parametrize("step", [0.0, 2**-22, 1e-4])  # the second is what a float can tell apart of today's seconds
def test_a_clock_that_stands_still_or_creeps_counts_as_the_usual_rate(step):
    assert gaps(NOW, NOW + step, NOW + 2 * step)[0][1:] == [USUAL_GAP, USUAL_GAP]


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_frames_without_a_stamp_among_others_are_followed_by_when_they_arrive(missing):
    found, restarts = gaps(NOW, missing, missing, NOW + 0.1, NOW + 0.2)
    assert found == [None, *3 * [pytest.approx(1 / 30)], pytest.approx(0.1, abs=1e-6)]
    assert not restarts


def test_a_scene_cut_begins_anew_and_is_counted():
    succession = Succession()
    succession.follow(DARK, 1.0, 1.0)
    assert succession.follow(DARK + 125, 1.03, 1.03) is None
    assert succession.follow(DARK + 125, 1.06, 1.06) == pytest.approx(0.03)
    assert succession.restarts == {CUT: 1}


def test_a_reset_that_was_asked_for_is_not_counted():
    succession = Succession()
    succession.follow(DARK, 1.0, 1.0)
    succession.reset()
    assert succession.follow(DARK, 1.03, 1.03) is None
    assert not succession.restarts
