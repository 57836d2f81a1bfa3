"""Measure models against paired photos: PSNR and SSIM to the well-lit one, next to classical baselines.

PSNR and SSIM are scikit-image's, on uint8 colour images, without any alignment of brightness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from illumigan_model.attention import luminance_u8
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError
from illumigan_model.photos import PHOTO_SUFFIXES, read_photo
from illumigan_training.data import clahe

Method = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Score:
    """Means over all pairs: PSNR in dB, SSIM (at most 1), mean luminance of the results in [0, 1]."""

    method: str
    psnr: float
    ssim: float
    luma: float


def auto_gamma(bgr: np.ndarray) -> np.ndarray:
    """Return a photo with the gamma that brings its mean luminance to 0.45; the honest baseline."""
    luma = float(np.clip(luminance_u8(bgr).mean() / 255, 0.01, 0.99))
    gamma = np.log(0.45) / np.log(luma)
    return cv2.LUT(bgr, (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8))


def find_pairs(low: Path, high: Path) -> list[tuple[Path, Path]]:
    """Return the photos of both folders that share a name, whatever their suffix.

    Raises:
        IllumiganError: there are none.
    """
    well_lit = {path.stem: path for path in sorted(high.glob("*")) if path.suffix.lower() in PHOTO_SUFFIXES}
    dark = [path for path in sorted(low.glob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    pairs = [(path, well_lit[path.stem]) for path in dark if path.stem in well_lit]
    if not pairs:
        raise IllumiganError(f"No photo of {low} has one of the same name in {high}; give two folders of pairs.")
    return pairs


def evaluate(models: Iterable[str], low: Path, high: Path) -> list[Score]:
    """Score the input itself, auto-gamma, CLAHE and some models on pairs of photos.

    Args:
        models: names of shipped models or paths of weights files.
        low: folder of dark photos.
        high: folder of the same photos, well lit, under the same names.

    Raises:
        IllumiganError: there are no pairs, or a pair differs in size.
        ModelError: a model cannot be loaded.
    """
    pairs = find_pairs(low, high)
    methods: dict[str, Method] = {"input": np.copy, "auto-gamma": auto_gamma, "CLAHE on L": clahe}
    for model in models:
        methods[model] = still(Enhancer(model, temporal=False))
    return [score(name, method, pairs) for name, method in methods.items()]


def still(enhancer: Enhancer) -> Method:
    """Return an Enhancer as a function from photo to photo."""
    return lambda bgr: enhancer.enhance(bgr).image


def score(name: str, method: Method, pairs: list[tuple[Path, Path]]) -> Score:
    """Score one method on pairs of files."""
    rows = []
    for low, high in track(pairs, description=name, transient=True):
        dark, wanted = read_photo(low), read_photo(high)
        if dark.shape != wanted.shape:
            raise IllumiganError(f"{low} and {high} differ in size; pairs must show the same view.")
        made = method(dark)
        psnr = peak_signal_noise_ratio(wanted, made)
        rows.append((psnr, structural_similarity(wanted, made, channel_axis=2), luminance_u8(made).mean() / 255))
    return Score(name, *(float(column) for column in np.mean(rows, axis=0)))
