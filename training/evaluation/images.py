"""Measure models on folders of photos, next to the input, classical baselines and, where there is one, the truth.

Every number is of the same photos for every method: what one of them cannot use is left out for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.frames import baselines as classical
from illumigan_model.frames.given import check_frame
from illumigan_model.photos import PHOTO_SUFFIXES, read_photo
from illumigan_model.report import require_enhanced
from illumigan_training.evaluation.metrics import measure
from illumigan_training.runs import differing, run_settings, run_weights

if TYPE_CHECKING:
    from illumigan_training.losses.features import FeatureNetwork

INPUT, TRUTH = "input", "truth"
BASELINES = tuple(classical.BASELINES)
SHEET_ROWS, SHEET_WIDTH = 6, 480

Method = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class EvaluatedPhoto:
    """The file of a photo to enhance and, where there is one, that of the same view well lit."""

    path: Path
    truth: Path | None = None


@dataclass(frozen=True)
class Contender:
    """A method that is measured.

    `runtime` says what runs a model, and is empty for the input and the baselines; `settings` are those of its
    training in which the compared runs differ.
    """

    name: str
    method: Method
    runtime: str = ""
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """What a method made of one photo, in numbers by name: those of `metrics.measure`, and "ms" of its call."""

    method: str
    photo: str
    values: dict[str, float]


@dataclass
class Evaluation:
    """What came out.

    `sizes` are (width, height) of the photos that count; `left_out` has a sentence for each photo that does not.
    `pictures` are some photos' names with small pictures: the input, what each model made of it, the truth.
    """

    contenders: Sequence[Contender]
    scores: list[Score] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    pictures: list[tuple[str, list[np.ndarray]]] = field(default_factory=list)

    @property
    def models(self) -> list[Contender]:
        """The contenders that are neither the input nor a baseline."""
        return [contender for contender in self.contenders if contender.runtime]


def still(enhancer: Enhancer) -> Method:
    """Return an Enhancer as a function from photo to photo, none of which knows of another.

    It raises ModelError where enhancing fails.
    """

    def enhance(bgr: np.ndarray) -> np.ndarray:
        enhancer.reset()
        return require_enhanced(enhancer.enhance(bgr)).image

    return enhance


def find_photos(data: Path, truth: Path | None = None) -> tuple[list[EvaluatedPhoto], list[Path]]:
    """Find the photos to measure.

    Args:
        data: folder of photos; or, without `truth`, one with the folders low and high in it, as LOL has them.
        truth: folder of the same photos, well lit, under the same names, whatever their suffix.

    Returns:
        the photos, and those that have no partner in the folder of the truth.

    Raises:
        IllumiganError: a folder is missing, or there are no photos or no pairs.
    """
    if truth is None and (data / "low").is_dir() and (data / "high").is_dir():
        data, truth = data / "low", data / "high"
    paths = photos_in(data)
    if truth is None:
        return [EvaluatedPhoto(path) for path in paths], []
    partners = {path.stem: path for path in photos_in(truth)}
    pairs = [EvaluatedPhoto(path, partners[path.stem]) for path in paths if path.stem in partners]
    if not pairs:
        raise IllumiganError(f"No photo of {data} has one of the same name in {truth}; give two folders of pairs.")
    return pairs, [path for path in paths if path.stem not in partners]


def photos_in(folder: Path) -> list[Path]:
    """Return the photos of a folder, sorted; raises IllumiganError if there are none."""
    if not folder.is_dir():
        raise IllumiganError(f"There is no folder {folder}.")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    if not found:
        raise IllumiganError(f"{folder} holds no photos ({', '.join(PHOTO_SUFFIXES)}).")
    return found


@contextmanager
def open_contenders(
    models: Sequence[str],
    runs: Sequence[Path] = (),
    *,
    baselines: bool = True,
    daylight_gate: bool = True,
    of_stream: bool = False,
    runtime: str = "auto",
) -> Iterator[list[Contender]]:
    """Load what is to be compared: the input, the baselines, models, training runs.

    Args:
        models: names of shipped models or paths of weights files.
        runs: folders of training runs.
        baselines: have auto-gamma and CLAHE on L among them.
        daylight_gate: let bright photos pass the models unchanged, as an Enhancer does unless told otherwise.
        of_stream: enhance each picture as the node does the first frame of a stream, not as a picture by itself.
        runtime: what runs the models; "torch" shows AttentionUNet whole frames, others a reduced one on the CPU.

    Raises:
        IllumiganError: a folder is not one of a run.
        ModelError: a model cannot be loaded.
    """
    runs = [run.resolve() for run in runs]
    settings = {run: run_settings(run) for run in runs}
    columns = differing(list(settings.values()))
    names = short_names(models, runs)
    contenders = [Contender(INPUT, np.copy)]
    if baselines:
        contenders += [Contender(name, method) for name, method in classical.BASELINES.items()]
    with ExitStack() as stack:

        def load(name: str, model: str, chosen: dict[str, str]) -> Contender:
            enhancer = stack.enter_context(Enhancer(model, runtime, daylight_gate=daylight_gate, temporal=of_stream))
            how = f"{enhancer.describe()}, {enhancer.threads} threads"
            return Contender(name, still(enhancer), how, chosen)

        contenders += [load(names[model], model, {}) for model in dict.fromkeys(models)]
        for run, all_settings in settings.items():
            chosen = {column: all_settings.get(column, "") for column in columns}
            contenders.append(load(names[str(run)], str(run_weights(run)), chosen))
        yield contenders


def short_names(models: Sequence[str], runs: Sequence[Path]) -> dict[str, str]:
    """Return for each model, weights file and run folder its own name, or the whole path where that is not unique."""
    short = {**{model: Path(model).stem for model in models}, **{str(run): run.name for run in runs}}
    taken = [INPUT, TRUTH, *BASELINES, *short.values()]
    return {model: name if taken.count(name) == 1 else model for model, name in short.items()}


def evaluate(
    photos: Sequence[EvaluatedPhoto],
    contenders: Sequence[Contender],
    features: FeatureNetwork | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Measure every contender on every photo.

    Args:
        photos: what `find_photos` found.
        contenders: what `open_contenders` opened.
        features: the network behind the feature distance; without one it is not measured.
        advance: called after each photo.

    Raises:
        IllumiganError: no photo could be measured.
    """
    evaluation = Evaluation(contenders)
    moments = np.linspace(0, len(photos) - 1, min(SHEET_ROWS, len(photos))).round()
    for number, photo in enumerate(photos):
        due = int((moments <= number).sum())  # for what is left out, the next photo is shown
        try:
            measure_photo(photo, evaluation, features, show=len(evaluation.pictures) < due)
        except IllumiganError as error:
            evaluation.left_out.append(naming(photo.path, error))
        advance()
    if not evaluation.scores:
        raise IllumiganError(f"None of the {len(photos)} photos could be measured: {evaluation.left_out[0]}")
    return evaluation


