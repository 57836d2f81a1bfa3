"""NIQE, the quality of a photo without any reference: how far its statistics lie from those of pristine photos.

A. Mittal, R. Soundararajan, A. C. Bovik: "Making a completely blind image quality analyzer", IEEE Signal Processing
Letters 20(3), 2013. Lower is better; good photos have 2 to 5. The model of pristine photos is the published one
(niqe_parameters.md). As in the authors' MATLAB code, what is measured is the rounded Y of BT.601, and the second scale
is made by an antialiasing bicubic `imresize`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import convolve, correlate1d
from scipy.special import gamma

BLOCK = 96
SMALLEST_SIDE = 2 * BLOCK  # statistics of fewer than 2 x 2 blocks say nothing
Y_BGR = (24.966, 128.553, 65.481)  # BT.601 in studio range: black is 16, white 235
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
SHAPES = np.arange(0.2, 10.001, 0.001)  # the shape parameters that are tried


def niqe(bgr: np.ndarray) -> float | None:
    """Return the NIQE of a photo.

    Args:
        bgr: uint8 H x W x 3; what exceeds whole blocks of 96 x 96 at the right and at the bottom does not count.

    Returns:
        the distance, 0 or more; None where there is nothing to measure: a side below 192 pixels, or one flat colour.
    """
    rows, columns = bgr.shape[0] // BLOCK, bgr.shape[1] // BLOCK
    if min(bgr.shape[:2]) < SMALLEST_SIDE:
        return None
    whole = bgr[: rows * BLOCK, : columns * BLOCK]
    # In single precision what is flat comes out as exactly 0 below, and not as rounding errors of either sign.
    luma = np.round(whole @ (np.array(Y_BGR) / 255) + 16).astype(np.float32)
    features = np.hstack([block_features(luma, BLOCK), block_features(halve(luma), BLOCK // 2)])
    complete = features[~np.isnan(features).any(axis=1)]  # flat blocks have no statistics
    if len(complete) < 2:
        return None
    pristine_mean, pristine_covariance, _ = published()
    # The authors let a flat block take part in the means of those features that it has.
    apart = pristine_mean - np.nanmean(features, axis=0)
    spread = np.linalg.pinv((pristine_covariance + np.cov(complete, rowvar=False)) / 2)
    return float(np.sqrt(apart @ spread @ apart))


@cache
def published() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean (36) and covariance (36 x 36) of the features of pristine photos, and the Gaussian window (7 x 7)."""
    with np.load(Path(__file__).with_name("niqe_parameters.npz")) as file:
        return file["mu_pris_param"][0], file["cov_pris_param"], file["gaussian_window"]


def block_features(luma: np.ndarray, size: int) -> np.ndarray:
    """Return the 18 features of each block of size x size, shape blocks x 18, of a float32 picture H x W in 0..255."""
    blurred = _blur(luma)
    deviation = np.sqrt(np.abs(_blur(luma**2) - blurred**2))
    normal = ((luma - blurred) / (deviation + 1)).astype(np.float64)  # equation 1
    rows, columns = luma.shape[0] // size, luma.shape[1] // size
    blocks = normal.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size, size)
    shape, left, right = fit_asymmetric_gaussian(blocks)
    features = [shape, (left + right) / 2]
    for step in NEIGHBOURS:
        shape, left, right = fit_asymmetric_gaussian(blocks * np.roll(blocks, step, axis=(1, 2)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)  # equation 8
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def fit_asymmetric_gaussian(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit asymmetric generalised Gaussians to the values of blocks N x H x W by their moments (equation 7).

    Returns:
        shape, left and right scale, N each; the scales of a block without values on either side of 0 are NaN.
    """
    left, right = _side_deviation(blocks, blocks < 0), _side_deviation(blocks, blocks > 0)
    ratio = left / right
    with np.errstate(invalid="ignore"):
        peak = np.abs(blocks).mean(axis=(1, 2)) ** 2 / (blocks**2).mean(axis=(1, 2))
    peak = peak * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = np.interp(np.nan_to_num(peak, nan=-1), _peaks(), SHAPES).round(3)  # to the authors' steps
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def halve(luma: np.ndarray) -> np.ndarray:
    """Return a picture at half its (even) size, like MATLAB's imresize: bicubic (a = -0.5), widened to antialias."""
    distance = np.abs(np.arange(-3.5, 4)) / 2
    near, far = (1.5 * distance - 2.5) * distance**2 + 1, ((2.5 - 0.5 * distance) * distance - 4) * distance + 2
    taps = np.where(distance <= 1, near, far)
    for axis in (0, 1):
        luma = correlate1d(luma, taps / taps.sum(), axis=axis, mode="reflect", origin=-1)
    return luma[::2, ::2]


def _blur(picture: np.ndarray) -> np.ndarray:
    return convolve(picture, published()[2], mode="nearest")


def _side_deviation(blocks: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the root mean square of the values on one side of 0, NaN where there are none."""
    count = side.sum(axis=(1, 2))
    total = (blocks**2 * side).sum(axis=(1, 2))
    return np.sqrt(np.divide(total, count, out=np.full(len(blocks), np.nan), where=count > 0))


@cache
def _peaks() -> np.ndarray:
    """Return (E|x|)^2 / E(x^2) of a generalised Gaussian of each of SHAPES; it grows with the shape."""
    return gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
