import cv2
import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from illumigan_model.attention import luminance_u8, mean_luma
from illumigan_training.evaluation import metrics
from illumigan_training.evaluation.niqe import niqe
from illumigan_training.losses.features import FeatureNetwork


def photo(name):
    return cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)


def plain(*bgr, shape=(32, 32)):
    return np.full((*shape, 3), bgr, np.uint8)


# What basicsr 1.4.2 gives: calculate_niqe(bgr, crop_border=0); the photo as it is, and divided by 8.
@pytest.mark.parametrize(
    ("name", "bright", "dark"),
    [
        ("astronaut", 3.0649, 5.4739),
        ("chelsea", 2.6255, 6.9175),
        ("coffee", 4.1152, 7.9593),
        ("rocket", 6.9692, 14.174),
    ],
)
def test_niqe_agrees_with_the_well_known_implementation(name, bright, dark):
    assert niqe(photo(name)) == pytest.approx(bright, abs=0.005)
    assert niqe(photo(name) // 8) == pytest.approx(dark, abs=0.02)


def test_niqe_looks_at_whole_blocks_only():
    coffee = photo("coffee")
    assert niqe(coffee) == niqe(coffee[:384, :576])


def test_niqe_finds_noise_and_flat_blocks_worse():
    chelsea = photo("chelsea")
    noise = np.random.default_rng(0).normal(0, 25, chelsea.shape)
    assert niqe(np.clip(chelsea + noise, 0, 255).astype(np.uint8)) > niqe(chelsea) + 1
    with_bar = chelsea.copy()
    with_bar[:100] = 0
    assert niqe(chelsea) + 1 < niqe(with_bar) < 100


def test_niqe_says_nothing_about_small_and_flat_pictures():
    astronaut = photo("astronaut")
    assert niqe(astronaut[:191]) is None
    assert niqe(astronaut[:, :191]) is None
    assert niqe(astronaut[:192, :192]) is not None
    assert niqe(plain(20, 40, 60, shape=(400, 400))) is None


def test_psnr_and_ssim_are_those_of_the_definition():
    made, truth = plain(60, 60, 60), plain(70, 70, 70)
    assert metrics.psnr(made, truth) == pytest.approx(20 * np.log10(255 / 10))
    steady = (0.01 * 255) ** 2  # of plain pictures only the luminance term is left
    assert metrics.ssim(made, truth) == pytest.approx((2 * 60 * 70 + steady) / (60**2 + 70**2 + steady))
    assert (metrics.psnr(made, made), metrics.ssim(made, made)) == (np.inf, 1)


def test_psnr_and_ssim_agree_with_scikit_image_in_every_order_of_colours():
    truth = photo("chelsea")
    made = cv2.GaussianBlur(truth, (5, 5), 2) // 2
    rgb = truth[..., ::-1], made[..., ::-1]
    assert metrics.psnr(made, truth) == pytest.approx(peak_signal_noise_ratio(*rgb), abs=1e-3)
    assert metrics.ssim(made, truth) == pytest.approx(structural_similarity(*rgb, channel_axis=2), abs=1e-3)


def test_mean_luma_is_the_mean_of_the_luminance():
    assert mean_luma(plain(255, 0, 0)) == pytest.approx(0.114)
    astronaut = photo("astronaut")
    assert mean_luma(astronaut) == pytest.approx(luminance_u8(astronaut).mean() / 255, abs=1e-3)


def test_gt_mean_scales_to_the_luminance_of_the_truth():
    # Blue of 100 has the luminance 11.4, red of 76 has 22.7: a factor of 1.993.
    assert (metrics.align_mean(plain(100, 0, 0), plain(0, 0, 76)) == (199, 0, 0)).all()
    assert (metrics.align_mean(plain(200, 100, 50), plain(255, 255, 255))[0, 0] == (255, 255, 132)).all()
    assert (metrics.align_mean(plain(0, 0, 0), plain(90, 90, 90)) == 0).all()


def test_gt_mean_forgives_brightness_and_nothing_else():
    truth = photo("chelsea") // 2
    darker = metrics.measure(truth, truth // 3, truth)
    assert darker["psnr"] < 16 < 45 < darker["psnr_gt_mean"]
    assert darker["ssim"] < 0.8 < 0.98 < darker["ssim_gt_mean"]
    tinted = metrics.measure(truth, np.clip(truth * (0.6, 1.0, 1.3), 0, 255).astype(np.uint8), truth)
    assert tinted["psnr_gt_mean"] < 25


def test_a_photo_without_truth_is_compared_with_itself():
    chelsea = photo("chelsea")
    as_it_was = metrics.measure(chelsea, chelsea.copy())
    assert (as_it_was["change"], as_it_was["unchanged"]) == (np.inf, 1)
    assert as_it_was["luma_in"] == as_it_was["luma_out"] == mean_luma(chelsea)
    brighter = metrics.measure(chelsea, cv2.add(chelsea, 4))
    assert (brighter["change"], brighter["unchanged"]) == (pytest.approx(20 * np.log10(255 / 4), abs=2), 0)
    assert brighter["luma_out"] > brighter["luma_in"]
    assert "psnr" not in brighter


def test_what_cannot_be_measured_is_not_there():
    small = photo("chelsea")[:100, :100]
    assert not {"niqe", "vgg"} & set(metrics.measure(small, small, small))


def test_the_feature_distance_is_to_the_truth_or_else_to_the_input():
    torch.manual_seed(0)
    network = FeatureNetwork("vgg16_light", "caffe")
    dark, truth = photo("chelsea")[:64, :64] // 4, photo("chelsea")[:64, :64]
    assert metrics.measure(dark, truth, truth, network)["vgg"] == 0
    assert metrics.measure(dark, dark, None, network)["vgg"] == 0
    assert metrics.measure(dark, dark, truth, network)["vgg"] > 0
