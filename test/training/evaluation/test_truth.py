"""Tables of truth, as people and spreadsheets write them."""

import cv2
import numpy as np
import pytest

from illumigan_model.errors import IllumiganError
from illumigan_training.evaluation.truth import annotated_frames, read_truth


def night():
    return np.full((64, 128, 3), 20, np.uint8)


@pytest.mark.parametrize("row", ["lit.png,0.2,0.2,0.1,0.3", "lit.png,0,0,2,1", "lit.png,a,0,1,1", "lit.png,0.1"])
def test_a_plate_that_is_no_box_is_named_by_its_line(tmp_path, row):
    (tmp_path / "plates.csv").write_text(f"image,x0,y0,x1,y1\nlit.png,0,0,1,1\n{row}\n")
    with pytest.raises(IllumiganError, match="line 3 is no box"):
        read_truth(tmp_path / "plates.csv")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("x0,y0,x1,y1,image\n0,0,1,1,a.png\n0,0,1,1", "line 3 has nothing in the column image"),
        ("image,x0,y0,x1,y1\na.png,0,0,1,1\n ,0,0,1,1", "line 3 has nothing in the column image"),
        ("image,x0,y0,x1,y1,class\na.png,0,0,1,1,car\na.png,0,0,1,1", "line 3 has nothing in the column class"),
        ("image,x0,y0,x1,y1,class\na.png,0,0,1,1,car\na.png,0,0,1,1, ", "line 3 has nothing in the column class"),
    ],
)
def test_a_row_that_lacks_its_picture_or_class_is_named_by_its_line(tmp_path, table, sentence):
    (tmp_path / "boxes.csv").write_text(table)
    with pytest.raises(IllumiganError, match=sentence):
        read_truth(tmp_path / "boxes.csv")


def test_spaces_around_values_and_the_case_of_classes_do_not_matter(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), night())
    (tmp_path / "boxes.csv").write_text(
        "image, class, x0, y0, x1, y1\n a.png , car , 0, 0, 1, 1\na.png,Car,0,0,.5,1\na.png,bike,0,0,1,.5\n"
    )
    (frame,), missing = annotated_frames(tmp_path, read_truth(tmp_path / "boxes.csv", tmp_path))
    assert (frame.path.name, frame.counts.tolist(), missing) == ("a.png", [True, True, False], [])


def test_a_picture_is_one_frame_however_its_path_is_written(tmp_path, monkeypatch):
    folder = tmp_path / "drive"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), night())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "elsewhere" / "link").symlink_to(folder)
    through = ["../link/a.png", "../elsewhere/link/../drive/a.png", tmp_path / "link" / "a.png"]
    names = ["a.png", "./a.png", "../drive/a.png", folder / "a.png", *through]
    (tmp_path / "plates.csv").write_text("\n".join(["image,x0,y0,x1,y1", *(f"{name},0,0,1,1" for name in names)]))
    (tmp_path / "frames.csv").write_text("image,ride\n./a.png , 3\n")
    monkeypatch.chdir(tmp_path)
    for images in (folder, folder.relative_to(tmp_path), tmp_path / "link"):
        truth = read_truth(tmp_path / "plates.csv", images)
        (frame,), missing = annotated_frames(images, truth, tmp_path / "frames.csv", "ride=3", "ride")
        assert (len(frame.boxes), frame.fold, missing) == (len(names), "3", [])


def test_a_name_that_no_file_can_have_is_that_of_a_missing_picture(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), night())
    (tmp_path / "plates.csv").write_text(f"image,x0,y0,x1,y1\na.png,0,0,1,1\n{'n' * 300}.png,0,0,1,1\n")
    frames, missing = annotated_frames(tmp_path, read_truth(tmp_path / "plates.csv", tmp_path))
    assert ([frame.path.name for frame in frames], missing) == (["a.png"], [f"{'n' * 300}.png"])


def test_tables_as_spreadsheets_save_them_are_read_or_refused_for_what_they_are(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("Image,X0,Y0,X1,Y1, Class\na.png,0,0,1,1,car\n")
    assert read_truth(table).classes == {"a.png": ["car"]}
    table.write_text("image,x0,y0,x1,y1\nnacht_ä.png,0,0,1,1\n", encoding="latin-1")
    with pytest.raises(IllumiganError, match="is no text in UTF-8"):
        read_truth(table)


def test_pictures_in_folders_keep_their_own_boxes(tmp_path):
    (tmp_path / "left").mkdir()
    for name in ("a.png", "left/a.png", "left/b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
    rows = ["a.png,0,0,1,1", "a.png,0,0,.5,1", "left/a.png,0,0,.5,.5", "left/b.png,0,.5,1,1"]
    (tmp_path / "plates.csv").write_text("\n".join(["image,x0,y0,x1,y1", *rows]))
    frames, missing = annotated_frames(tmp_path, read_truth(tmp_path / "plates.csv"))
    assert not missing
    boxes = {str(frame.path.relative_to(tmp_path)): frame.boxes.tolist() for frame in frames}
    assert boxes["left/a.png"] == [[0, 0, 0.5, 0.5]] and boxes["left/b.png"] == [[0, 0.5, 1, 1]]
    assert len(boxes["a.png"]) == 2
