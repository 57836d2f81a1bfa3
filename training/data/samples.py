"""Photos as training samples. A sample depends on the seed and its number alone, so that a run can be taken up exactly.

Kinds of samples, each with a share in the config:

    night         a normal photo under night light (`night.relight`); wanted is the photo with its light evened out,
                  blended with what raises the contrast of the dark picture
    underexposed  a normal photo in far too little light (`night.underexpose`); the photo itself is wanted
    day           a normal photo that should stay as it is
    dark          a real dark photo; what a teacher makes of it is wanted, or nothing is known (the published recipe)
    paired        a real dark photo with its well-lit twin
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from illumigan_model.errors import IllumiganError
from illumigan_model.frames.baselines import clahe
from illumigan_training.data.folders import Entry, Photo, list_images, load_photos
from illumigan_training.data.night_camera import Camera, Relit, expose, relight, underexpose
from illumigan_training.data.shared_photos import SharedPhotos
from illumigan_training.losses.detector_aware import BestScores, views
from illumigan_training.losses.teachers import open_teacher, raise_contrast

NOISE_LEFT = 0.35  # share of the noise that denoising leaves
KINDS = ("night", "underexposed", "day", "dark", "paired")


class Sample(NamedTuple):
    """What one step shows the networks; all pictures are float32 RGB in [0, 1], 3 x H x W.

    `dark` is what the camera delivers; `calm` is the same with most of its noise gone, as the denoising that precedes
    CurveGrid's curves leaves it; `wanted` is what the generator should make of it, where `has_wanted` is 1 and not 0;
    `source` is `dark` before its random darkening, whose features are to be preserved; `real` is what the
    discriminators take for a real photo; `seen` is what a detector can see in the view at its best, a score for each of
    its cells (`detector_aware.BestScores`), of shape (0,) where none is asked; `files` names the photos that went in.
    """

    dark: np.ndarray
    calm: np.ndarray
    wanted: np.ndarray
    has_wanted: np.float32
    source: np.ndarray
    real: np.ndarray
    seen: np.ndarray
    files: str


class Batch(NamedTuple):
    """Some samples, stacked: the fields of a `Sample` as tensors, and their files."""

    dark: Tensor
    calm: Tensor
    wanted: Tensor
    has_wanted: Tensor
    source: Tensor
    real: Tensor
    seen: Tensor
    files: tuple[str, ...]


def stack(samples: list[Sample]) -> Batch:
    """Return samples as one batch."""
    return Batch(*default_collate([tuple(sample) for sample in samples]))


@dataclass(frozen=True)
class Photos:
    """The photos of a training config: uint8 BGR, normal and dark ones unrelated, each of `low` with its `high`."""

    normal: Sequence[Photo]
    dark: Sequence[Photo]
    low: Sequence[Photo]
    high: Sequence[Photo]
    manifest: list[Entry]

    @property
    def epoch(self) -> int:
        """Samples of an epoch: the larger of the two unpaired sets, or the pairs, as EnlightenGAN's code counts."""
        return max(len(self.normal), len(self.dark), len(self.low))


