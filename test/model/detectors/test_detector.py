"""Detectors are tiny networks: one that finds bright cells, and some that give one answer in the layout of a family.

The frame is 192 x 96 and the input 96 x 96: the frame is halved, and padded by 24 above where a family centres it.
"""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from illumigan_model.detectors.coco import NAMES, numbers_of
from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.weights import find_weights

CAR, PERSON, SIDE, CELLS = 2, 0, 96, 144 + 36 + 9
BOX = np.array([12.0, 4.0, 28.0, 20.0])  # of a car, in the input; twice that in the frame
CENTRED = BOX + np.array([0, 24, 0, 24])


def as_centre(box):
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


def rows(count, box, *numbers, columns):
    """One answer that says something, among `count` that say nothing."""
    answer = np.zeros((1, count, columns), np.float32)
    answer[0, 5, :4] = box
    for column, number in numbers:
        answer[0, 5, column] = number
    return answer


def nanodet():
    scores, sides = [np.zeros((1, count, 80), np.float32) for count in (144, 36, 9)], []
    scores[0][0, 4 * 12 + 2, CAR] = 0.8  # row 4, column 2: centre at (19.5, 35.5)
    for count in (144, 36, 9):
        logits = np.zeros((1, count, 4, 8), np.float32)
        logits[..., 1] = 40  # one stride to each side
        sides.append(logits.reshape(1, count, 32))
    return [*scores, *sides]


LISTS = [np.array([[0, CAR]]), np.stack([np.zeros(4), CENTRED])[None], np.array([[0.0, 0.8]])]
LOGITS = np.where(np.arange(80) == CAR, np.log(4), -20)[None, None].repeat(3, 1)  # sigmoid(log 4) = .8
SHARES = as_centre(CENTRED) / SIDE
LAYOUTS = {
    "YOLOX, decoded": [rows(CELLS, as_centre(BOX), (4, 1), (5 + CAR, 0.8), columns=85)],
    "YOLOv5": [rows(3 * CELLS, as_centre(CENTRED), (4, 1), (5 + CAR, 0.8), columns=85)],
    "YOLOv8": [rows(CELLS, as_centre(CENTRED), (4 + CAR, 0.8), columns=84).transpose(0, 2, 1)],
    "end to end": [rows(300, CENTRED, (4, 0.8), (5, CAR), columns=6)],
    "three lists": LISTS,
    "queries": [LOGITS[:, :1], SHARES[None, None]],
    "NanoDet": nanodet(),
}
JOINT = rows(20, SHARES, (4 + CAR, 0.8), columns=84)


def write_answer(path, answers, inputs=(), names=None, dtype=TensorProto.FLOAT):
    """Write a network that takes a picture and always gives the same answers."""
    entries = [helper.make_tensor_value_info("images", dtype, [1, 3, SIDE, SIDE]), *inputs]
    nodes, outputs = [], []
    for number, answer in enumerate(answers):
        is_float = answer.dtype.kind == "f"
        value = numpy_helper.from_array(answer.astype(np.float32 if is_float else np.int64))
        nodes.append(helper.make_node("Constant", [], [f"o{number}"], value=value))
        kind = TensorProto.FLOAT if is_float else TensorProto.INT64
        outputs.append(helper.make_tensor_value_info(f"o{number}", kind, answer.shape))
    graph = helper.make_graph(nodes, "answer", entries, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"names": names})
    onnx.save(model, path)
    return path


FRAME = np.full((96, 192, 3), 90, np.uint8)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_told_by_shape_and_boxes_come_back_in_pixels_of_the_frame(tmp_path, name):
    sizes = [helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2])]
    file = write_answer(tmp_path / "a.onnx", LAYOUTS[name], sizes if name == "three lists" else ())
    detector = Detector(file, threads=1)
    assert detector.layout.name == name
    seen = detector.detect(FRAME)
    np.testing.assert_allclose(seen.boxes, [2 * BOX], atol=1.01 if name == "NanoDet" else 1e-3)
    np.testing.assert_allclose(seen.scores, [0.8], atol=1e-5)
    assert len(seen.of("car")) == 1 and not len(seen.of("bus", "no such thing"))
    assert not len(detector.detect(FRAME, threshold=0.9))


