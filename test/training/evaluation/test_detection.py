"""Detection is measured with a tiny YOLOX that takes every bright cell of its first grid for a car or a person.

Its input is 64 x 64, so a picture of 128 x 64 is halved into the upper half of it and each cell shows 16 x 16 pixels.
"""

import csv
import io
import shutil

import cv2
import numpy as np
import onnx
import pytest
from skimage import data
from support.commands import error, illumigan, run_here

from illumigan_model.detectors.coco import NAMES
from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import IllumiganError
from illumigan_ros.commands.evaluate_detection import parse_folds
from illumigan_training.evaluation.detection import VIEWS, are_inside, as_methods, observe, watch
from illumigan_training.evaluation.detection_report import (
    CAPTION_HEIGHT,
    CELL_WIDTH,
    TITLE_HEIGHT,
    hide,
    legend,
    report_files,
)
from illumigan_training.evaluation.detection_scores import MEAN, summarise
from illumigan_training.evaluation.images import Contender, open_contenders
from illumigan_training.evaluation.truth import AnnotatedFrame, annotated_frames, read_truth

CELL = 16
CAR_CELL, PERSON_CELL = (1, 2), (1, 6)  # row, column
CAR_BOX = [24 / 128, 8 / 64, 56 / 128, 40 / 64]  # what the detector makes of CAR_CELL


@pytest.fixture(scope="module")
def detector(detector_file):
    return Detector(detector_file, threads=1)


