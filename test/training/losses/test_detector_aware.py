"""The detector is a tiny YOLOX whose scores are the brightness of cells, so what should happen can be worked out."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from illumigan_model.errors import IllumiganError, ModelError
from illumigan_training.config import check_config, read_config
from illumigan_training.data.samples import SampleSet, read_photos
from illumigan_training.losses.detector_aware import BestScores, detector_loss, open_detector_scores, views
from illumigan_training.train import train

CONFIG = Path(__file__).parents[3] / "config" / "train_curve_grid_detect.yaml"
CROP = (64, 60)  # padded to 64 x 64


@pytest.fixture
def settings(detector_file):
    return {"file": str(detector_file), "classes": ["car", "person"]}


@pytest.fixture
def config(photos, settings, tmp_path):
    quick = [f"root={photos}", f"run={tmp_path / 'run'}", "steps=2", "batch=2", "save_every=2", "workers=0"]
    config = read_config(CONFIG, [*quick, f"detector.file={settings['file']}", "crop=[64, 60]"])
    return {**config, "normal": [{"folder": "day"}], "dark": [{"folder": "dark"}], "accelerator": "cpu"}


def picture(level, size=(60, 64)):
    return np.full((*size, 3), level, np.uint8)


def test_torch_and_onnx_runtime_see_the_same(settings):
    bgr = np.random.default_rng(0).integers(0, 256, (60, 64, 3), np.uint8)
    rgb = torch.from_numpy(bgr[:, :, ::-1].transpose(2, 0, 1)[None] / np.float32(255))
    scores = open_detector_scores(settings, CROP)(rgb)
    assert scores.shape == (1, 64 + 16 + 4)
    np.testing.assert_allclose(scores[0], BestScores(settings, CROP)([bgr]), atol=1e-5)


def test_the_best_of_all_views_is_wanted(settings):
    half = picture(0)
    half[:, :32] = 200
    best = BestScores(settings, CROP)([half, picture(100), half[:, ::-1]])
    np.testing.assert_allclose(best[:4], 200 / 255 - 0.2, atol=1e-5)  # cars, seen in the first
    np.testing.assert_allclose(best[4:8], 0.75 * (200 / 255 - 0.2), atol=1e-5)  # persons, seen in the last
    assert [view.mean() >= picture(20).mean() for view in views(picture(20))] == [True, True, True]


def test_the_loss_is_nothing_where_scores_are_as_wanted_and_grows_with_what_is_missed_or_made_up():
    wanted = torch.tensor([[0.8, 0.0, 0.0, 0.1]])
    right, missed, made_up = wanted, torch.tensor([[0.2, 0.0, 0.0, 0.1]]), torch.tensor([[0.8, 0.6, 0.0, 0.1]])
    losses = [float(detector_loss(scores, wanted)) for scores in (right, missed, made_up)]
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert min(losses[1:]) > 0.1
    assert detector_loss(missed.repeat(3, 1), wanted.repeat(3, 1)).shape == (3,)


def test_gradients_flow_through_the_detector_and_agree_with_differences(settings):
    detector = open_detector_scores(settings, CROP)
    image = torch.full((1, 3, 60, 64), 0.5, requires_grad=True)
    wanted = torch.full((1, 84), 0.6)
    loss = detector_loss(detector(image), wanted).sum()
    loss.backward()
    assert image.grad[:, :, :56, :32].lt(0).all()  # brighter is better, wherever a cell can be a car
    step = torch.zeros_like(image)
    step[:, :, :8, :8] = 0.01
    with torch.no_grad():
        weight_of = detector(image)  # the weight of a cell counts as a constant
        change = detector_loss(detector(image + step), wanted) - detector_loss(detector(image - step), wanted)
    assert torch.maximum(weight_of, wanted).equal(wanted)  # and is one here
    assert float(change) / 2 == pytest.approx(float((image.grad * step).sum()), rel=0.02)
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_a_run_trains_through_the_detector(config):
    run = train(config)
    with (run / "metrics.csv").open(newline="") as file:
        assert float(next(csv.DictReader(file))["detector"]) > 0
    samples = SampleSet(config, read_photos(config))
    assert samples[0].seen.shape == (84,)
    assert np.array_equal(samples[3].seen, SampleSet(config, samples.photos)[3].seen)


def test_what_cannot_be_trained_through_is_one_sentence(config, settings, tmp_path, write_detector):
    with pytest.raises(IllumiganError, match=r"weights\.detector needs detector\.file"):
        check_config({**config, "detector": {**config["detector"], "file": ""}})
    with pytest.raises(IllumiganError, match="no class 'lorry'"):
        check_config({**config, "detector": {**config["detector"], "classes": ["lorry"]}})
    with pytest.raises(IllumiganError, match="names no class"):
        check_config({**config, "detector": {**config["detector"], "classes": []}})
    with pytest.raises(ModelError, match="There is no detector"):
        open_detector_scores({**settings, "file": "nowhere.onnx"}, CROP)
    with pytest.raises(ModelError, match=r"is a folder and no detector; set detector\.file"):
        open_detector_scores({**settings, "file": str(tmp_path)}, CROP)
    with pytest.raises(ModelError, match="does not run on pictures of 96 x 64; set crop"):
        open_detector_scores(settings, (96, 64))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    for opened in (open_detector_scores, BestScores):
        with pytest.raises(ModelError, match=r"broken\.onnx cannot be"):
            opened({**settings, "file": str(broken)}, CROP)
    with pytest.raises(ModelError, match="1 x 84 x 84 numbers"):
        open_detector_scores({**settings, "file": str(write_detector(tmp_path / "few.onnx", classes=79))}, CROP)
