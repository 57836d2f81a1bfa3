"""Folders of photos as training samples.

A source is a folder, optionally narrowed by a CSV with one row an image (`csv`, `where: column=value`) and by a range
of mean luminance (`luma: [low, high]`, in [0, 1]); so one folder of mixed frames serves as both dark and normal
photos. Images are kept in memory as uint8, reduced to at most twice the crop.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track
from torch.utils.data import IterableDataset, get_worker_info

from illumigan_model.attention import luminance_u8
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.photos import PHOTO_SUFFIXES, read_photo
from illumigan_training.night import Camera, expose, relight

SMALLEST_SIDE = 32
CROP_WH = (256, 144)  # the size of the thumbnail, so that a step is cheap


@dataclass(frozen=True)
class Sample:
    """One training pair: `dark` is what the camera delivers, `wanted` what the generator should make of it.

    `calm` is `dark` with most of its noise gone, as the denoising that precedes the curves leaves it. All three are
    float32 RGB in [0, 1], 3 x 144 x 256. `kind` says where the pair comes from: "relit" (a day photo under
    night light), "day" (a bright photo that should stay as it is) or "dark" (a real dark photo after CLAHE).
    """

    dark: np.ndarray
    calm: np.ndarray
    wanted: np.ndarray
    kind: str


NOISE_LEFT = 0.35  # share of the noise that denoising leaves


def list_images(source: dict[str, Any], root: Path) -> list[Path]:
    """Return the image files of one source, sorted; its folder and CSV lie in the root folder.

    Raises:
        IllumiganError: the folder is missing or nothing in it matches.
    """
    folder = root / source["folder"]
    if not folder.is_dir():
        raise IllumiganError(f"{folder} is not a folder; set root, and the folders of the training config in it.")
    chosen = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    if "csv" in source:
        column, value = source["where"].split("=")
        with (root / source["csv"]).open(newline="") as table:
            names = {row["image"] for row in csv.DictReader(table) if row[column] == value}
        chosen = [path for path in chosen if path.name in names]
    if not chosen:
        raise IllumiganError(f"No image in {folder} matches {source}; look at the source's csv, where and folder.")
    return chosen


def load_photos(sources: Iterable[dict[str, Any]], root: Path) -> list[np.ndarray]:
    """Load the photos of several sources as uint8 BGR, each at least as large as the crop and at most twice that.

    What is unreadable or tiny is left out and named on standard output; what is too dark or bright (see `luma`) is
    left out.

    Raises:
        IllumiganError: no photo is left.
    """
    photos: list[np.ndarray] = []
    for source in sources:
        low, high = source.get("luma", (0.0, 1.0))
        paths, before = list_images(source, root), len(photos)
        for path in track(paths, description=f"reading {source['folder']}", transient=True):
            try:
                photo = read_photo(path)
            except FrameError as error:
                print(f"left out: {error}")
                continue
            if min(photo.shape[:2]) < SMALLEST_SIDE:
                print(f"left out: {path} is smaller than {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels.")
                continue
            photo = fit(photo)
            if low <= luminance_u8(photo).mean() / 255 <= high:
                photos.append(photo)
        print(f"{source['folder']}: {len(photos) - before} of {len(paths)} photos, mean luminance {low} to {high}")
    if not photos:
        raise IllumiganError("No photo is left after the luma rules of the training config; widen them.")
    return photos


def fit(photo: np.ndarray) -> np.ndarray:
    """Scale a photo so that the crop fits inside it once, at most twice."""
    width, height = CROP_WH
    scale = max(width / photo.shape[1], height / photo.shape[0])
    scale = min(1.0, 2 * scale) if scale < 1 else scale
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def random_crop(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random 256 x 144 view of a photo at a random scale, flipped half of the time."""
    width, height = CROP_WH
    largest = min(photo.shape[1] / width, photo.shape[0] / height)
    scale = rng.uniform(1.0, max(largest, 1.0))
    cut_w, cut_h = int(width * scale), int(height * scale)
    x = int(rng.integers(0, photo.shape[1] - cut_w + 1))
    y = int(rng.integers(0, photo.shape[0] - cut_h + 1))
    crop = photo[y : y + cut_h, x : x + cut_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)


