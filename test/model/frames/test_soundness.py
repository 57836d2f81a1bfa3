import numpy as np
import pytest

from illumigan_model.errors import ModelError
from illumigan_model.frames import curves
from illumigan_model.frames.soundness import lights, require_curves, require_light


@pytest.fixture
def grid():
    """Curves that change nothing."""
    made = np.zeros((25, 9, 16), np.float32)
    made[:-1] = curves.IDENTITY
    return made


def test_curves_from_black_to_white_pass_in_half_precision_too(grid):
    require_curves(grid)
    require_curves(grid.astype(np.float16) * np.float16(0.999))


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -1.0, 7.0, 1e38])
def test_one_value_that_no_curve_has_is_refused(grid, nonsense):
    grid[11, 4, 7] = nonsense
    with pytest.raises(ModelError, match="The network answered with"):
        require_curves(grid)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_tile_whose_curve_is_flat_is_refused(grid, value):
    grid[8:16, 4, 7] = value
    with pytest.raises(ModelError, match="do not run from black to white"):
        require_curves(grid)


def test_another_shape_is_refused():
    with pytest.raises(ModelError, match="no grid of curves"):
        require_curves(np.zeros((3, 72, 128), np.float32))


@pytest.mark.parametrize("width,height", [(16, 16), (640, 360), (37, 1000)])
def test_a_result_is_refused_that_is_black_where_its_frame_is_not(width, height):
    frame = np.full((height, width, 3), 12, np.uint8)
    half = frame.copy()
    half[:, : width // 2] = 0
    require_light(lights(frame), lights(frame // 2))
    require_light(lights(half), lights(half))
    require_light(lights(frame // 12), lights(0 * frame))  # as good as black
    for black in (0 * frame, half):
        with pytest.raises(ModelError, match="black where the frame is not"):
            require_light(lights(frame), lights(black))
