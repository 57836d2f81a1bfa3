"""What is said to be in the rendered drive is where it was painted."""

import numpy as np
import pytest

from illumigan_training.night_drive.drive import Stage
from illumigan_training.night_drive.scene import CAR, PERSON
from illumigan_training.night_drive.truth import LEAST_HEIGHT, KnownDrive, outlines
from illumigan_training.night_drive.view import DAY

WIDTH, HEIGHT = 320, 180


@pytest.fixture(scope="module")
def truths():
    known = KnownDrive(WIDTH, HEIGHT)
    return [known.at(time) for time in (0.0, 2.5, 5.0, 7.5)]


def test_cars_and_people_are_known_and_their_boxes_lie_in_the_frame(truths):
    kinds = [kind for truth in truths for kind in truth.kinds]
    assert set(kinds) == {CAR, PERSON}
    for truth in truths:
        assert len(truth.boxes) == len(truth.kinds) == len(truth.counts)
        assert (truth.boxes[:, :2] >= 0).all() and (truth.boxes[:, 2:] <= (WIDTH, HEIGHT)).all()
        heights = truth.boxes[:, 3] - truth.boxes[:, 1]
        assert (heights[truth.counts] >= LEAST_HEIGHT * HEIGHT).all() and truth.counts.any()


def test_without_a_car_the_picture_changes_in_its_box_alone():
    stage = Stage(WIDTH, HEIGHT, 0, (DAY,))
    arranged, truth = stage.arrange(2.5), KnownDrive(WIDTH, HEIGHT).at(2.5)
    biggest = max(np.flatnonzero(truth.counts), key=lambda n: np.prod(truth.boxes[n, 2:] - truth.boxes[n, :2]))
    left, top, right, bottom = truth.boxes[biggest].astype(int)
    painted = stage.render(2.5)[0]
    faces = arranged.faces
    middle = np.array([(left + right) / 2, (top + bottom) / 2])

    def off(thing):
        corners = np.concatenate(outlines(faces, thing)) / 16
        return np.abs((corners.min(axis=0) + corners.max(axis=0)) / 2 - middle).sum()

    thing = min((n for n, kind in enumerate(faces.kinds) if kind == CAR and outlines(faces, n)), key=off)
    shown = [(is_thing, n) for is_thing, n in arranged.order if not (is_thing and n == thing)]
    stage.arrange = lambda _: type(arranged)(arranged.view, arranged.lights, faces, arranged.fronts, shown)
    changed = np.abs(stage.render(2.5)[0] - painted).max(axis=2) > 0.05
    rows, columns = np.nonzero(changed)
    assert changed[top:bottom, left:right].mean() > 0.5
    edges = np.percentile(columns, (1, 99)), np.percentile(rows, (1, 99))
    # its shadow is no part of it, but reaches out a little to the sides and below
    np.testing.assert_allclose(edges[0], (left, right), atol=0.1 * (right - left))
    np.testing.assert_allclose(edges[1], (top, bottom), atol=0.12 * (bottom - top))