def test_queries_may_come_in_one_output_and_boxes_as_shares(tmp_path):
    seen = Detector(write_answer(tmp_path / "a.onnx", [JOINT]), threads=1).detect(FRAME)
    np.testing.assert_allclose(seen.boxes, [2 * BOX], atol=1e-3)
    ends = rows(300, CENTRED / SIDE, (4, 0.8), (5, CAR), columns=6)
    seen = Detector(write_answer(tmp_path / "b.onnx", [ends]), threads=1).detect(FRAME)
    np.testing.assert_allclose(seen.boxes, [2 * BOX], atol=1e-3)


def test_a_transposed_yolov8_is_told_from_a_yolox_by_the_number_of_names(tmp_path):
    answer = [rows(CELLS, as_centre(CENTRED), (4 + CAR, 0.8), columns=84)]
    detector = Detector(write_answer(tmp_path / "a.onnx", answer), threads=1)
    assert detector.layout.name == "YOLOv8, transposed"
    np.testing.assert_allclose(detector.detect(FRAME).boxes, [2 * BOX], atol=1e-3)
    yolox = Detector(write_answer(tmp_path / "b.onnx", answer, names=str(list(NAMES[:79]))), threads=1)
    assert yolox.layout.name == "YOLOX, decoded"
    with pytest.raises(ModelError, match=r"with 1 x 189 x 84, as YOLOX, decoded does with 79 classes, but there are 2"):
        Detector(write_answer(tmp_path / "c.onnx", answer, names="['car', 'tram']"), threads=1)


def test_a_detector_of_other_classes_needs_their_names(tmp_path):
    answer = [rows(CELLS, as_centre(CENTRED), (5, 0.8), columns=6).transpose(0, 2, 1)]
    named = Detector(write_answer(tmp_path / "a.onnx", answer, names="{0: 'tram', 1: 'car'}"), threads=1)
    assert len(named.detect(FRAME).of("car")) == 1 and not len(named.detect(FRAME).of("tram"))
    with pytest.raises(ModelError, match="as YOLOv8 does with 2 classes, but there are 80 names"):
        Detector(write_answer(tmp_path / "b.onnx", answer), threads=1)


def test_half_precision_networks_take_pictures(tmp_path):
    file = write_answer(tmp_path / "a.onnx", LAYOUTS["YOLOv8"], dtype=TensorProto.FLOAT16)
    assert len(Detector(file, threads=1).detect(FRAME)) == 1


def test_an_unknown_layout_is_refused_naming_its_shapes_and_those_known(tmp_path):
    with pytest.raises(ModelError, match=r"96 x 96 with 1 x 7 x 4; known are .*1 x N x 6"):
        Detector(write_answer(tmp_path / "a.onnx", [np.zeros((1, 7, 4))]), threads=1)
    sizes = [helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 7])]
    with pytest.raises(ModelError, match=r"takes mask \[1, 7\] beside a picture"):
        Detector(write_answer(tmp_path / "b.onnx", LAYOUTS["YOLOv8"], sizes), threads=1)
    with pytest.raises(ModelError, match="1 x 25 x 9 x 16; known are"):
        Detector(find_weights("curve_grid", (".onnx",)), threads=1)
    with pytest.raises(ModelError, match="There is no detector"):
        Detector(tmp_path / "nowhere.onnx")
    with pytest.raises(ModelError, match="is a folder and no detector; give an ONNX file"):
        Detector(tmp_path)