def night(*lamps):
    """A real photo at night, 128 x 64, with some cells lit: (row, column), brightness."""
    photo = cv2.resize(cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR), (128, 64), interpolation=cv2.INTER_AREA) // 8
    for (row, column), brightness in lamps:
        photo[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = brightness
    return photo


def plate(cell, shift=0.0):
    """A plate of 8 x 4 pixels in the middle of a cell, or beside it by a share of the picture's width."""
    row, column = cell
    x, y = (column + 0.5) * CELL / 128 + shift, (row + 0.5) * CELL / 64
    return [x - 4 / 128, y - 2 / 64, x + 4 / 128, y + 2 / 64]


def frame(folder, name, picture, *plates):
    cv2.imwrite(str(folder / name), picture)
    return AnnotatedFrame(folder / name, np.array(plates), np.ones(len(plates), bool))


@pytest.fixture
def drive(tmp_path):
    """A folder of four annotated frames, their tables beside it: in "faint" only enhancement shows the car."""
    folder = tmp_path / "drive"
    folder.mkdir()
    faint = night((CAR_CELL, 110))
    faint[22:26, 36:44] = np.where(np.arange(8)[:, None] % 2, 220, 0)  # what could be read on its plate
    frames = [
        frame(folder, "lit.png", night((CAR_CELL, 255)), plate(CAR_CELL)),
        frame(folder, "faint.png", faint, plate(CAR_CELL)),
        frame(folder, "walker.png", night((PERSON_CELL, 255)), plate(PERSON_CELL)),
        frame(folder, "day.png", np.full((64, 128, 3), 200, np.uint8), plate(CAR_CELL), plate((3, 2))),
    ]
    with (tmp_path / "plates.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "mean_luma", "x0", "y0", "x1", "y1"])
        table.writerows([each.path.name, 0.5, *box] for each in frames for box in each.boxes)
    (tmp_path / "frames.csv").write_text(
        "image,split\nlit.png,test\nfaint.png,test\nwalker.png,train\nnever_drove.png,lost\n"
    )
    return tmp_path


def seen_by(detector, frames, methods, **options):
    return watch(frames, methods, [detector], **{"plates": True, **options})


def renamed(detector_file, path, *names):
    """Write the detector with other names for its classes."""
    model = onnx.load(detector_file)
    onnx.helper.set_model_props(model, {"names": str(names)})
    onnx.save(model, path)
    return path


@pytest.fixture
def compared(drive, detector):
    """The drive seen raw and through the baselines."""
    frames, _ = annotated_frames(drive / "drive", read_truth(drive / "plates.csv"))
    with open_contenders([]) as contenders:
        yield seen_by(detector, frames, as_methods(contenders))


def as_it_is(_, bgr):
    return bgr


def doubled(_, bgr):
    return cv2.convertScaleAbs(bgr, alpha=2)


def test_a_plate_is_found_by_its_centre_in_a_vehicle(detector, tmp_path):
    # The car's box spans x from 24 to 56 of 128; its centre is at 40.
    plates = [plate(CAR_CELL), plate(CAR_CELL, 15 / 128), plate(CAR_CELL, 17 / 128), plate(PERSON_CELL)]
    lit = frame(tmp_path, "a.png", night((CAR_CELL, 255), (PERSON_CELL, 255)), *plates)
    (observation,) = observe(lit, {"raw": as_it_is}, [detector])
    found = observation.found(detector.name, "raw")
    assert found.tolist() == [True, True, False, False]
    assert not are_inside(np.array([[1.0, 1.0]]), np.zeros((0, 4))).any()


def test_shares_and_gains_by_band(detector, tmp_path):
    day = np.full((64, 128, 3), 60, np.uint8)
    day[32:] = 100  # mean 80: between the bands' limits, and no cell is bright enough
    frames = [
        frame(tmp_path, "1.png", night((CAR_CELL, 255)), plate(CAR_CELL), plate((3, 6))),
        frame(tmp_path, "2.png", night((CAR_CELL, 102)), plate(CAR_CELL)),
        frame(tmp_path, "3.png", day, plate(CAR_CELL)),
    ]
    listed = summarise(seen_by(detector, frames, {"raw": as_it_is, "doubled": doubled}))
    rows = {(row.group, row.method): row for row in listed}
    assert [group for group, method in rows if method == "raw"][:3] == ["dark", "mid", "all"]
    raw, better = rows["dark", "raw"], rows["dark", "doubled"]
    assert (raw.frames, raw.boxes, rows["mid", "raw"].frames, rows["all", "raw"].boxes) == (2, 3, 1, 4)
    assert (raw.score.value, better.score.value) == pytest.approx((1 / 3, 2 / 3))
    assert raw.gain is None
    assert better.gain.value == pytest.approx(1 / 3)
    # The frames drawn can be 1 1, 1 2 or 2 2: the gain is 0 of 4, 1 of 3 or 2 of 2 plates.
    assert (better.gain.low, better.gain.high) == pytest.approx((0, 1))
    assert not better.gain.decided
    assert (raw.more["boxes a frame"], better.more["boxes a frame"]) == (0.5, 1)


def test_views_show_things_where_they_are(detector, tmp_path):
    both = np.full((64, 128, 3), 20, np.uint8)
    both[16:32, 16:48] = both[16:32, 80:112] = 255  # the detector takes what is on its left for cars
    lit = frame(
        tmp_path, "a.png", both, [26 / 128, 22 / 64, 38 / 128, 26 / 64], [90 / 128, 22 / 64, 102 / 128, 26 / 64]
    )
    views = observe(lit, {"raw": as_it_is}, [detector], views=len(VIEWS))
    for observation, (mirrored, _, _) in zip(views, VIEWS, strict=True):
        assert observation.found(detector.name, "raw").tolist() == [not mirrored, mirrored]
        boxes = observation.seen[detector.name, "raw"].above(0.5).boxes
        middle = (boxes[:, :2] + boxes[:, 2:]).mean(axis=0) / 2
        assert np.abs(middle - [96 if mirrored else 32, 24]).max() < CELL


def test_what_some_views_show_counts_in_part_and_frames_with_all_views_are_drawn(detector, tmp_path):
    frames = [
        frame(tmp_path, "1.png", night((CAR_CELL, 255)), plate(CAR_CELL)),  # mirrored, it is a person
        frame(tmp_path, "2.png", night(), plate(CAR_CELL)),
    ]
    seen = seen_by(detector, frames, {"raw": as_it_is}, views=2)
    (row,) = [row for row in summarise(seen) if row.group == "dark"]
    assert (row.frames, row.boxes, row.more["boxes a frame"]) == (2, 2, 0.25)
    assert (row.score.value, row.score.low, row.score.high) == pytest.approx((0.25, 0, 0.5))
    assert "counts in 2 views" in " ".join(legend(seen))


def test_boxes_of_vehicles_are_measured_by_their_precision_and_false_ones_counted(detector, tmp_path):
    two_cars = night((CAR_CELL, 255), ((3, 1), 230))  # the second is not annotated
    frames = [
        frame(tmp_path, "1.png", two_cars, CAR_BOX),
        frame(tmp_path, "2.png", night((CAR_CELL, 102)), CAR_BOX),
    ]
    listed = summarise(seen_by(detector, frames, {"raw": as_it_is, "doubled": doubled}, plates=False))
    rows = {(row.group, row.method): row for row in listed}
    raw, better = rows["all", "raw"], rows["all", "doubled"]
    # Raw finds the faint car with a score of .2: it counts for precision, behind the false one.
    assert raw.score.value == pytest.approx((51 * 1 + 50 * 2 / 3) / 101, abs=1e-3)
    assert raw.more["found"] == 0.5 and better.more["found"] == 1
    assert raw.more["false boxes a frame"] == 0.5
    assert ("large", "raw") not in rows
    assert rows["small", "raw"].boxes == 2


def test_boxes_of_other_classes_neither_help_nor_harm(detector, drive, tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "image,class,x0,y0,x1,y1\nlit.png,bike,{},{},{},{}\nfaint.png,car,{},{},{},{}\n".format(*CAR_BOX, *CAR_BOX)
    )
    truth = read_truth(tmp_path / "boxes.csv")
    frames, _ = annotated_frames(drive / "drive", truth)
    rows = summarise(seen_by(detector, frames, {"raw": as_it_is}, plates=not truth.whole))
    assert rows[0].boxes == 1
    assert rows[0].more["false boxes a frame"] == 0
    (tmp_path / "boxes.csv").write_text("image,class,x0,y0,x1,y1\nlit.png,bike,0,0,1,1\n")
    with pytest.raises(IllumiganError, match="No box is of a class car, bus, truck; the truth has bike"):
        annotated_frames(drive / "drive", read_truth(tmp_path / "boxes.csv"))


def test_several_detectors_come_in_one_table_with_their_mean(detector, detector_file, drive, tmp_path):
    other = Detector(shutil.copy(detector_file, tmp_path / "other.onnx"), threads=1)
    frames, _ = annotated_frames(drive / "drive", read_truth(drive / "plates.csv"))
    rows = summarise(watch(frames, {"raw": as_it_is, "doubled": doubled}, [detector, other], plates=True))
    assert [row.detector for row in rows if (row.group, row.method) == ("all", "raw")] == [
        detector.name, "other.onnx", MEAN,
    ]  # fmt: skip
    same = [row.gain for row in rows if (row.group, row.method) == ("all", "doubled")]
    assert same[0] == same[1] == same[2]


def test_detectors_of_one_name_are_refused_before_any_is_loaded(drive, detector_file):
    damaged = drive / detector_file.name
    damaged.write_bytes(b"no network")
    sentence = error(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file, "--detector", damaged),
    )
    assert "Two detectors have the same file name" in sentence


def test_vehicles_are_known_by_name_in_any_case_and_a_detector_that_knows_none_is_refused(detector_file, drive):
    shouting = Detector(renamed(detector_file, drive / "shouting.onnx", *(name.upper() for name in NAMES)), threads=1)
    frames, _ = annotated_frames(drive / "drive", read_truth(drive / "plates.csv"))
    assert summarise(seen_by(shouting, frames, {"raw": as_it_is}))[0].score.value > 0
    animals = renamed(detector_file, drive / "animals.onnx", *(f"animal {number}" for number in range(80)))
    sentence = error(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file, "--detector", animals),
    )
    assert "animals.onnx knows none of the classes car, bus, truck, which are looked for, but animal 0, " in sentence


