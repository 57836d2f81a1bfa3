"""What counts as found, and what as false."""

import numpy as np
import pytest

from illumigan_model.detectors.coco import NAMES
from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.matching import judge

THERE = np.array([[0, 0, 100, 100], [200, 0, 300, 100], [0, 200, 100, 300]], float)
COUNTS = np.array([True, True, False])


def seen(*rows):
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([row[4] for row in rows], np.float32), np.full(len(rows), 2), NAMES)


@pytest.mark.parametrize(
    ("rows", "found", "false"),
    [
        ([], [0, 0], []),
        ([(0, 0, 100, 60, 0.9)], [1, 0], [0]),  # 60 of 100
        ([(0, 0, 100, 45, 0.9)], [0, 0], [1]),  # 45 of 100
        ([(0, 0, 100, 90, 0.5), (5, 5, 95, 95, 0.9)], [1, 0], [1, 0]),  # one thing is found but once, by the best
        ([(10, 210, 60, 260, 0.9), (20, 220, 70, 270, 0.8)], [0, 0], [0, 0]),  # on what does not count, like a crowd
        ([(400, 400, 500, 500, 0.9), (200, 0, 300, 100, 0.4)], [0, 1], [1, 0]),
    ],
)
def test_boxes_are_found_by_what_overlaps_them_by_half(rows, found, false):
    verdict = judge(THERE, COUNTS, seen(*rows))
    assert verdict.found.tolist() == [*map(bool, found), False] and verdict.false.tolist() == list(map(bool, false))


def test_the_rule_is_that_of_pycocotools():
    pytest.importorskip("pycocotools", reason="needs pycocotools")
    from illumigan_training.evaluation.precision import found_and_false, match

    chance = np.random.default_rng(5)

    def boxes(count):
        corners = chance.uniform(0, 200, (count, 2))
        return np.concatenate([corners, corners + chance.uniform(30, 90, (count, 2))], axis=1)

    truths = [(boxes(5), chance.random(5) < 0.7) for _ in range(40)]
    answers = []
    for there, _ in truths:
        near = there + chance.normal(0, 6, there.shape)
        answers.append(seen(*(np.append(box, chance.random()) for box in np.concatenate([near, boxes(3)]))))
    matches = match(truths, [(each.boxes, each.scores) for each in answers])["all"]
    found, false = found_and_false(matches, 0.0)
    mine = [judge(there, counts, each) for (there, counts), each in zip(truths, answers, strict=True)]
    assert [int(one.found.sum()) for one in mine] == found.tolist()
    assert [int(one.false.sum()) for one in mine] == false.tolist()
    assert sum(found) > 50 and sum(false) > 50
