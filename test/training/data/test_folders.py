import csv

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.errors import IllumiganError
from illumigan_training.data.folders import list_images, load_photos, names_where, write_manifest

DAY, DARK = {"folder": "day", "licence": "CC0", "origin": "scikit-image"}, {"folder": "dark"}
CROP = (256, 144)


def test_pictures_are_found_and_other_files_are_not(photos):
    found = [path.name for path in list_images(DAY, photos)]
    assert found == ["astronaut.jpg", "broken.jpg", "chelsea.jpg", "coffee.jpg"]


def test_a_table_narrows_a_source(photos, tmp_path):
    table = tmp_path / "frames.csv"
    table.write_text("image,split\nchelsea.jpg,train\ncoffee.jpg,test\n")
    source = {**DAY, "csv": str(table), "where": "split=train"}
    assert [path.name for path in list_images(source, photos)] == ["chelsea.jpg"]
    assert names_where(table, "split!=train") == {"coffee.jpg"}
    assert names_where(table, "split=train,image!=chelsea.jpg") == set()
    with pytest.raises(IllumiganError, match="'split' is no condition; write column=value or column!=value"):
        names_where(table, "split")
    with pytest.raises(IllumiganError, match="lacks the column night"):
        names_where(table, "night=yes")
    with pytest.raises(IllumiganError, match=r"nowhere\.csv cannot be read"):
        names_where(tmp_path / "nowhere.csv", "split=train")


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path):
    (tmp_path / "frames.csv").write_text("image,split\nnacht_ä.jpg,train\n", encoding="utf-8-sig")
    assert names_where(tmp_path / "frames.csv", "split=train") == {"nacht_ä.jpg"}


def test_photos_fit_the_crop_once_and_at_most_twice(photos):
    for photo in load_photos([DAY], photos, "normal", CROP)[0]:
        height, width = photo.pixels.shape[:2]
        assert width >= 256 and height >= 144
        assert width <= 512 or height <= 288


def test_the_luma_rule_tells_dark_from_normal(photos):
    sources = [{**DAY, "luma": [0.2, 1.0]}, {**DARK, "luma": [0.2, 1.0]}]
    assert {photo.name.split("/")[0] for photo in load_photos(sources, photos, "normal", CROP)[0]} == {"day"}


def test_what_cannot_be_used_is_named_and_left_out(tmp_path, capsys):
    folder = tmp_path / "mixed"
    folder.mkdir()
    coffee = cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "a.png"), coffee)
    (folder / "again.png").write_bytes((folder / "a.png").read_bytes())
    cv2.imwrite(str(folder / "tiny.png"), coffee[:20, :20])
    (folder / "broken.jpg").write_bytes(b"not a picture")
    loaded, entries = load_photos([{"folder": "mixed", "licence": "CC0"}], tmp_path, "normal", CROP)
    assert [photo.name for photo in loaded] == ["mixed/a.png"]
    said = capsys.readouterr().out
    assert "broken.jpg: is damaged" in said
    assert "duplicate of mixed/a.png" in said
    assert "smaller than 32 x 32" in said
    write_manifest(entries, tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert len(rows) == 4
    assert [name for name, row in rows.items() if not row["left_out"]] == ["mixed/a.png"]
    assert rows["mixed/a.png"]["licence"] == "CC0"
    assert len(rows["mixed/a.png"]["sha256"]) == 64


def test_unusual_files_become_upright_8_bit_colour(tmp_path):
    cat = cv2.cvtColor(data.chelsea(), cv2.COLOR_RGB2BGR)
    kinds = {
        "grey.png": cv2.cvtColor(cat, cv2.COLOR_BGR2GRAY),
        "deep.png": cat.astype(np.uint16) * 257,
        "glass.png": cv2.cvtColor(cat, cv2.COLOR_BGR2BGRA),
    }
    for name, pixels in kinds.items():
        cv2.imwrite(str(tmp_path / name), pixels)
    turned = cv2.imencode(".jpg", cv2.rotate(cat, cv2.ROTATE_90_COUNTERCLOCKWISE))[1].tobytes()
    tag = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: turn clockwise to view
    exif = b"\xff\xe1" + (8 + len(tag)).to_bytes(2, "big") + b"Exif\0\0" + tag
    (tmp_path / "turned.jpg").write_bytes(turned[:2] + exif + turned[2:])
    loaded, _ = load_photos([{"folder": "."}], tmp_path, "normal", (448, 256))
    assert [photo.name for photo in loaded] == ["deep.png", "glass.png", "grey.png", "turned.jpg"]
    for photo in loaded:
        assert photo.pixels.dtype == np.uint8
        wanted = cat if photo.name != "grey.png" else cv2.cvtColor(kinds["grey.png"], cv2.COLOR_GRAY2BGR)
        resized = cv2.resize(wanted, photo.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert cv2.absdiff(photo.pixels, resized).mean() < 4


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"folder": "nowhere"}, "is not a folder"),
        ({**DAY, "luma": [0.99, 1.0]}, "No photo is left for normal"),
        ({"folder": "empty"}, "No image in .*empty matches"),
    ],
)
def test_an_empty_source_is_a_clear_error(photos, source, message):
    (photos / "empty").mkdir(exist_ok=True)
    with pytest.raises(IllumiganError, match=message):
        load_photos([source], photos, "normal", CROP)