@pytest.mark.parametrize(
    ("answer", "names", "shapes"),
    [
        ([rows(300, [0, *CENTRED[:3]], (4, CENTRED[3]), (5, CAR), (6, 0.8), columns=7)], 80, "1 x 300 x 7"),
        ([rows(300, [0, *CENTRED[:3]], (4, CENTRED[3]), (5, CAR), (6, 0.8), columns=7)], 3, "1 x 300 x 7"),
        ([np.zeros((1, 84, CELLS + 1))], 80, "1 x 84 x 190"),
        ([np.zeros((1, 4, CELLS))], 80, "1 x 4 x 189"),
        ([np.float32(1).reshape(())], 80, "one number"),
        ([SHARES[None, None].repeat(3, 1), 1 / (1 + np.exp(-LOGITS))], 80, "1 x 3 x 4, 1 x 3 x 80"),
    ],
)
def test_what_only_looks_like_queries_is_refused(tmp_path, answer, names, shapes):
    file = write_answer(tmp_path / "a.onnx", answer, names=str(list(NAMES[:names])))
    with pytest.raises(ModelError, match=f"a picture of 96 x 96 with {shapes}; known are .* logits 1 x N x K"):
        Detector(file, threads=1)


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5])
def test_queries_of_few_classes_are_read_in_either_order(tmp_path, classes):
    logits, boxes = LOGITS[:, :1, CAR : CAR + classes], SHARES[None, None]
    for answer in ([logits, boxes], [boxes, logits]):
        file = write_answer(tmp_path / "a.onnx", answer, names=str(["car", *NAMES[: classes - 1]]))
        np.testing.assert_allclose(Detector(file, threads=1).detect(FRAME).of("car").boxes, [2 * BOX], atol=1e-3)


def test_queries_of_two_classes_in_one_output_are_told_from_class_numbers(tmp_path):
    joint = rows(20, SHARES, (4, 0.1), (5, 0.8), columns=6)
    ends = rows(20, CENTRED, (4, 0.8), (5, 1), columns=6)
    for answer, layout in ((joint, "queries"), (ends, "end to end")):
        detector = Detector(write_answer(tmp_path / "a.onnx", [answer], names="['tram', 'car']"), threads=1)
        assert detector.layout.name == layout
        seen = detector.detect(FRAME).of("car")
        np.testing.assert_allclose(seen.boxes, [2 * BOX], atol=1e-3)
        np.testing.assert_allclose(seen.scores, [0.8], atol=1e-5)


def test_a_raw_yolox_of_one_class_fewer_than_names_is_no_transposed_yolov8(tmp_path):
    answer = rows(CELLS, [0, 0, -1, -1], (4, 0.9), (5, 0.9), columns=6)
    with pytest.raises(ModelError, match="as YOLOX does with 1 classes, but there are 2 names"):
        Detector(write_answer(tmp_path / "a.onnx", [answer], names="['background', 'car']"), threads=1)


def test_labels_may_be_written_as_decimals_whatever_classes_a_frame_has(tmp_path):
    labels, boxes, scores = LISTS
    for answer in ([labels * 0.0, boxes, scores], [scores, boxes, labels * 0.0]):
        seen = Detector(write_answer(tmp_path / "a.onnx", answer), threads=1).detect(FRAME)
        assert (seen.classes.tolist(), seen.scores.tolist()) == ([PERSON], pytest.approx([0.8]))


def test_a_network_without_a_picture_or_with_one_beyond_memory_is_refused(tmp_path):
    scalar = [helper.make_tensor_value_info("ratio", TensorProto.INT64, [])]
    with pytest.raises(ModelError, match=r"takes ratio \[\] beside a picture"):
        Detector(write_answer(tmp_path / "a.onnx", LAYOUTS["YOLOv8"], scalar), threads=1)
    model = onnx.load(write_answer(tmp_path / "b.onnx", LAYOUTS["YOLOv8"]))
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = 10**8
    onnx.save(model, tmp_path / "b.onnx")
    with pytest.raises(ModelError, match="does not run on one picture"):
        Detector(tmp_path / "b.onnx", threads=1)
    del model.graph.input[0]
    onnx.save(model, tmp_path / "b.onnx")
    with pytest.raises(ModelError, match="takes no picture"):
        Detector(tmp_path / "b.onnx", threads=1)


@pytest.mark.parametrize("names", ["{0: 'tram', 'b': 'car'}", "-" * 5000 + "1", "[" * 5000, "tram"])
def test_names_that_cannot_be_read_are_none(tmp_path, names):
    assert Detector(write_answer(tmp_path / "a.onnx", LAYOUTS["YOLOv8"], names=names), threads=1).names == NAMES


@pytest.mark.parametrize("rows_of", [slice(None), slice(4), slice(4, None)])
def test_an_answer_that_is_no_number_does_not_say_that_nothing_is_there(tmp_path, rows_of):
    answer = LAYOUTS["YOLOv8"][0].copy()
    answer[:, rows_of] = np.nan
    with pytest.raises(ModelError, match="answers with something that is not a number"):
        Detector(write_answer(tmp_path / "a.onnx", [answer]), threads=1).detect(FRAME)