def test_a_detector_that_is_sure_of_nothing_is_told_and_the_others_count_without_it(detector_file, drive):
    blind = renamed(detector_file, drive / "blind.onnx", *("car" if name == "cat" else f"no {name}" for name in NAMES))
    how = ("evaluate-detection", "--images", drive / "drive", "--model", "curve_grid", "--detector", blind)
    assert "blind.onnx is sure of no car, bus, truck in the pictures, so nothing can be taken for true" in error(*how)
    code, output, errors = run_here(*how, "--detector", detector_file, "--out", drive / "report")
    assert code == 2
    assert "not in the table, as sure of nothing in the pictures: blind.onnx." in output and MEAN not in output
    assert "error: blind.onnx, sure of nothing in the pictures, was left out; the numbers are of bright.onnx." in errors
    rows = list(csv.DictReader((drive / "report" / "table.csv").open()))
    assert {row["detector"] for row in rows} == {detector_file.name}


def test_where_no_picture_with_a_vehicle_can_be_read_the_first_that_cannot_is_named(detector_file, drive):
    (drive / "boxes.csv").write_text("image,class,x0,y0,x1,y1\nday.png,bike,0,0,1,1\nlit.png,car,0,0,1,1\n")
    (drive / "drive" / "lit.png").write_bytes(b"not a picture")
    sentence = error(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "boxes.csv"),
        *("--detector", detector_file),
    )
    assert "No picture with a box of a class car, bus, truck can be read: " in sentence and "lit.png is dam" in sentence


