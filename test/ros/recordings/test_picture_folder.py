import os
import socket
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from illumigan_model.errors import FrameError
from illumigan_model.picture_files import read_picture
from illumigan_ros.recordings.picture_folder import find_pictures, require_apart, result_names


def results(*names):
    return [str(result) for _, result in sorted(result_names(map(Path, names)).items())]


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_results_have_the_names_of_their_pictures():
    assert results("1.png", "GREY.BMP", "two.jpg") == ["1.png", "GREY.png", "two.png"]
    assert results("a.jpg", "a.png") == ["a.jpg.png", "a.png.png"]
    assert results("a.jpg", "a.jpg.png", "a.png") == ["a.jpg-2.png", "a.jpg.png", "a.png.png"]
    assert results("day/a.jpg", "night/a.jpg") == ["day/a.png", "night/a.png"]


def test_a_result_never_has_the_name_of_a_folder():
    assert results("a.jpg", "a.png/b.jpg") == ["a.jpg.png", "a.png/b.png"]


SUFFIXES = [".jpg", ".JPG", ".png", ".PNG", ".jpeg", ".tif"]
STEMS = st.one_of(
    st.sampled_from(["a", "A", "a.jpg", "a.JPG-2", "a.jpg-2", "\u00e9", "e\u0301", "stra\u00dfe", "STRASSE", ".", " "]),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=20).map(lambda name: os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_"))),
    st.text("xy\u00e9", min_size=150, max_size=250),
)
NAMES = st.builds(lambda folder, stem, suffix: folder + stem + suffix, st.sampled_from(["", "s/", "S/"]), STEMS,
                  st.sampled_from(SUFFIXES))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(NAMES, max_size=12), st.randoms())
@example(["a.jpg", "a.png", "a.jpg.png", "A.jpg.png-2.png"], None)
def test_no_two_results_share_a_name_and_names_do_not_depend_on_the_order(names, random):
    pictures = [Path(name) for name in names if len(os.fsencode(name)) < 255]
    made = result_names(pictures)
    assert set(made) == set(pictures)
    seen = {unicodedata.normalize("NFC", str(result).casefold()) for result in made.values()}
    assert len(seen) == len(made)
    for picture, result in made.items():
        assert result.parent == picture.parent
        assert result.suffix == ".png" and not result.name.startswith("._")
        assert len(os.fsencode(result.name)) <= 255
    if random is not None:
        random.shuffle(pictures)
    assert result_names(pictures) == made


def test_what_is_left_out_is_told_in_one_line(tmp_path):
    fill(tmp_path, "a.jpg", "b.txt", "c.TXT", "d.nef", "README", "._a.jpg", ".DS_Store", "sub/e.jpg", ".trash/f.jpg")
    found = find_pictures(tmp_path)
    assert found.pictures == [Path("a.jpg")]
    assert found.describe_rest() == (
        "left out: 2 .txt, 1 .nef, 1 without a suffix, 1 sub-folder (--recursive takes the pictures in there), "
        "1 hidden folder"
    )
    assert find_pictures(fill(tmp_path / "only", "x.png")).describe_rest() == ""


def test_heic_is_left_out_with_advice_where_nothing_reads_it(tmp_path, monkeypatch):
    monkeypatch.setattr("illumigan_ros.recordings.picture_folder.heif_suffixes", lambda: ())
    fill(tmp_path, "a.jpg", "b.HEIC")
    assert find_pictures(tmp_path).describe_rest() == "left out: 1 .heic (read where pillow-heif is installed)"
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(FrameError, match=r"holds no pictures .*pillow-heif"):
        find_pictures(tmp_path)


def test_recursive_takes_sub_folders_but_no_links_and_no_results(tmp_path):
    root = fill(tmp_path / "in", "a.jpg", "sub/b.jpg", "sub/deep/c.png", ".hidden/d.jpg", "out/a.png", "maps/a.png")
    (root / "sub" / "loop").symlink_to(root)
    (root / "link.jpg").symlink_to(root / "a.jpg")
    (root / "broken.jpg").symlink_to(root / "nowhere.jpg")
    (root / "round.jpg").symlink_to(root / "round.jpg")
    found = find_pictures(root, recursive=True, outputs=[root / "out", tmp_path / "in" / "sub" / ".." / "maps"])
    assert list(map(str, found.pictures)) == ["a.jpg", "link.jpg", "sub/b.jpg", "sub/deep/c.png"]
    assert "1 hidden folder, 1 link to folders" in found.describe_rest()
    assert sorted(found.unreadable) == [f"{root / name}.jpg is a link to nothing." for name in ("broken", "round")]


def test_what_is_called_a_picture_and_is_no_file_is_named_and_left_alone(tmp_path):
    root = fill(tmp_path, "a.jpg", "folder.png/b.jpg")
    os.mkfifo(root / "pipe.jpg")
    (root / "zero.png").symlink_to("/dev/zero")
    with closing(socket.socket(socket.AF_UNIX)) as ours:
        ours.bind(str(root / "socket.png"))
    found = find_pictures(root)
    assert found.pictures == [Path("a.jpg")]
    named = "pipe.jpg (a pipe), socket.png (a socket), zero.png (a device)"
    sub_folder = "1 sub-folder (--recursive takes the pictures in there)"
    assert found.describe_rest() == f"left out: {sub_folder}, folder.png (a folder), {named}"
    assert find_pictures(root, recursive=True).describe_rest() == f"left out: {named}"
    for name in ("pipe.jpg", "zero.png"):
        with pytest.raises(FrameError, match=r"is a (pipe|device) and no picture"):
            read_picture(root / name)


def test_results_never_lie_where_a_picture_or_another_result_lies(tmp_path):
    root = fill(tmp_path / "a", "x.png", "a/x.png")
    (tmp_path / "sub").symlink_to(root)
    pictures = find_pictures(root, recursive=True).pictures
    with pytest.raises(FrameError, match="choose another"):
        require_apart(root, pictures, [tmp_path / path for path in pictures])  # a/x.png again
    with pytest.raises(FrameError, match="choose another"):
        require_apart(root, pictures, [tmp_path / "sub" / "x.png"])
    with pytest.raises(FrameError, match="choose another"):
        require_apart(root, pictures, [tmp_path / "b" / "x.png", tmp_path / "b" / "X.png"])
    require_apart(root, pictures, [tmp_path / "b" / "x.png", tmp_path / "c" / "x.png"])
