"""What the README and the documents say about parameters and launch arguments is what the code has."""

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("folder", "document"), [(ROOT, README), (ROOT / "docs", DETECTORS)])
def test_every_file_it_points_to_is_there(folder, document):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", document):
        assert (folder / target).is_file(), target