def test_a_picture_that_is_too_small_is_named(detector_file, drive):
    cv2.imwrite(str(drive / "drive" / "tiny.png"), np.zeros((12, 12, 3), np.uint8))
    (drive / "plates.csv").write_text("image,x0,y0,x1,y1\nlit.png,0,0,1,1\ntiny.png,0,0,1,1\n")
    output = illumigan(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file),
        code=2,
    )
    (told,) = [line for line in output.splitlines() if line.startswith("left out: ")]
    assert "tiny.png: A frame must be at least 16 x 16 pixels" in told


def test_a_cross_validated_method_sees_each_fold_through_its_own_weights(detector, drive):
    truth = read_truth(drive / "plates.csv")
    frames, _ = annotated_frames(drive / "drive", truth, drive / "frames.csv", "split!=lost", "split")
    folds = {"test": lambda bgr: bgr * 0 + 255, "train": lambda bgr: bgr * 0}
    seen = seen_by(detector, frames, as_methods([Contender("input", np.copy)], frames, folds))
    found = {each.frame.path.name: len(each.seen[detector.name, "held out"]) > 0 for each in seen.observations}
    assert found == {"lit.png": True, "faint.png": True, "walker.png": False}
    with pytest.raises(IllumiganError, match=r"is of the fold 't\w+', for which no weights were given"):
        as_methods([Contender("input", np.copy)], frames, {"other": np.copy})


