"""One table of parameters, and everything else that lists them agrees with it."""

from pathlib import Path

import pytest

pytest.importorskip("rcl_interfaces", reason="ROS is not installed")

import yaml

from illumigan_ros.detection.settings import SETTINGS as DETECT
from illumigan_ros.node.setting import markdown_table, misspelt
from illumigan_ros.node.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("file", "table"), [("enhance", SETTINGS), ("detect", DETECT)])
def test_the_yaml_file_lists_every_parameter_with_its_default_and_description(file, table):
    text = (ROOT / f"config/{file}.yaml").read_text()
    listed = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert listed == {setting.name: setting.default for setting in table}
    assert [type(value) for value in listed.values()] == [type(setting.default) for setting in table]
    words = " ".join(line.strip().lstrip("# ") for line in text.splitlines())
    for setting in table:
        assert f"{setting.description} Allowed: {setting.allowed}. May change: {setting.change.value}." in words


def test_every_default_is_allowed_and_every_range_has_an_end():
    for setting in (*SETTINGS, *DETECT):
        assert setting.complaint(setting.default) is None
        if setting.low is not None:
            assert setting.complaint(type(setting.default)(setting.high + 1)) is not None
            assert setting.complaint(type(setting.default)(setting.low - 1)) is not None


@pytest.mark.parametrize("value", [None, [], "", 1.5, True])
def test_values_of_another_type_are_refused_in_words(value):
    depth = next(setting for setting in SETTINGS if setting.name == "qos_depth")
    assert "qos_depth must be a whole number" in depth.complaint(value)


def test_misspelt_names_are_recognised_and_strangers_left_alone():
    assert misspelt(["strenght", "use_sim_time", "strength", "robot_description"], SETTINGS) == {"strenght": "strength"}


def test_the_markdown_table_has_a_row_for_each():
    rows = markdown_table(SETTINGS).splitlines()
    assert len(rows) == len(SETTINGS) + 2
    for row, setting in zip(rows[2:], SETTINGS, strict=True):
        assert f"`{setting.name}`" in row
        assert row.replace(r"\|", "").count("|") == rows[0].count("|")
