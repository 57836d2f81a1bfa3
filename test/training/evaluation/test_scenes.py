"""What is measured on made scenes, with methods whose faults are known."""

import numpy as np
import pytest
from support.commands import illumigan

from illumigan_training.evaluation.scenes import RAMPS, UNLIT, bands, measure_scenes, ramp, tint, wall


def test_a_method_that_changes_nothing_has_no_faults():
    numbers = measure_scenes(np.copy)
    assert numbers["bands"] == numbers["tint"] == 0
    assert numbers["unlit"] == numbers["lamp lit"] == pytest.approx(8, abs=2)
    assert numbers["drive / 8"] > 1.9 * numbers["drive / 16"] > 0


def test_the_lamp_lights_the_half_of_the_wall_that_it_is_on():
    dark, lit = wall(lit=False).astype(int), wall(lit=True).astype(int)
    assert lit.max() == 255 and dark.max() <= 12
    assert (lit >= dark).all() and (lit != dark).mean() > 0.1
    np.testing.assert_array_equal(lit[:, UNLIT], dark[:, UNLIT])


def test_bands_are_as_deep_as_the_rising_grey_falls():
    falls = ramp(40) + np.uint8(50)
    falls[:, 300:340] -= 7
    assert bands(falls) == pytest.approx(7)
    assert bands(ramp(40)) == 0


def test_a_tint_is_how_far_a_colour_lies_from_grey():
    red = ramp(40) + np.uint8(50)
    red[:, 100:140, 2] += 9
    assert tint(red) == pytest.approx(6)


def test_a_method_that_looks_at_the_whole_picture_darkens_the_wall_beside_a_lamp():
    numbers = measure_scenes(lambda bgr: (bgr * (60 / max(bgr.mean(), 1))).clip(0, 255).astype(np.uint8))
    assert numbers["lamp lit"] < 0.9 * numbers["unlit"]
    assert len(RAMPS) > 1


def test_the_command_prints_a_row_for_each_method():
    lines = illumigan("evaluate-scenes", "--model", "curve_grid_detect").splitlines()
    rows = {line.split()[0]: line.split()[-7:] for line in lines if line.strip() and line.split()[-1][0].isdigit()}
    assert {"input", "auto-gamma", "CLAHE", "curve_grid_detect"} <= set(rows)
    assert float(rows["input"][0]) == 0
    raw, lifted = (float(rows[name][-1]) for name in ("input", "curve_grid_detect"))
    assert lifted > raw + 5
    assert "no_such_model" in illumigan("evaluate-scenes", "--model", "no_such_model", code=2)