def test_without_a_truth_the_detector_by_day_is_believed(detector, drive):
    frames, _ = annotated_frames(drive / "drive", None)
    assert len(frames) == 4
    dark = {"raw": as_it_is, "dimmed": lambda _, bgr: bgr // 8}
    rows = {(row.group, row.method): row for row in summarise(seen_by(detector, frames, dark, plates=False))}
    assert rows["all", "raw"].score.value > 0.9 > rows["all", "dimmed"].score.value


def test_a_night_is_the_same_for_every_method_and_every_time(detector, drive):
    frames, _ = annotated_frames(drive / "drive", read_truth(drive / "plates.csv"))
    shown = []
    watching = {"raw": lambda _, bgr: shown.append(bgr.copy()) or bgr, "also": lambda _, bgr: shown.append(bgr) or bgr}
    seen = [seen_by(detector, frames, watching, night=seed) for seed in (3, 3, 4)]
    assert all((one == other).all() for one, other in zip(shown[:8:2], shown[1:8:2], strict=True))
    assert [each.luma for each in seen[0].observations] == [each.luma for each in seen[1].observations]
    assert [each.luma for each in seen[0].observations] != [each.luma for each in seen[2].observations]


def test_methods_are_compared_on_the_frames_chosen(drive, detector):
    truth = read_truth(drive / "plates.csv")
    frames, missing = annotated_frames(drive / "drive", truth, drive / "frames.csv", "split=test")
    with open_contenders(["curve_grid"]) as contenders:
        compared = seen_by(detector, frames, as_methods(contenders))
    rows = {row.method: row for row in summarise(compared) if row.group == "dark"}
    assert list(rows) == ["raw", "auto-gamma", "CLAHE on L", "curve_grid"]
    assert (rows["raw"].frames, rows["raw"].score.value) == (2, 0.5)
    assert rows["auto-gamma"].score.value == 1
    assert missing == compared.left_out == []


def test_pictures_that_are_missing_or_broken_are_told_and_left_out(drive, detector_file):
    (drive / "drive" / "lit.png").unlink()
    (drive / "drive" / "day.png").write_bytes(b"not a picture")
    output = illumigan(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file),
        code=2,
    )
    assert "error: 2 of 4 pictures were left out; the numbers are of the other 2." in output
    assert "dark (2," in output  # frames; a narrow terminal breaks the line here
    told = [line for line in output.splitlines() if line.startswith("left out: ")]
    assert len(told) == 2
    assert "missing: 1" in told[0] and "lit.png" in told[0]
    assert "day.png is damaged" in told[1]


def test_plates_cannot_be_read_once_hidden():
    picture = np.full((64, 128, 3), 90, np.uint8)
    picture[24:32, 40:80] = np.where(np.arange(40)[:, None] % 8 < 4, 255, 0)  # bars as wide as a letter's
    hidden = hide(picture, np.array([[40 / 128, 24 / 64, 80 / 128, 32 / 64]]))
    assert np.abs(np.diff(hidden[24:32, 42:78].astype(int), axis=1)).max() < 12
    np.testing.assert_array_equal(hidden[:20], picture[:20])
    np.testing.assert_array_equal(hidden[:, 92:], picture[:, 92:])


def test_sheets_show_what_was_gained_and_lost(compared):
    files = dict(report_files(compared, summarise(compared)))
    gained, lost = (
        cv2.imdecode(np.frombuffer(files[f"{change}_auto-gamma.jpg"], np.uint8), cv2.IMREAD_COLOR).astype(int)
        for change in ("gained", "lost")
    )
    height = CELL_WIDTH // 2 + CAPTION_HEIGHT
    assert gained.shape == (TITLE_HEIGHT + height, 2 * CELL_WIDTH, 3)
    # The day frame stops being bright enough: auto-gamma darkens it.
    assert lost.shape == gained.shape
    # The plate's upper edge, at the sheet's scale of 480 / 128, is drawn two pixels above the plate.
    x, y = round(2.5 * CELL * 3.75), TITLE_HEIGHT + CAPTION_HEIGHT + round((1.5 * CELL - 2) * 3.75) - 2
    for sheet, found, missed in ((gained, x + CELL_WIDTH, x), (lost, x, x + CELL_WIDTH)):
        assert sheet[y, found, 1] > sheet[y, found, 0] + 60  # green
        assert sheet[y, missed, 0] > sheet[y, missed, 1] + 60  # blue
    for half in (0, CELL_WIDTH):
        assert np.ptp(gained[y + 8 : y + 12, half + x - 10 : half + x + 10], axis=1).max() < 40  # nothing to read


