"""What the README says about parameters and launch arguments is what the code has."""

import json
import re
from pathlib import Path

import yaml

from illumigan_ros.node.setting import markdown_table
from illumigan_ros.node.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_parameter_table_is_that_of_the_node():
    assert markdown_table(SETTINGS) in README


def test_every_launch_argument_is_described_as_the_launch_file_does():
    source = (ROOT / "launch" / "enhance.launch.py").read_text()
    declared = re.findall(r'DeclareLaunchArgument\(\s*"(\w+)".*?description="([^"]*)"', source, re.DOTALL)
    assert len(declared) > 10
    for name, description in declared:
        assert re.search(rf"^\| `{name}` \|.*\| {re.escape(description)} \|$", README, re.MULTILINE), name


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


def test_every_file_it_points_to_is_there():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
