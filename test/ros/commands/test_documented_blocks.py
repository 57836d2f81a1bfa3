"""What the documentation shows is run as it stands there, on footage under the names that it uses."""

import shlex
import shutil

import cv2
import pytest
from support.commands import illumigan
from support.documents import blocks
from support.footage import NIGHT


@pytest.fixture
def desk(night_folder, night_video, night_bag, tmp_path, monkeypatch):
    """A folder with the pictures, the video and the bag that the documentation speaks of; the tests are in it."""
    monkeypatch.chdir(tmp_path)
    shutil.move(night_folder, "night_photos")
    shutil.move(night_bag, "my_night_drive")
    cv2.imwrite("night.png", NIGHT)


@pytest.mark.parametrize("block", [one for one in blocks("python") if one.is_run], ids=lambda block: block.place)
def test_a_python_block_runs(block, desk, tmp_path):
    there = set(tmp_path.iterdir())
    exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
    written = {path.name for path in set(tmp_path.iterdir()) - there}
    assert all(cv2.imread(name) is not None for name in written)
    assert written or "imwrite" not in block.text


@pytest.mark.parametrize("block", [one for one in blocks("sh") if one.is_run], ids=lambda block: block.place)
def test_a_shell_block_runs(block, desk, tmp_path):
    for line in block.lines():
        command, *arguments = shlex.split(line)
        assert command == "illumigan", f"{block.place} has more than commands of ours; say in a comment what it needs"
        there = set(tmp_path.iterdir())
        printed = illumigan(*arguments)
        assert set(tmp_path.iterdir()) > there or (arguments[0] == "info" and printed), line
