"""What the README and the documents say about parameters and launch arguments is what the code has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from illumigan_ros.detection.settings import SETTINGS as DETECT
from illumigan_ros.node.setting import markdown_table
from illumigan_ros.node.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DETECTORS = (ROOT / "docs" / "detectors.md").read_text()


def test_the_parameter_tables_are_those_of_the_nodes():
    assert markdown_table(SETTINGS) in README
    assert markdown_table(DETECT) in DETECTORS


@pytest.mark.parametrize(("launch", "document"), [("enhance", README), ("night_detection", DETECTORS)])
def test_every_launch_argument_is_described_as_the_launch_file_does(launch, document):
    source = (ROOT / "launch" / f"{launch}.launch.py").read_text()
    declared = re.findall(r'DeclareLaunchArgument\(\s*"(\w+)".*?description="([^"]*)"', source, re.DOTALL)
    assert len(declared) > 10
    for name, description in declared:
        assert re.search(rf"^\| `{name}` \|.*\| {re.escape(description)} \|$", document, re.MULTILINE), name


def test_the_layouts_for_foxglove_and_rviz_show_topics_that_are_in_its_table():
    foxglove, rviz = ((ROOT / "config" / name).read_text() for name in ("foxglove.json", "enhance.rviz"))
    shown = set(re.findall(r'"(/[\w/]+)(?:\.data)?"', foxglove))
    shown |= {display["Topic"]["Value"] for display in yaml.safe_load(rviz)["Visualization Manager"]["Displays"]}
    assert len(shown) == 6
    table = README.partition("## Topics")[2].partition("The level is")[0].replace("`~/", "`/enhance/")
    for topic in shown:
        assert f"`{topic}`" in table or f"`{topic[1:]}`" in table, topic
    placed = re.findall(r'"(?:first|second)": "([^"]+)"', foxglove)
    assert sorted(placed) == sorted(json.loads(foxglove)["configById"])


@pytest.mark.parametrize(("folder", "document"), [(ROOT, README), (ROOT / "docs", DETECTORS)])
def test_every_file_it_points_to_is_there(folder, document):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", document):
        assert (folder / target).is_file(), target
