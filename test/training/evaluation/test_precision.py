"""Average precision is held against pycocotools' own sum on random boxes; intervals against what can be counted."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from illumigan_training.evaluation.intervals import RESAMPLES, Interval, draws, interval, shares
from illumigan_training.evaluation.precision import OVERLAPS, as_dataset, average_precision, found_and_false, match


def random_frames(rng, frames=6):
    """Boxes of all sizes, and detections near most of them and beside."""
    truths, seen = [], []
    for _ in range(frames):
        corners = rng.uniform(0, 300, (rng.integers(1, 8), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(10, 200, (len(corners), 2))], axis=1)
        near = boxes + rng.normal(0, 6, boxes.shape)
        far = boxes[:3] + 150
        truths.append((boxes, rng.random(len(boxes)) < 0.8))
        seen.append((np.concatenate([near, far]), rng.random(len(near) + len(far))))
    return truths, seen


def test_average_precision_is_that_of_pycocotools():
    truths, seen = random_frames(np.random.default_rng(4))
    with contextlib.redirect_stdout(io.StringIO()):
        truth, answers = COCO(), COCO()
        truth.dataset = as_dataset([boxes for boxes, _ in truths], ignored=[~counts for _, counts in truths])
        answers.dataset = as_dataset([boxes for boxes, _ in seen], scores=[scores for _, scores in seen])
        truth.createIndex()
        answers.createIndex()
        theirs = COCOeval(truth, answers, "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    matches, once = match(truths, seen), np.ones((1, len(truths)))
    ours = {
        size: [average_precision(frames, once, overlap)[0] for overlap in range(len(OVERLAPS))]
        for size, frames in matches.items()
    }
    assert np.mean(ours["all"]) == pytest.approx(theirs.stats[0], abs=1e-9)
    assert ours["all"][0] == pytest.approx(theirs.stats[1], abs=1e-9)
    for size, stat in zip(("small", "medium", "large"), theirs.stats[3:6], strict=True):
        assert np.mean(ours[size]) == pytest.approx(stat, abs=1e-9) or stat == -1


def test_a_frame_drawn_twice_counts_twice():
    truths, seen = random_frames(np.random.default_rng(5), frames=3)
    twice = match([*truths, truths[1]], [*seen, seen[1]])["all"]
    once = match(truths, seen)["all"]
    expected = average_precision(twice, np.ones((1, 4)))[0]
    assert average_precision(once, np.array([[1.0, 2.0, 1.0]]))[0] == pytest.approx(expected, abs=1e-9)
    assert np.isnan(average_precision(once, np.zeros((1, 3)))[0])


def test_what_is_found_and_what_is_false_is_counted_above_a_score():
    box, beside = np.array([[0.0, 0, 20, 20]]), np.array([[100.0, 0, 120, 20]])
    truths = [(box, np.array([True])), (box, np.array([False])), (np.zeros((0, 4)), np.zeros(0, bool))]
    both = (np.concatenate([box, beside]), np.array([0.9, 0.5]))
    found, false = found_and_false(match(truths, [both, both, both])["all"], 0.3)
    assert found.tolist() == [1, 0, 0]
    assert false.tolist() == [1, 1, 2]  # the box that does not count is neither
    assert found_and_false(match(truths, [both, both, both])["all"], 0.6)[1].tolist() == [0, 0, 1]


def test_frames_are_drawn_anew_and_methods_share_the_draw():
    plates, found = np.array([1, 3]), np.array([[1, 0], [0, 3]])
    times = draws(2)
    one, other = (shares(row, plates, times) for row in found)
    assert one.shape == (RESAMPLES,)
    np.testing.assert_allclose(one + other, 1)  # what one method finds is what the other misses, in every draw
    for share, chance in ((0, 1 / 4), (1 / 4, 1 / 2), (1, 1 / 4)):  # frames 2 2, 1 2 and 1 1
        assert np.isclose(one, share).mean() == pytest.approx(chance, abs=0.04)
    np.testing.assert_array_equal(times, draws(2))


def test_an_interval_holds_the_middle_95_percent_and_tells_a_difference_from_none():
    assert interval(0.4, np.linspace(0, 1, 1001)) == Interval(0.4, pytest.approx(0.025), pytest.approx(0.975))
    assert Interval(0.1, 0.01, 0.2).decided and Interval(-0.1, -0.2, -0.01).decided
    assert not Interval(0.1, -0.01, 0.2).decided
    assert np.isnan(interval(0.4, np.full(3, np.nan)).low)