def clahe(bgr: np.ndarray, clip: float = 3.0, tiles: int = 8) -> np.ndarray:
    """Equalise the L of Lab by tiles (Zuiderveld 1994): the classical enhancer that detectors like best."""
    lab = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)
    lab[:, :, 0] = cv2.createCLAHE(clip, (tiles, tiles)).apply(np.ascontiguousarray(lab[:, :, 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)


def draw_samples(
    normal: list[np.ndarray], dark: list[np.ndarray], shares: dict[str, float], seed: int
) -> Iterator[Sample]:
    """Draw samples for ever.

    Args:
        normal: day photos, uint8 BGR.
        dark: real dark photos, uint8 BGR; may be empty when the share of "dark" is 0.
        shares: how often each kind of sample comes ("relit", "day", "dark"); they add up to 1.
        seed: makes the sequence repeatable.
    """
    rng = np.random.default_rng(seed)
    kinds, weights = list(shares), list(shares.values())
    while True:
        kind = str(rng.choice(kinds, p=weights))
        pool = dark if kind == "dark" else normal
        photo = random_crop(pool[int(rng.integers(len(pool)))], rng)
        # Colours change places, so that no camera's cast and no single colour of lamp is learnt by heart.
        if rng.random() < 0.5:
            photo = np.ascontiguousarray(photo[:, :, rng.permutation(3)])
        if kind == "relit":
            yield relit_sample(photo, rng)
        elif kind == "dark":
            photo = cv2.convertScaleAbs(photo, alpha=float(rng.uniform(0.5, 1.0)))
            yield Sample(planes(photo), planes(photo), planes(clahe(photo)), kind)
        else:
            yield Sample(planes(photo), planes(photo), planes(photo), kind)


class SampleStream(IterableDataset[Sample]):
    """The samples of a training config, for a DataLoader; every worker draws its own, by the seed and its number."""

    def __init__(self, config: dict[str, Any], start: int) -> None:
        """Load the photos; `start` (the step that training begins with) makes a resumed run draw new samples."""
        super().__init__()
        root = Path(config["root"]).expanduser()
        self.normal = load_photos(config["normal"], root)
        self.dark = load_photos(config["dark"], root) if config["shares"].get("dark") else []
        self.shares, self.seed = config["shares"], config["seed"] + start

    def __iter__(self) -> Iterator[Sample]:
        """Draw samples for ever."""
        worker = get_worker_info()
        cv2.setNumThreads(1)
        number = worker.id if worker else 0
        return draw_samples(self.normal, self.dark, self.shares, self.seed + 100_003 * number)


def relit_sample(photo: np.ndarray, rng: np.random.Generator) -> Sample:
    """Return the pair that the night camera model makes of a day photo."""
    camera = Camera.sample(rng)
    scene = relight(photo, camera, rng)
    dark = planes(expose(scene.radiance, camera, rng))
    still = planes(expose(scene.radiance, replace(camera, shot=0.0, read=0.0, jpeg=0), rng))
    wanted = scene.wanted
    if scene.lamps:  # at night, local contrast is worth more than true shades
        levels = (255 * wanted[:, :, ::-1]).astype(np.uint8)
        wanted = clahe(levels, clip=1.5)[:, :, ::-1].astype(np.float32) / 255
    calm = NOISE_LEFT * dark + (1 - NOISE_LEFT) * still
    return Sample(dark, calm, np.ascontiguousarray(wanted.transpose(2, 0, 1)), "relit")


def planes(bgr: np.ndarray) -> np.ndarray:
    """Turn uint8 BGR H x W x 3 into float32 RGB 3 x H x W in [0, 1]."""
    return np.ascontiguousarray(bgr[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32) / 255
