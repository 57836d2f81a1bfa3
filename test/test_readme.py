"""What the README says about parameters and launch arguments is what the code has."""

import re
from pathlib import Path

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


def test_every_file_it_points_to_is_there():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
