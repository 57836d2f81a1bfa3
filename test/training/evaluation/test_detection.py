"""Detection is measured with a tiny network of YOLOX's shape that takes every bright cell of its first grid for a car.

Its input is 64 x 64, so a picture of 128 x 64 is halved into the upper half of it and each cell shows 16 x 16 pixels.
"""

import csv
import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skimage import data

from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.weights import find_weights
from illumigan_ros.commands.main import main
from illumigan_training.evaluation import detection
from illumigan_training.evaluation.detection import (
    Frame,
    annotated_frames,
    are_inside,
    evaluate_detection,
    interval,
    observe,
    read_plates,
    resample,
    summarise,
)
from illumigan_training.evaluation.detection_report import CAPTION_HEIGHT, CELL_WIDTH, TITLE_HEIGHT, hide, report_files
from illumigan_training.evaluation.detector import CAR, PERSON, Detector
from illumigan_training.evaluation.images import Contender, open_contenders

CELL = 16
CAR_CELL, PERSON_CELL = (1, 2), (1, 6)  # row, column
TWICE = float(np.log(2))  # a box is two cells wide


def write_detector(path, log_size=TWICE, classes=80, side=64):
    """Write a network whose objectness is a cell's mean brightness (0..1) - .2.

    Boxes in the left half are cars for sure, those in the right half persons with a probability of .75.
    """
    fine, coarse = (side // 8) ** 2, (side // 16) ** 2 + (side // 32) ** 2
    cells, columns = fine + coarse, np.arange(fine) % (side // 8)
    boxes = np.full((1, cells, 4), (0.5, 0.5, log_size, log_size), np.float32)
    kinds = np.zeros((1, cells, classes), np.float32)
    kinds[0, :fine, CAR], kinds[0, :fine, PERSON] = columns < side // 16, 0.75 * (columns >= side // 16)
    constants = {
        "mean": np.full((1, 3, 8, 8), 1 / (192 * 255), np.float32),
        "bias": np.array([-0.2], np.float32),
        "shape": np.array([1, fine, 1]),
        "coarse": np.zeros((1, coarse, 1), np.float32),
        "boxes": boxes,
        "kinds": kinds,
    }
    nodes = [
        helper.make_node("Conv", ["images", "mean", "bias"], ["bright"], strides=[8, 8]),
        helper.make_node("Reshape", ["bright", "shape"], ["fine"]),
        helper.make_node("Concat", ["fine", "coarse"], ["objects"], axis=1),
        helper.make_node("Concat", ["boxes", "objects", "kinds"], ["output"], axis=2),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, cells, 5 + classes])
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "bright_cells", [image], [output], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def detector_file(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("detector") / "bright.onnx")


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
    return Frame(folder / name, np.array(plates))


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
        table.writerows([each.path.name, 0.5, *box] for each in frames for box in each.plates)
    (tmp_path / "frames.csv").write_text(
        "image,split\nlit.png,test\nfaint.png,test\nwalker.png,train\nnever_drove.png,lost\n"
    )
    return tmp_path


def illumigan(*arguments):
    """Run the command and return its exit code and what it printed."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
        patch.setattr(sys, "argv", ["illumigan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
    return ending.value.code or 0, output.getvalue()


@pytest.fixture
def compared(drive, detector):
    """The drive seen raw and through the baselines."""
    frames, _ = annotated_frames(drive / "drive", drive / "plates.csv", None, "")
    with open_contenders([]) as contenders:
        yield evaluate_detection(frames, contenders, detector)


def test_boxes_come_back_in_pixels_of_the_frame(detector):
    seen = detector.detect(night((CAR_CELL, 255), (PERSON_CELL, 204)))
    # Cell (1, 2) of the input has its centre at (20, 12); a box there is 8 x e^(log 2) = 16 wide, and the scale 1/2.
    np.testing.assert_allclose(seen.boxes, [[24, 8, 56, 40], [88, 8, 120, 40]], atol=1e-4)
    np.testing.assert_allclose(seen.scores, [0.8, 0.6 * 0.75], atol=1e-5)
    assert seen.classes.tolist() == [CAR, PERSON]
    upright = detector.detect(np.rot90(night((CAR_CELL, 255))).copy())  # 64 x 128: the cell is now (5, 1)
    np.testing.assert_allclose(upright.boxes, [[8, 72, 40, 104]], atol=1e-4)


def test_what_is_too_faint_is_no_detection(detector):
    assert len(detector.detect(night((CAR_CELL, 120))).scores) == 0
    assert len(detector.detect(night((CAR_CELL, 120)), threshold=0.25).scores) == 1


def test_of_overlapping_boxes_of_one_class_the_best_stays(tmp_path):
    detector = Detector(write_detector(tmp_path / "wide.onnx", log_size=2 * TWICE), threads=1)
    # Neighbours are 32 wide and 8 apart in the input: intersection over union 24 / 40.
    cars = detector.detect(night(((1, 1), 204), ((1, 2), 255)))
    np.testing.assert_allclose(cars.scores, [0.8], atol=1e-5)
    car_and_person = detector.detect(night(((1, 3), 178), ((1, 4), 255)))
    assert car_and_person.classes.tolist() == [PERSON, CAR]


def test_a_plate_is_found_by_its_centre_in_a_vehicle(detector, tmp_path):
    # The car's box spans x from 24 to 56 of 128; its centre is at 40.
    plates = [plate(CAR_CELL), plate(CAR_CELL, 15 / 128), plate(CAR_CELL, 17 / 128), plate(PERSON_CELL)]
    seen = observe(
        frame(tmp_path, "a.png", night((CAR_CELL, 255), (PERSON_CELL, 255)), *plates), {"raw": np.copy}, detector
    )
    assert seen.found["raw"].tolist() == [True, True, False, False]
    assert not are_inside(np.array([[1.0, 1.0]]), np.zeros((0, 4))).any()


def test_shares_gains_boxes_and_scores_by_band(detector, tmp_path):
    day = np.full((64, 128, 3), 60, np.uint8)
    day[32:] = 100  # mean 80: between the bands' limits, and no cell is bright enough
    frames = [
        frame(tmp_path, "1.png", night((CAR_CELL, 255)), plate(CAR_CELL), plate((3, 6))),
        frame(tmp_path, "2.png", night((CAR_CELL, 102)), plate(CAR_CELL)),
        frame(tmp_path, "3.png", day, plate(CAR_CELL)),
    ]
    methods = {"raw": np.copy, "doubled": lambda bgr: cv2.convertScaleAbs(bgr, alpha=2)}
    rows = {(row.band, row.method): row for row in summarise([observe(each, methods, detector) for each in frames])}
    assert [key for key in rows if key[1] == "raw"] == [("dark", "raw"), ("mid", "raw"), ("all", "raw")]
    raw, doubled = rows["dark", "raw"], rows["dark", "doubled"]
    assert (raw.frames, raw.plates, rows["mid", "raw"].frames, rows["all", "raw"].plates) == (2, 3, 1, 4)
    assert (raw.share.value, doubled.share.value) == pytest.approx((1 / 3, 2 / 3))
    assert raw.gain is None
    assert doubled.gain.value == pytest.approx(1 / 3)
    # The frames drawn can be 1 1, 1 2 or 2 2: the gain is 0 of 4, 1 of 3 or 2 of 2 plates.
    assert (doubled.gain.low, doubled.gain.high) == pytest.approx((0, 1))
    assert (raw.boxes["car"], doubled.boxes["car"], doubled.boxes["bus"]) == (0.5, 1, 0)
    assert (raw.scores["car"], doubled.scores["car"]) == pytest.approx((0.8, (0.8 + 0.6) / 2), abs=1e-5)
    assert np.isnan(doubled.scores["bus"])


def test_frames_are_drawn_anew_and_methods_share_the_draw():
    plates, found = np.array([1, 3]), np.array([[1, 0], [0, 3]])
    shares = resample(found, plates)
    assert shares.shape == (detection.RESAMPLES, 2)
    np.testing.assert_allclose(shares.sum(1), 1)  # what one method finds is what the other misses, in every draw
    for share, chance in ((0, 1 / 4), (1 / 4, 1 / 2), (1, 1 / 4)):  # frames 2 2, 1 2 and 1 1
        assert np.isclose(shares[:, 0], share).mean() == pytest.approx(chance, abs=0.03)
    np.testing.assert_array_equal(shares, resample(found, plates))


def test_an_interval_holds_the_middle_95_percent():
    assert interval(0.4, np.linspace(0, 1, 1001)) == detection.Interval(0.4, pytest.approx(0.025), pytest.approx(0.975))


def test_methods_are_compared_on_the_frames_chosen(drive, detector):
    frames, missing = annotated_frames(drive / "drive", drive / "plates.csv", drive / "frames.csv", "split=test")
    with open_contenders(["curve_grid"]) as contenders:
        compared = evaluate_detection(frames, contenders, detector)
    rows = {row.method: row for row in compared.rows if row.band == "dark"}
    assert list(rows) == ["raw", "auto-gamma", "CLAHE on L", "curve_grid"]
    assert (rows["raw"].frames, rows["raw"].share.value) == (2, 0.5)
    assert rows["auto-gamma"].share.value == 1
    assert missing == compared.left_out == []


def test_pictures_that_are_missing_or_broken_are_told_and_left_out(drive, detector_file):
    (drive / "drive" / "lit.png").unlink()
    (drive / "drive" / "day.png").write_bytes(b"not a picture")
    code, output = illumigan(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file),
    )
    assert code == 2
    assert "error: 2 of 4 pictures were left out; the numbers are of the other 2." in output
    assert "dark (2," in output  # frames; a narrow terminal breaks the line here
    told = [line for line in output.splitlines() if line.startswith("left out: ")]
    assert len(told) == 2
    assert "1 pictures" in told[0] and "lit.png" in told[0]
    assert "day.png is damaged" in told[1]


def test_plates_cannot_be_read_once_hidden():
    picture = np.full((64, 128, 3), 90, np.uint8)
    picture[24:32, 40:80] = np.where(np.arange(40)[:, None] % 8 < 4, 255, 0)  # bars as wide as a letter's
    hidden = hide(picture, np.array([[40 / 128, 24 / 64, 80 / 128, 32 / 64]]))
    assert np.abs(np.diff(hidden[24:32, 42:78].astype(int), axis=1)).max() < 12
    np.testing.assert_array_equal(hidden[:20], picture[:20])
    np.testing.assert_array_equal(hidden[:, 92:], picture[:, 92:])


def test_sheets_show_what_was_gained_and_lost(compared):
    files = dict(report_files(compared))
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
    files = dict(report_files(compared))
    rows = list(csv.DictReader(io.StringIO(files["table.csv"].decode())))
    assert [(row["band"], row["method"]) for row in rows[:2]] == [("dark", "raw"), ("dark", "auto-gamma")]
    assert float(rows[0]["share"]) == pytest.approx(1 / 3, abs=1e-5)
    assert float(rows[1]["gain"]) == pytest.approx(1 / 3, abs=1e-5)
    assert rows[0]["gain"] == rows[0]["bus_score"] == ""
    assert "| dark (3, 3) | raw | 33.3 [0.0, 100.0] |" in files["table.md"].decode()


def test_the_command_prints_the_table_and_writes_the_report(drive, detector_file):
    code, output = illumigan(
        *("evaluate-detection", "--images", drive / "drive", "--truth", drive / "plates.csv"),
        *("--detector", detector_file, "--model", "curve_grid", "--out", drive / "report"),
    )
    assert code == 0, output
    for word in ("dark", "bright", "raw", "curve_grid"):
        assert word in output
    assert {"table.md", "table.csv", "gained_curve_grid.jpg", "lost_curve_grid.jpg"} <= {
        path.name for path in (drive / "report").iterdir()
    }


@pytest.mark.parametrize(
    "changed,sentence",
    [
        ({"detector": "nowhere.onnx"}, "There is no detector"),
        ({"detector": "frames.csv"}, "cannot be loaded"),
        ({"images": "nowhere"}, "There is no folder"),
        ({"images": "empty"}, "holds none of the 4 pictures with plates"),
        ({"truth": "nowhere.csv"}, "cannot be read"),
        ({"truth": "drive/lit.png"}, "cannot be read"),
        ({"truth": "frames.csv"}, "lacks the column x0"),
        ({"frames": "nowhere.csv", "where": "split=test"}, "cannot be read"),
        ({"frames": "frames.csv", "where": "ride=1"}, "ride"),
        ({"frames": "frames.csv"}, "go together"),
        ({"where": "split=test"}, "go together"),
        ({"frames": "frames.csv", "where": "split=lost"}, "No picture with split=lost"),
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
    code, output = illumigan("evaluate-detection", *(f"--{name}={value}" for name, value in options.items()))
    errors = [line for line in output.splitlines() if line]
    assert code == 2
    assert len(errors) == 1 and errors[0].startswith("error: ") and sentence in errors[0]


@pytest.mark.parametrize("row", ["lit.png,0.2,0.2,0.1,0.3", "lit.png,0,0,2,1", "lit.png,a,0,1,1", "lit.png,0.1"])
def test_a_plate_that_is_no_box_is_named_by_its_line(tmp_path, row):
    (tmp_path / "plates.csv").write_text(f"image,x0,y0,x1,y1\nlit.png,0,0,1,1\n{row}\n")
    with pytest.raises(IllumiganError, match="line 3 is no box"):
        read_plates(tmp_path / "plates.csv")


def test_a_table_without_plates_and_pictures_of_which_none_can_be_read(drive, detector):
    (drive / "none.csv").write_text("image,x0,y0,x1,y1\n")
    with pytest.raises(IllumiganError, match="holds no plates"):
        read_plates(drive / "none.csv")
    frames, _ = annotated_frames(drive / "drive", drive / "plates.csv", None, "")
    for path in (drive / "drive").iterdir():
        path.write_bytes(b"")
    with pytest.raises(IllumiganError, match="None of the 4 pictures with plates can be read"):
        evaluate_detection(frames, [Contender("input", np.copy)], detector)


@pytest.mark.parametrize(
    "shape,sentence",
    [({"classes": 79}, "85"), ({"log_size": 40.0}, "decoded already")],
)
def test_a_network_that_is_no_yolox_is_refused(tmp_path, shape, sentence):
    with pytest.raises(ModelError, match=sentence):
        Detector(write_detector(tmp_path / "other.onnx", **shape), threads=1)


def test_a_generator_is_no_detector():
    with pytest.raises(ModelError, match="multiple of 32; give a YOLOX"):
        Detector(find_weights("curve_grid", (".onnx",)), threads=1)