@pytest.mark.parametrize("number", [80, -1, 2.5, 1e30, np.nan])
def test_a_class_without_a_name_is_told_and_not_left_out(tmp_path, number, recwarn):
    answer = rows(300, CENTRED, (4, 0.8), (5, number), columns=6)
    detector = Detector(write_answer(tmp_path / "a.onnx", [answer]), threads=1)
    sentence = f"a.onnx answers with the class number {number:g}, but the number of its names is 80, counted from 0; "
    with pytest.raises(ModelError, match=re.escape(sentence)):
        detector.detect(FRAME)
    assert not recwarn.list
    assert not len(detector.detect(FRAME, threshold=0.9))


def test_rows_that_only_fill_the_answer_up_say_nothing(tmp_path, recwarn):
    answer = rows(300, CENTRED / SIDE, (4, 0.8), (5, CAR), columns=6)
    answer[0, 6:, 5] = -1
    answer[0, 6:, :4] = np.inf, -np.inf, -np.inf, np.inf
    seen = Detector(write_answer(tmp_path / "a.onnx", [answer]), threads=1).detect(FRAME, threshold=0)
    np.testing.assert_allclose(seen.boxes, [2 * BOX], atol=1e-3)
    sure = LOGITS[:, :1] * 10
    seen = Detector(write_answer(tmp_path / "b.onnx", [sure, SHARES[None, None]]), threads=1).detect(FRAME)
    assert len(seen) == 1
    assert not recwarn.list


def bright(*lamps):
    """A frame of 128 x 64 with some cells of 16 x 16 lit: (row, column), brightness."""
    frame = np.full((64, 128, 3), 10, np.uint8)
    for (row, column), brightness in lamps:
        frame[row * 16 : (row + 1) * 16, column * 16 : (column + 1) * 16] = brightness
    return frame


def test_a_raw_yolox_is_decoded_by_its_cells(detector_file):
    detector = Detector(detector_file, threads=1)
    assert detector.layout.name == "YOLOX"
    seen = detector.detect(bright(((1, 2), 255), ((1, 6), 204)))
    # Cell (1, 2) of the input has its centre at (20, 12); a box there is 8 x e^(log 2) = 16 wide, and the scale 1/2.
    np.testing.assert_allclose(seen.boxes, [[24, 8, 56, 40], [88, 8, 120, 40]], atol=1e-4)
    np.testing.assert_allclose(seen.scores, [0.8, 0.6 * 0.75], atol=1e-5)
    assert seen.classes.tolist() == [CAR, PERSON]
    upright = detector.detect(np.rot90(bright(((1, 2), 255))).copy())  # 64 x 128: the cell is now (5, 1)
    np.testing.assert_allclose(upright.boxes, [[8, 72, 40, 104]], atol=1e-4)


def test_of_overlapping_boxes_of_one_class_the_best_stays(write_detector, tmp_path):
    detector = Detector(write_detector(tmp_path / "wide.onnx", log_size=2 * float(np.log(2))), threads=1)
    # Neighbours are 32 wide and 8 apart in the input: intersection over union 24 / 40.
    cars = detector.detect(bright(((1, 1), 204), ((1, 2), 255)))
    np.testing.assert_allclose(cars.scores, [0.8], atol=1e-5)
    car_and_person = detector.detect(bright(((1, 3), 178), ((1, 4), 255)))
    assert car_and_person.classes.tolist() == [PERSON, CAR]


def test_detections_are_chosen_by_name_and_score():
    seen = Detections(np.zeros((3, 4)), np.array([0.2, 0.5, 0.9]), np.array([CAR, CAR, PERSON]), NAMES)
    assert seen.of("car").above(0.3).scores.tolist() == seen.of("Car").above(0.3).scores.tolist() == [0.5]


def test_classes_are_known_by_name():
    assert numbers_of(["car", "person"]) == [CAR, PERSON]
    assert len(set(NAMES)) == 80
    with pytest.raises(IllumiganError, match="no class 'lorry'"):
        numbers_of(["lorry"])


def test_what_lies_in_the_padding_is_not_in_the_frame(detector_file):
    assert not len(Detector(detector_file, threads=1).detect(bright(), threshold=0.1))  # padding is brighter than that