def needed_sources(config: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the unpaired groups that the samples of a config need, "normal" and "dark", and the sources of pairs."""
    needed = {kind for kind, share in config["shares"].items() if share}
    unpaired = [group for group, kinds in (("normal", set(KINDS) - {"paired"}), ("dark", {"dark"})) if needed & kinds]
    return unpaired, config["paired"] if "paired" in needed else []


def require_photos(config: dict[str, Any]) -> None:
    """Raise IllumiganError where a folder of photos is missing or empty, before anything that takes time."""
    unpaired, pairs_of = needed_sources(config)
    halves = [{**source, "folder": source[half]} for source in pairs_of for half in ("low", "high")]
    for source in [*(source for group in unpaired for source in config[group]), *halves]:
        list_images(source, Path(config["root"]).expanduser())


def read_photos(config: dict[str, Any]) -> Photos:
    """Read the photos that a training config's samples need.

    Raises:
        IllumiganError: a folder is missing, or one that is needed has no photo that can be used.
    """
    root, crop = Path(config["root"]).expanduser(), tuple(config["crop"])
    unpaired, pairs_of = needed_sources(config)
    groups: dict[str, Sequence[Photo]] = {"normal": [], "dark": []}
    manifest: list[Entry] = []
    for group in unpaired:
        photos, entries = load_photos(config[group], root, group, crop)
        groups[group] = SharedPhotos(photos)
        manifest += entries
    pairs: list[tuple[Photo, Photo]] = []
    for source in pairs_of:
        halves = []
        for group in ("low", "high"):
            photos, entries = load_photos([{**source, "folder": source[group]}], root, group, crop, unique=False)
            halves.append(by_place(photos, root, root / source[group]))
            manifest += entries
        pairs += match(*halves)
    low, high = (SharedPhotos([pair[side] for pair in pairs]) for side in (0, 1))
    return Photos(groups["normal"], groups["dark"], low, high, manifest)


def by_place(photos: list[Photo], root: Path, folder: Path) -> dict[str, Photo]:
    """Return a folder's photos by their place in it, without the suffix: "night/0001" of folder/night/0001.png.

    Raises:
        IllumiganError: two photos have the same place, so that it is open which of them a twin belongs to.
    """
    places: dict[str, Photo] = {}
    for photo in photos:
        place = str((root / photo.name).relative_to(folder).with_suffix(""))
        if place in places:
            raise IllumiganError(
                f"{places[place].name} and {photo.name} differ in their suffix alone, so it is open which of them is "
                "half of a pair; rename or remove one."
            )
        places[place] = photo
    return places


def match(low: dict[str, Photo], high: dict[str, Photo]) -> list[tuple[Photo, Photo]]:
    """Return the photos of one source's two folders that have the same place in them, in pairs.

    Raises:
        IllumiganError: there are no pairs, or the two of a pair differ in size.
    """
    pairs = [(photo, high[place]) for place, photo in low.items() if place in high]
    if not pairs:
        first = next(iter(low.values())).name
        raise IllumiganError(f"No photo beside {first} has a well-lit twin of the same name; look at paired.")
    for dark, lit in pairs:
        if dark.pixels.shape != lit.pixels.shape:
            raise IllumiganError(f"{dark.name} and {lit.name} differ in size; a pair must show the same view.")
    return pairs


class SampleSet(Dataset[Sample]):
    """The samples of a training config by number, 0, 1, 2, ... without end."""

    def __init__(self, config: dict[str, Any], photos: Photos | None = None) -> None:
        """Open the config's teacher and detector, and then read its photos unless they are given.

        Raises:
            ModelError: the teacher or the detector cannot be loaded.
            IllumiganError: the photos cannot be read, see `read_photos`.
        """
        self.seed, self.crop, self.zoom = config["seed"], tuple(config["crop"]), config["zoom"]
        self.kinds, self.shares = list(config["shares"]), list(config["shares"].values())
        self.swap_colours, self.darken, self.real = config["swap_colours"], config["darken"], config["real"]
        self.teacher, self.asked = config["teacher"], config["detector"] if config["weights"]["detector"] else None
        self._open_networks()
        self.photos = photos or read_photos(config)

    def _open_networks(self) -> None:
        self.teach: Callable[[np.ndarray], np.ndarray] | None = open_teacher(self.teacher)
        self.detector = None if self.asked is None else BestScores(self.asked, self.crop)

    def __getstate__(self) -> dict[str, Any]:
        """Leave teacher and detector behind on the way to a worker process: they are loaded there anew."""
        return {**self.__dict__, "teach": None, "detector": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_networks()

    def __getitem__(self, number: int) -> Sample:
        """Return a sample; the same number always gives the same one."""
        sample = self._draw(np.random.default_rng([self.seed, number]))
        if self.detector is None:
            return sample
        pictures = views(levels(sample.source))
        if sample.has_wanted:
            pictures.append(levels(sample.wanted))
        return sample._replace(seen=self.detector(pictures))

    def _draw(self, rng: np.random.Generator) -> Sample:
        """Return a random sample, without what a detector can see in it."""
        kind = str(rng.choice(self.kinds, p=self.shares))
        if kind == "paired":
            index = int(rng.integers(len(self.photos.low)))
            low, high = self.photos.low[index], self.photos.high[index]
            dim, lit = self._views([low, high], rng)
            return self._sample(self._darkened(dim, rng), dim, lit, rng, f"{low.name} {high.name}")
        pool = self.photos.dark if kind == "dark" else self.photos.normal
        photo = pool[int(rng.integers(len(pool)))]
        view = self._views([photo], rng)[0]
        if kind == "dark":
            dark = self._darkened(view, rng)
            taught = None if self.teach is None else self.teach(levels(planes(dark)))
            return self._sample(dark, view, taught, rng, photo.name)
        if kind == "day":
            return self._sample(colours(view), view, view, rng, photo.name)
        camera = Camera.sample(rng)
        relit = (relight if kind == "night" else underexpose)(view, camera, rng)
        return self._shot(kind, relit, camera, rng, photo.name)

    def _views(self, photos: list[Photo], rng: np.random.Generator) -> list[np.ndarray]:
        """Return the same random view of some photos of one size: uint8 BGR; colours sometimes change places.

        They do so that no camera's cast and no single colour of lamp is learnt by heart.
        """
        views = random_crop([photo.pixels for photo in photos], self.crop, self.zoom, rng)
        if rng.random() < self.swap_colours:
            order = rng.permutation(3)
            views = [np.ascontiguousarray(view[:, :, order]) for view in views]
        return views

    def _darkened(self, view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return RGB in [0, 1], H x W x 3, divided by a random number in some of the cases, as EnlightenGAN does."""
        divide = rng.random() < self.darken["chance"]
        divisor = rng.uniform(self.darken["least"], self.darken["most"])
        return colours(view) / np.float32(divisor if divide else 1)

    def _shot(self, kind: str, relit: Relit, camera: Camera, rng: np.random.Generator, files: str) -> Sample:
        """Return the sample of a scene that the camera takes a picture of."""
        shot = expose(relit.radiance, camera, rng)
        still = expose(relit.radiance, replace(camera, shot=0.0, read=0.0, jpeg=0), rng)
        wanted = (255 * relit.wanted[:, :, ::-1]).astype(np.uint8)
        if kind == "night":  # even light alone looks hazy; half of what is wanted is the local contrast there is
            wanted = np.asarray(cv2.addWeighted(clahe(wanted, clip=1.5), 0.5, raise_contrast(still), 0.5, 0), np.uint8)
        dark = colours(shot)
        sample = self._sample(dark, shot, wanted, rng, files)
        return sample._replace(calm=planes(NOISE_LEFT * dark + (1 - NOISE_LEFT) * colours(still)))

    def _sample(
        self, dark: np.ndarray, source: np.ndarray, wanted: np.ndarray | None, rng: np.random.Generator, files: str
    ) -> Sample:
        """Put a sample together from `dark` in RGB, [0, 1], and uint8 BGR photos."""
        goal = source if wanted is None else wanted
        real = goal
        if self.real == "normal" and self.photos.normal:
            real = self._views([self.photos.normal[int(rng.integers(len(self.photos.normal)))]], rng)[0]
        return Sample(
            dark=planes(dark),
            calm=planes(dark),
            wanted=planes(colours(goal)),
            has_wanted=np.float32(wanted is not None),
            source=planes(colours(source)),
            real=planes(colours(real)),
            seen=np.zeros(0, np.float32),
            files=files,
        )


class Numbers:
    """The numbers of the samples that one of several processes draws, for steps first..last; a DataLoader's sampler.

    Together the processes draw the numbers step * batch ... (step + 1) * batch - 1 in each step.
    """

    def __init__(self, first: int, last: int, batch: int, rank: int = 0, processes: int = 1) -> None:
        self.steps, self.batch, self.rank, self.processes = range(first, last), batch, rank, processes

    def __iter__(self) -> Iterator[int]:
        for step in self.steps:
            yield from range(step * self.batch + self.rank, (step + 1) * self.batch, self.processes)

    def __len__(self) -> int:
        return len(self.steps) * (self.batch // self.processes)


def random_crop(
    photos: list[np.ndarray], crop_wh: tuple[int, int], zoom: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the same random view of photos of one size, flipped half of the time.

    Args:
        photos: uint8, H x W x 3, all of one size, at least as large as the crop.
        crop_wh: width and height of the views.
        zoom: the view takes in 1 to this many times the crop, where the photo is large enough, and is scaled down.
        rng: source of the place, the scale and the flip.
    """
    width, height = crop_wh
    tall, wide = photos[0].shape[:2]
    scale = rng.uniform(1.0, max(min(wide / width, tall / height, zoom), 1.0))
    cut_w, cut_h = int(width * scale), int(height * scale)
    x, y = int(rng.integers(0, wide - cut_w + 1)), int(rng.integers(0, tall - cut_h + 1))
    step = -1 if rng.random() < 0.5 else 1
    cuts = [photo[y : y + cut_h, x : x + cut_w][:, ::step] for photo in photos]
    return [cv2.resize(cut, crop_wh, interpolation=cv2.INTER_AREA) for cut in cuts]


def colours(bgr: np.ndarray) -> np.ndarray:
    """Turn uint8 BGR into float32 RGB in [0, 1], H x W x 3."""
    return bgr[:, :, ::-1].astype(np.float32) / 255


def planes(rgb: np.ndarray) -> np.ndarray:
    """Turn H x W x 3 into 3 x H x W, float32."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1), dtype=np.float32)


def levels(rgb: np.ndarray) -> np.ndarray:
    """Turn float RGB in [0, 1], 3 x H x W, into uint8 BGR, H x W x 3."""
    return np.ascontiguousarray(np.rint(255 * np.clip(rgb, 0, 1)).astype(np.uint8)[::-1].transpose(1, 2, 0))