def test_tables_say_the_same_in_both_forms(compared):
    files = dict(report_files(compared, summarise(compared)))
    rows = list(csv.DictReader(io.StringIO(files["table.csv"].decode())))
    assert [(row["group"], row["method"]) for row in rows[:2]] == [("dark", "raw"), ("dark", "auto-gamma")]
    assert float(rows[0]["score"]) == pytest.approx(1 / 3, abs=1e-5)
    assert float(rows[1]["gain"]) == pytest.approx(1 / 3, abs=1e-5)
    assert rows[0]["gain"] == rows[0]["gain_low"] == ""
    assert "| bright.onnx | dark (3, 3) | raw | 33.3 [0.0, 100.0] |" in files["table.md"].decode()


def test_the_command_prints_the_table_and_writes_the_report(drive, detector_file):
    output = illumigan(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file, "--model", "curve_grid", "--views", 2, "--out", drive / "report"),
    )
    for word in ("dark", "bright", "raw", "curve_grid"):
        assert word in output
    assert {"table.md", "table.csv", "gained_curve_grid.jpg", "lost_curve_grid.jpg"} <= {
        path.name for path in (drive / "report").iterdir()
    }


@pytest.mark.parametrize(
    "changed,sentence",
    [
        ({"detector": "nowhere.onnx"}, "There is no detector"),
        ({"detector": "empty"}, "is a folder and no detector; give an ONNX file"),
        ({"detector": "frames.csv"}, "cannot be loaded"),
        ({"images": "nowhere"}, "There is no folder"),
        ({"images": "empty"}, "holds none of the 4 annotated pictures"),
        ({"truth": "nowhere.csv"}, "cannot be read"),
        ({"truth": "drive/lit.png"}, "is no text in UTF-8"),
        ({"truth": "frames.csv"}, "lacks the column x0"),
        ({"frames": "nowhere.csv", "where": "split=test"}, "cannot be read"),
        ({"frames": "frames.csv", "where": "ride=1"}, "ride"),
        ({"where": "split=test"}, "choose rows of a table; name it"),
        ({"frames": "frames.csv", "where": "split"}, "is no condition"),
        ({"held-out": "ride1"}, "must look like ride1=weights.onnx"),
        ({"fold": "split", "frames": "frames.csv", "held-out": "test=curve_grid"}, "is of the fold"),
        ({"fold": "split", "frames": "frames.csv"}, "give both or neither"),
        ({"held-out": "test=curve_grid"}, "give both or neither"),
        ({"frames": "frames.csv"}, "--frames is a table to choose rows of; say which with --where"),
        ({"frames": "frames.csv", "where": "split=lost"}, "No annotated picture has split=lost"),
        ({"model": "no_such_model"}, "no_such_model"),
        ({"out": "drive"}, "is the input itself"),
    ],
)
def test_bad_input_is_one_sentence(drive, detector_file, changed, sentence):
    (drive / "empty").mkdir()
    options = {"images": "drive", "truth": "plates.csv", "detector": detector_file} | changed
    for option in ("images", "truth", "detector", "frames", "out"):
        if option in options:
            options[option] = drive / options[option]
    output = illumigan("evaluate-detection", *(f"--{name}={value}" for name, value in options.items()), code=2)
    errors = [line for line in output.splitlines() if line]
    assert len(errors) == 1 and errors[0].startswith("error: ") and sentence in errors[0]


def test_a_fold_has_one_model():
    with pytest.raises(IllumiganError, match="names a fold twice"):
        parse_folds(["ride1=a.onnx", "ride1=b.onnx"])


def test_a_table_without_plates_and_pictures_of_which_none_can_be_read(drive, detector):
    (drive / "none.csv").write_text("image,x0,y0,x1,y1\n")
    with pytest.raises(IllumiganError, match="holds no boxes"):
        read_truth(drive / "none.csv")
    frames, _ = annotated_frames(drive / "drive", read_truth(drive / "plates.csv"))
    for path in (drive / "drive").iterdir():
        path.write_bytes(b"")
    with pytest.raises(IllumiganError, match="None of the 4 annotated pictures can be read"):
        seen_by(detector, frames, {"raw": as_it_is})
