import cv2
import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from illumigan_model.errors import IllumiganError
from illumigan_training.evaluate import auto_gamma, evaluate


@pytest.fixture
def pairs(tmp_path):
    low, high = tmp_path / "low", tmp_path / "high"
    low.mkdir()
    high.mkdir()
    for name in ("coffee", "chelsea"):
        photo = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(high / f"{name}.png"), photo)
        cv2.imwrite(str(low / f"{name}.png"), (255 * (photo / 255) ** 2.2 / 4).astype(np.uint8))
    return low, high


def test_models_are_scored_next_to_the_baselines(pairs):
    scores = {score.method: score for score in evaluate(["curve_grid"], *pairs)}
    assert list(scores) == ["input", "auto-gamma", "CLAHE on L", "curve_grid"]
    wanted = np.mean(
        [
            peak_signal_noise_ratio(cv2.imread(str(pairs[1] / name)), cv2.imread(str(pairs[0] / name)))
            for name in ("chelsea.png", "coffee.png")
        ]
    )
    assert scores["input"].psnr == pytest.approx(wanted)
    assert scores["curve_grid"].psnr > scores["input"].psnr + 1
    assert scores["curve_grid"].ssim > scores["input"].ssim


def test_auto_gamma_reaches_a_middle_grey():
    assert auto_gamma(np.full((20, 20, 3), 10, np.uint8)).mean() == pytest.approx(0.45 * 255, abs=2)


def test_folders_without_pairs_and_pairs_that_differ_are_named(pairs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(IllumiganError, match="No photo of"):
        evaluate([], tmp_path / "empty", pairs[1])
    cv2.imwrite(str(pairs[0] / "coffee.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(IllumiganError, match="differ in size"):
        evaluate([], *pairs)
