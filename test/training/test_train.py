from pathlib import Path

import pytest
import torch
import yaml

from illumigan_model.checkpoint import load_checkpoint, save_checkpoint
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.export import export_onnx
from illumigan_model.generators.curve_grid import CurveGrid, apply_curves
from illumigan_training.config import read_config
from illumigan_training.train import train

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
    config["weights"] = {**config["weights"], "contrast": 1e39}  # more than a float32 holds
    with pytest.raises(IllumiganError, match="at step 0"):
        train(config)


def test_a_run_of_other_settings_or_with_a_damaged_state_is_not_taken_up(config):
    run = train({**config, "steps": 1, "save_every": 1})
    with pytest.raises(IllumiganError, match=r"belongs to a run of 1 steps; set steps=1"):
        train(config)
    with pytest.raises(IllumiganError, match=r"resume\.pt belongs to a run with another generator"):
        train({**config, "steps": 1, "generator": {"width": 8}})
    state = (run / "resume.pt").read_bytes()
    (run / "resume.pt").write_bytes(state[: len(state) // 2])
    with pytest.raises(IllumiganError, match=r"resume\.pt is missing or damaged"):
        train({**config, "steps": 1})


def test_a_run_folder_that_cannot_be_written_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IllumiganError, match=r"The run in .*file/run cannot go on"):
        train({**config, "run": str(tmp_path / "file" / "run")})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": "many"}, "steps must be a whole number from 1 on, not 'many'"),
        ({"steps": 0}, "steps must be"),
        ({"rate": "1e-3"}, r"rate must be a number above 0 \(YAML reads"),
        ({"generator": {"depth": 3}}, "generator.depth is not a setting; a generator has width, blocks"),
        ({"generator": {"width": 2.5}}, "generator.width must be a whole number"),
        ({"shares": {"day": 0.5}}, "The shares must add up to 1, not 0.5"),
        ({"normal": ["day"]}, "normal .* must be a section"),
        ({"weights": {}}, "weights.reconstruction must be a number, not None"),
    ],
)
def test_settings_that_cannot_be_are_named(config, change, sentence):
    with pytest.raises(IllumiganError, match=sentence):
        train({**config, **change})
    assert not Path(config["run"]).exists()


def test_unknown_settings_and_missing_files_are_named(tmp_path):
    with pytest.raises(IllumiganError, match="stepz is not a setting"):
        read_config(CONFIG, ["stepz=3"])
    with pytest.raises(IllumiganError, match=r"steps\.x is not a setting .*; it has root, run"):
        read_config(CONFIG, ["steps.x=1"])
    with pytest.raises(IllumiganError, match="cannot be read"):
        read_config(CONFIG, ["steps=[1"])
    with pytest.raises(IllumiganError, match="does not exist"):
        read_config(Path("nowhere.yaml"), [])
    for text, sentence in (("a: [1", "cannot be read"), ("hello", "holds no settings"), ("", "holds no settings")):
        (tmp_path / "broken.yaml").write_text(text)
        with pytest.raises(IllumiganError, match=sentence):
            read_config(tmp_path / "broken.yaml", [])


def test_an_export_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path):
    save_checkpoint(CurveGrid(), tmp_path / "mine.safetensors")
    with pytest.raises(ModelError, match=r"there is no folder .*such; make it first"):
        export_onnx(tmp_path / "mine.safetensors", tmp_path / "no" / "such" / "x.onnx")
    (tmp_path / "x.onnx").mkdir()
    with pytest.raises(ModelError, match=r"x\.onnx cannot be written"):
        export_onnx(tmp_path / "mine.safetensors", tmp_path / "x.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.safetensors", "x.onnx"]
