"""What an enhanced photo is measured by, all on uint8 BGR photos H x W x 3 (the order of colours changes no number).

PSNR and SSIM (Wang et al. 2004) are scikit-image's, over all three colours; SSIM with its default window, 7 x 7 and
uniform, the mean over the colours. GT-mean is the convention of KinD (Zhang et al. 2019) and LLFlow (Wang et al. 2022,
arXiv 2109.05923): the result is first scaled to the mean luminance of the ground truth. It tells what a method does
apart from how bright it makes things, and must be named wherever it is used, for it looks at the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from illumigan_model.attention import mean_luma
from illumigan_training.evaluation.niqe import niqe

if TYPE_CHECKING:
    from illumigan_training.losses.features import FeatureNetwork


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, infinite for equal photos."""
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(truth, made))


def ssim(made: np.ndarray, truth: np.ndarray) -> float:
    """Return the structural similarity, at most 1; sides must be at least 7 pixels."""
    return float(structural_similarity(truth, made, channel_axis=2))


def align_mean(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return a photo scaled so that its mean luminance is that of the truth, but for what is clipped at white.

    A black photo stays black.
    """
    factor = mean_luma(truth) / (mean_luma(made) or 1.0)
    return np.clip(np.round(made * factor), 0, 255).astype(np.uint8)


def vgg_distance(features: FeatureNetwork, made: np.ndarray, other: np.ndarray) -> float:
    """Return how far the content of two photos lies apart: the feature distance that EnlightenGAN trains with."""
    import torch

    from illumigan_model.frames.given import as_planes
    from illumigan_training.losses.adversarial import feature_distance

    with torch.no_grad():
        return float(feature_distance(features, *(torch.from_numpy(as_planes(bgr)) for bgr in (made, other))))


def measure(
    photo: np.ndarray, made: np.ndarray, truth: np.ndarray | None = None, features: FeatureNetwork | None = None
) -> dict[str, float]:
    """Measure what was made of a photo.

    Args:
        photo: the input.
        made: the result, of the same size.
        truth: the same view, well lit.
        features: the network behind the feature distance; without one it is not measured.

    Returns:
        numbers by name: "luma_in", "luma_out", "change" (PSNR to the input in dB, infinite if nothing changed),
        "unchanged" (1 if nothing changed, otherwise 0); with a truth "psnr", "ssim", "psnr_gt_mean", "ssim_gt_mean";
        where it can be measured "niqe"; with features "vgg", the distance to the truth or else to the input.
    """
    change = psnr(made, photo)
    values = {"luma_in": mean_luma(photo), "luma_out": mean_luma(made)}
    values |= {"change": change, "unchanged": float(np.isinf(change))}
    if truth is not None:
        aligned = align_mean(made, truth)
        values |= {"psnr": psnr(made, truth), "ssim": ssim(made, truth)}
        values |= {"psnr_gt_mean": psnr(aligned, truth), "ssim_gt_mean": ssim(aligned, truth)}
    quality = niqe(made)
    if quality is not None:
        values["niqe"] = quality
    if features is not None:
        values["vgg"] = vgg_distance(features, made, photo if truth is None else truth)
    return values
