"""Files are there whole or not at all, whatever happens while they are written."""

import os
import stat
import threading

import pytest

from illumigan_model.errors import FrameError
from illumigan_model.system.files import make_folder, part_of, parts_in, require_other_place, whole_file, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "weights.safetensors"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as part:
        part.write_text("half of the n")
        assert target.read_text() == "old"
        raise RuntimeError
    assert target.read_text() == "old" and names(tmp_path) == [target.name]


def test_the_name_meanwhile_is_in_the_same_folder_hidden_ones_own_and_of_the_same_kind(tmp_path):
    target = tmp_path / "night.mp4"
    first, second = part_of(target), part_of(target)
    assert first.parent == tmp_path and first.name.startswith(".night.") and first.suffix == ".mp4"
    assert first != second
    first.touch()
    target.touch()
    assert list(parts_in(tmp_path)) == [first]


def test_two_who_write_the_same_file_at_once_leave_one_of_both(tmp_path):
    target = tmp_path / "report.json"
    contents = ["a" * 200_000, "b" * 200_000]
    threads = [threading.Thread(target=write_json, args=(target, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text().strip().strip('"') in contents
    assert names(tmp_path) == ["report.json"]


def test_permissions_are_the_users_own_unless_others_are_asked_for(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "usual.json", 1)
        with whole_file(tmp_path / "private", 0o600) as part:
            part.touch()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"usual.json": 0o640, "private": 0o600}


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    for action in (lambda path: write_json(path, 1), make_folder):
        with pytest.raises(FrameError, match=r"file/below cannot be written \(Not a directory\)"):
            action(tmp_path / "file" / "below")
    with pytest.raises(FrameError, match="is the input itself"):
        require_other_place(tmp_path / "a" / ".." / "file", tmp_path / "file")
