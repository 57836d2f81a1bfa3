"""The commands on the way from photos to weights, and from weights to a graph."""

from pathlib import Path

import cv2
import pytest
import yaml
from skimage import data as pictures
from support.commands import error, illumigan

pytest.importorskip("torch", reason="needs torch")

CONFIGS = Path(__file__).parents[3] / "config"


def test_weights_are_exported_for_a_size_or_as_they_are(tmp_path):
    import onnx

    for options, graph in (((), "core"), (("--size", "64x48", "--precision", "fp16"), "full")):
        illumigan("export", "--model", "curve_grid", *options, tmp_path / "mine.onnx")
        facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "mine.onnx").metadata_props}
        assert facts["graph"] == graph
    assert "is not a size" in error("export", "--model", "curve_grid", "--size", "big", tmp_path / "x.onnx")
    assert "made for one size" in error("export", "--model", "curve_grid", "--graph", "full", tmp_path / "x.onnx")


def test_ten_photos_become_weights_that_enhance(tmp_path):
    names = ("astronaut", "coffee", "chelsea", "rocket", "cat")
    for folder in ("low", "high"):
        (tmp_path / folder).mkdir()
    for name in names:
        photo = cv2.cvtColor(getattr(pictures, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(tmp_path / "high" / f"{name}.png"), photo)
        cv2.imwrite(str(tmp_path / "low" / f"{name}.png"), photo // 7)
    config = yaml.safe_load((CONFIGS / "train_curve_grid.yaml").read_text())
    config |= {"normal": [{"folder": "high", "licence": "CC0"}], "dark": [{"folder": "low"}], "accelerator": "cpu"}
    config["weights"] |= {"features": 0.0, "local_features": 0.0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    settings = [f"root={tmp_path}", f"run={tmp_path / 'run'}", "steps=4", "batch=2", "workers=0"]
    assert "of 10 photos are used" in illumigan("manifest", tmp_path / "mine.yaml", tmp_path / "photos.csv", *settings)
    assert (tmp_path / "photos.csv").read_text().count("CC0") == 5
    illumigan("train", tmp_path / "mine.yaml", *settings)
    table = illumigan("evaluate", "--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "report")
    assert "auto-gamma" in table and "PSNR" in table
    assert (tmp_path / "report" / "contact_sheet.jpg").is_file()
    illumigan("export", "--model", tmp_path / "run" / "curve_grid.safetensors", tmp_path / "mine.onnx")
    illumigan("enhance-images", tmp_path / "low", tmp_path / "out", "--model", tmp_path / "mine.onnx")
    for name in names:
        before, after = (cv2.imread(str(tmp_path / folder / f"{name}.png")) for folder in ("low", "out"))
        assert after.mean() > 1.2 * before.mean()
