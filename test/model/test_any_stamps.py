"""Whatever stamps frames have, and whatever becomes of what is remembered of them: the camera does not go black."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError
from illumigan_model.frames.succession import JUMP, SPOILT

NOW = 1_700_000_000.0
STAMPS = st.none() | st.floats() | st.floats(NOW - 1e3, NOW + 1e3) | st.sampled_from([0.0, NOW, NOW + 365 * 86400])


@pytest.fixture(scope="module")
def frame(night):
    return cv2.resize(night, (64, 48), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def running():
    """An Enhancer that goes on and on, as that of a node."""
    with Enhancer(runtime="onnxruntime", threads=1) as enhancer:
        yield enhancer


@pytest.fixture
def enhancer():
    with Enhancer(runtime="onnxruntime", threads=1) as enhancer:
        yield enhancer


def assert_bright(made, frame):
    assert made.report.failure is made.report.bypassed is None
    assert made.image.mean() > 1.3 * frame.mean()


@settings(deadline=None, max_examples=60)
@given(stamps=st.lists(STAMPS, min_size=1, max_size=8))
def test_frames_of_any_stamps_come_out_bright_and_alike(running, frame, stamps):
    pictures = [running.enhance(frame, stamp) for stamp in stamps]
    for made in pictures:
        assert_bright(made, frame)
        assert cv2.absdiff(made.image, pictures[0].image).mean() < 5  # of one scene


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, 0.0])
@pytest.mark.parametrize("name", ["gate", "noise", "black", "grid"])
def test_a_memory_that_was_spoilt_never_blackens_a_frame_and_is_over_within_a_second(enhancer, frame, name, value):
    enhancer.enhance(frame, NOW)
    values = enhancer._stabilizer._values
    values[name] = np.full_like(values[name], value)
    for index in range(1, 30):
        made = enhancer.enhance(frame, NOW + index / 30)
        assert made.image.mean() >= 0.9 * frame.mean()
    assert_bright(made, frame)


def test_a_loop_or_a_clock_that_was_set_back_is_like_a_start_and_is_told(enhancer, frame):
    first = enhancer.enhance(frame, NOW)
    other = cv2.convertScaleAbs(frame, alpha=0.8)
    for _ in range(3):
        enhancer.enhance(other, NOW + 0.1)
    for index, back in enumerate((1e-3, 30, 120, 300, 1e8), 1):
        again = enhancer.enhance(frame, NOW - back)
        np.testing.assert_array_equal(again.image, first.image)
        assert again.report.restarts[JUMP] >= index
    assert first.report.restarts == {}


@pytest.mark.parametrize("temporal", [True, False])
@pytest.mark.parametrize("stamp", [NOW - 30, NOW + 30, NOW + 0.1])
def test_curves_that_are_kept_are_not_those_of_another_scene_or_time(enhancer, frame, day, temporal, stamp):
    other = cv2.resize(day, frame.shape[1::-1], interpolation=cv2.INTER_AREA)[:, ::-1] // 2
    enhancer.temporal = temporal
    alone = enhancer.enhance(other, NOW)
    enhancer.reset()
    enhancer.keep_curves = True
    enhancer.enhance(frame, NOW)
    again = enhancer.enhance(other, stamp)
    np.testing.assert_array_equal(again.image, alone.image)


def fading(frame, day, steps):
    """Frames from night to day, so slowly that none of them is another scene."""
    day = cv2.resize(day, frame.shape[1::-1], interpolation=cv2.INTER_AREA)
    return [cv2.addWeighted(day, share, frame, 1 - share, 0) for share in np.linspace(0, 1, steps)]


def test_what_was_not_asked_for_since_the_night_is_worth_nothing_by_day(enhancer, frame, day):
    for number in range(5):
        enhancer.enhance(frame, number / 30)
    enhancer.temporal = False
    for number, later in enumerate(fading(frame, day, 60), 5):
        made = enhancer.enhance(later, number / 5)
    assert made.report.bypassed == "daylight"
    enhancer.temporal = True
    made = enhancer.enhance(later, (number + 1) / 5)
    assert made.image is later
    assert made.report.restarts == {}


@pytest.mark.parametrize("first", [1, 2])
def test_curves_are_not_kept_over_a_day(frame, day, first):
    evening, morning = fading(frame, day, 60), fading(frame[:, ::-1], day, 60)[::-1]
    shown = []
    for keep_curves in (True, False):
        with Enhancer(runtime="onnxruntime", threads=1) as enhancer:
            enhancer.keep_curves = keep_curves
            made = [enhancer.enhance(each, number / 5) for number, each in enumerate([frame] * first + evening)]
            assert made[-1].report.bypassed == "daylight"
            made = (enhancer.enhance(each, number / 5) for number, each in enumerate(morning, first + 60))
            shown.append(next(each.image for each in made if each.report.bypassed is None))
    np.testing.assert_array_equal(*shown)


@pytest.mark.parametrize("name", ["gate", "noise", "black", "grid"])
def test_a_memory_of_no_number_is_dropped_at_once_and_told(enhancer, frame, name):
    enhancer.denoise_over_time = 0
    first = enhancer.enhance(frame, NOW)
    values = enhancer._stabilizer._values
    values[name] = np.full_like(values[name], np.nan)
    made = enhancer.enhance(frame, NOW + 0.03)
    assert_bright(made, frame)
    assert cv2.norm(made.image, first.image, cv2.NORM_INF) <= 1
    assert made.report.restarts == {SPOILT: 1}


def test_a_network_that_answers_nonsense_for_a_while_gives_originals_and_then_is_used_again(enhancer, frame):
    enhancer.denoise_over_time = 0
    right = enhancer.enhance(frame, NOW)
    session = enhancer._runtime._runtime
    answer = session.infer(np.zeros((1, 3, 72, 128), np.float32))
    spoilt = [np.full_like(answer, value) for value in (np.nan, 0.0, 1.0, 1e30)] + [answer[:, :4]]
    half = answer.copy()
    half[:24, :, :8] = 0
    for number, nonsense in enumerate([*spoilt, half], 1):
        session.infer = lambda _, nonsense=nonsense: nonsense
        made = enhancer.enhance(frame, NOW + number / 30)
        assert made.image is frame
        assert made.report.bypassed == "enhancement failed"
        assert made.report.failure.startswith("The network answered with")
    del session.infer
    made = enhancer.enhance(frame, NOW + 1)
    assert_bright(made, frame)
    assert cv2.norm(made.image, right.image, cv2.NORM_INF) <= 1
    assert made.report.restarts == {}


def test_a_runtime_that_breaks_gives_the_original_with_the_reason(enhancer, frame):
    enhancer._runtime._runtime.input = "no such input"
    made = enhancer.enhance(frame)
    assert made.image is frame
    assert "ONNX Runtime failed on this frame" in made.report.failure


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 1.5, None, "full"])
@pytest.mark.parametrize("name", ["strength", "denoise"])
def test_a_strength_that_is_none_is_refused_at_the_start_and_later(enhancer, frame, name, value):
    with pytest.raises(Exception, match=f"{name} must be a number from 0 to 1"):
        Enhancer(**{name: value})
    setattr(enhancer, name, value)
    with pytest.raises(Exception, match=f"{name} must be a number from 0 to 1"):
        enhancer.enhance(frame)


def test_whoever_measures_never_takes_an_original_for_a_result(enhancer, frame):
    from illumigan_model.report import require_enhanced

    assert require_enhanced(enhancer.enhance(frame)).image is not frame
    enhancer._runtime._runtime.input = "no such input"
    with pytest.raises(ModelError, match="failed on this frame"):
        require_enhanced(enhancer.enhance(frame))