def naming(path: Path, error: IllumiganError) -> str:
    """Return what an error says, with the file that it is about."""
    return str(error) if str(path) in str(error) else f"{path}: {error}"


def measure_photo(
    photo: EvaluatedPhoto, evaluation: Evaluation, features: FeatureNetwork | None, *, show: bool
) -> None:
    """Add the scores of one photo to an evaluation, and its pictures if it is to be shown.

    Raises:
        FrameError: a file cannot be read, is tiny, or differs in size from its partner.
        ModelError: a model cannot enhance it.
    """
    dark = check_frame(read_photo(photo.path))
    truth = None if photo.truth is None else read_photo(photo.truth)
    if truth is not None and truth.shape != dark.shape:
        raise FrameError(f"{photo.path} and {photo.truth} differ in size; pairs must show the same view.")
    made, milliseconds = {}, {}
    for contender in evaluation.contenders:
        begin = time.perf_counter()
        made[contender.name] = contender.method(dark)
        milliseconds[contender.name] = (time.perf_counter() - begin) * 1e3
    scores = []
    for name, image in made.items():
        values = measure(dark, image, truth, features)
        if name == INPUT:  # that it keeps itself says nothing
            del values["change"], values["unchanged"]
        else:
            values["ms"] = milliseconds[name]
        scores.append(Score(name, photo.path.name, values))
    if truth is not None:
        values = measure(dark, truth)
        del values["change"], values["unchanged"]
        scores.append(Score(TRUTH, photo.path.name, values))
    evaluation.scores += scores
    evaluation.sizes.append((dark.shape[1], dark.shape[0]))
    if show:
        pictures = [dark, *(made[model.name] for model in evaluation.models), *([] if truth is None else [truth])]
        evaluation.pictures.append((photo.path.name, [shrink(picture) for picture in pictures]))


def shrink(picture: np.ndarray) -> np.ndarray:
    """Return a picture at the width of a contact sheet's cell, unless it is smaller."""
    width = min(SHEET_WIDTH, picture.shape[1])
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
