"""A training's settings: what a file and the command line may say, and what is said of everything else."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch")

from illumigan_model.errors import IllumiganError
from illumigan_training.config import read_config

CONFIGS = sorted((Path(__file__).parents[2] / "config").glob("train_*.yaml"))


def test_overrides_reach_into_sections_and_are_read_as_yaml():
    config = read_config(CONFIGS[0], ["batch=3", "generator.architecture=curve_grid", "crop=[64, 96]"])
    assert config["batch"] == 3
    assert config["generator"]["architecture"] == "curve_grid"
    assert config["crop"] == [64, 96]
    assert read_config(CONFIGS[0], [])["batch"] != 3


@pytest.mark.parametrize("override", ["batsch=3", "generator.nobody=1", "nowhere.at.all=1"])
def test_an_override_of_what_is_no_setting_names_those_that_there_are(override):
    with pytest.raises(IllumiganError, match=rf"{override.partition('=')[0]} is not a setting of .*; it has "):
        read_config(CONFIGS[0], [override])


@pytest.mark.parametrize("content", ["", "- a list", "a: [", "\x00"])
def test_a_file_that_holds_no_settings_is_one_sentence(content, tmp_path):
    (tmp_path / "train.yaml").write_text(content)
    with pytest.raises(IllumiganError, match=r"The training config .* (cannot be read|holds no settings)"):
        read_config(tmp_path / "train.yaml", [])
    with pytest.raises(IllumiganError, match="does not exist"):
        read_config(tmp_path / "nowhere.yaml", [])
