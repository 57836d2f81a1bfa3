from pathlib import Path

import pytest
import torch
import yaml

from illumigan_model.checkpoint import load_checkpoint
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError
from illumigan_model.export import export_onnx
from illumigan_training.train import read_config, train

CONFIG = Path(__file__).parents[2] / "config" / "train_curve_grid.yaml"


@pytest.fixture
def config(photos, tmp_path):
    config = read_config(CONFIG, [f"root={photos}", f"run={tmp_path / 'run'}", "steps=6", "batch=2", "save_every=3"])
    return {**config, "normal": [{"folder": "day"}], "dark": [{"folder": "dark"}], "workers": 0}


def test_a_run_leaves_weights_that_enhance(config, tmp_path):
    run = train(config)
    assert yaml.safe_load((run / "config.yaml").read_text())["steps"] == 6
    assert (run / "samples_000006.jpg").is_file()
    export_onnx(run / "curve_grid.safetensors", tmp_path / "mine.onnx")
    assert Enhancer(str(tmp_path / "mine.onnx")).runtime == "onnxruntime"


def test_a_run_learns(config):
    run = train({**config, "steps": 40, "save_every": 40, "seed": 3})
    dark, calm, wanted = torch.load(run / "fixed.pt", weights_only=True)
    from illumigan_model.generators.curve_grid import CurveGrid, apply_curves

    def distance(net):
        with torch.no_grad():
            return (apply_curves(calm, net.eval().predict(dark))[0] - wanted).abs().mean()

    assert distance(load_checkpoint(run / "curve_grid.safetensors")) < distance(CurveGrid())


def test_workers_draw_the_samples(config):
    assert (train({**config, "workers": 1, "steps": 2}) / "resume.pt").is_file()


def test_a_killed_run_goes_on_where_it_was(config):
    run = train(config)
    train({**config, "steps": 6})
    assert torch.load(run / "resume.pt", weights_only=True)["step"] == 6


def test_a_loss_that_is_not_a_number_stops_with_the_step(config):
    config["weights"] = {**config["weights"], "contrast": float("nan")}
    with pytest.raises(IllumiganError, match="at step 0"):
        train(config)


def test_unknown_settings_and_missing_files_are_named():
    with pytest.raises(IllumiganError, match="stepz is not a setting"):
        read_config(CONFIG, ["stepz=3"])
    with pytest.raises(IllumiganError, match="does not exist"):
        read_config(Path("nowhere.yaml"), [])
