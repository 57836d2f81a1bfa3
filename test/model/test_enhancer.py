from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from illumigan_model.attention import attention_u8
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError, IllumiganError, ModelError
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.checkpoint import save_checkpoint
from illumigan_model.generators.curve_grid import CurveGrid
from illumigan_model.weights import FOLDER


@pytest.fixture
def enhancer():
    enhancer = Enhancer()
    yield enhancer
    enhancer.close()


def test_a_dark_photo_becomes_visible(enhancer, night, day):
    before = night.copy()
    made = enhancer.enhance(night)
    assert (night == before).all()
    assert made.report.bypassed is None
    assert made.report.luma_in < 0.2
    assert made.report.luma_out > 1.4 * made.report.luma_in
    assert made.image.std() > 1.3 * night.std()
    assert cv2.PSNR(made.image, day) > cv2.PSNR(night, day) + 1
    assert (made.attention == attention_u8(night)).mean() > 0.9


@pytest.mark.parametrize("width,height", [(16, 16), (17, 31), (131, 77), (1920, 1080), (3840, 2160)])
def test_every_size_comes_out_as_it_went_in(enhancer, night, width, height):
    frame = cv2.resize(night, (width, height))
    made = enhancer.enhance(frame)
    assert made.image.shape == frame.shape
    assert made.image.dtype == made.attention.dtype == np.uint8
    assert made.attention.shape == (height, width)


def test_a_result_comes_into_memory_of_ones_own_and_is_the_same(night):
    with Enhancer(temporal=False) as enhancer:
        wanted, memory = enhancer.enhance(night), np.empty_like(night)
        made = enhancer.enhance(night, into=memory)
        assert made.image is memory
        assert (memory == wanted.image).all()
        for wrong in (memory[:-1], memory[:, ::-1], memory.astype(np.uint16), np.frombuffer(bytes(night), np.uint8)):
            with pytest.raises(FrameError, match="into must be"):
                enhancer.enhance(night, into=wrong)
        with pytest.raises(FrameError, match="and not the frame"):
            enhancer.enhance(memory, into=memory)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        (
            "model",
            [None, 3, b"curve_grid", ["curve_grid"]],
            "model must be one of .* or the path of a weights file, not",
        ),
        ("runtime", [None, 1, ["torch"]], "There is no runtime named .*; give auto or one of"),
        ("threads", [1.5, True, "2", 0, -1], "threads must be a whole number from 1 on, or None for .*, not"),
        ("on_progress", [None, "print"], "on_progress must be a function that takes a line of text, not"),
        ("on_takeover", [None, "print"], "on_takeover must be a function that takes a line of text, not"),
    ],
)
def test_what_no_enhancer_can_be_made_of_is_one_sentence(name, wrong, sentence):
    for value in wrong:
        with pytest.raises(IllumiganError, match=rf"^{sentence}"):
            Enhancer(**{name: value})


def test_a_model_may_be_a_path_and_threads_a_number_of_numpy():
    with Enhancer(FOLDER / "curve_grid.onnx", "onnxruntime", threads=np.int64(1)) as enhancer:
        assert enhancer.runtime == "onnxruntime"


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("stamp", ["now", [1.0], 1j, 10**400, 10**5000], "stamp must be a number of seconds, or None"),
        ("arrived", ["now", [1.0]], "arrived must be a number of seconds, or None"),
        ("into", ["memory", [1]], "into must be a uint8 array"),
    ],
)
def test_what_a_frame_cannot_be_enhanced_with_is_one_sentence_and_the_next_frame_is_served(
    enhancer, night, name, wrong, sentence
):
    for value in wrong:
        with pytest.raises(IllumiganError, match=sentence):
            enhancer.enhance(night, **{name: value})
        assert enhancer.enhance(night).report.bypassed is None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_one_remembers_another_goes_on_with(night, kind):
    frame = night.astype(kind) * np.iinfo(kind).max // 255
    with Enhancer() as one, Enhancer() as other:
        one.enhance(frame, stamp=0.0)
        other.remember(one.memory())
        wanted, made = (each.enhance(frame, stamp=0.03) for each in (one, other))
    np.testing.assert_array_equal(made.image, wanted.image)


def test_neither_a_memory_nor_a_runtime_can_be_anything_and_the_next_frame_is_served(enhancer, night):
    for stamp in (0.0, 0.03, 9.0):
        enhancer.enhance(night, stamp=stamp)
    kept = enhancer.memory()
    one_lost = {name: array for name, array in kept.items() if name != "succession.counts"}
    wrong = [{**kept, name: value} for name in kept for value in (None, 1.0, [1, 2], np.array(["a", "b"]))]
    wrong += [{**kept, "past.counts": np.array([np.inf, 0])}, {**kept, "succession.moment": np.zeros(3)}]
    wrong += [{**kept, "stabilizer.age of grid": np.zeros(2)}]
    for memory in (None, "memory", {}, dict.fromkeys(kept), [1], one_lost, *wrong):
        with pytest.raises(IllumiganError, match=r"memory must be what Enhancer\.memory returned"):
            enhancer.remember(memory)
        assert all((array == kept[name]).all() for name, array in enhancer.memory().items())
    with pytest.raises(ModelError, match=r"runtime must be what .*open_runtime returned, not 'openvino'"):
        enhancer.change_runtime("openvino", [])
    assert enhancer.enhance(night).report.bypassed is None


def test_what_is_remembered_in_other_shapes_is_dropped_and_counted(enhancer, night):
    enhancer.enhance(night, stamp=0.0)
    kept = enhancer.memory()
    counted = {"succession.reasons", "succession.counts", "succession.moment", "past.counts"}
    for name in (each for each in kept.keys() - counted if not each.startswith("stabilizer.age of ")):
        enhancer.remember({**kept, name: np.zeros((2, 3), kept[name].dtype)})
        made = enhancer.enhance(night, stamp=0.03)
        assert made.report.bypassed is None
        assert name.startswith("past.") or made.report.restarts["spoilt memory"] == 1
    enhancer.remember({**kept, "past.counts": np.array([-1, 0])})
    assert enhancer.enhance(night, stamp=0.03).report.bypassed is None


def test_a_share_may_be_any_kind_of_number(enhancer, night):
    halves = (0.5, Fraction(1, 2), np.float16(0.5))
    made = []
    for half in halves:
        enhancer.reset()
        enhancer.denoise_over_time = enhancer.denoise = enhancer.strength = half
        made.append([enhancer.enhance(night, stamp=stamp).image for stamp in (0.0, 0.03)][1])
    enhancer.denoise_over_time = enhancer.denoise = enhancer.strength = 1.0
    np.testing.assert_array_equal(made[1:], made[:1] * 2)


def test_one_that_is_closed_says_so_for_all_its_cameras(night):
    with Enhancer() as enhancer:
        other = enhancer.for_another_camera()
        enhancer.enhance(night)
    enhancer.close()
    for each in (enhancer, other):
        with pytest.raises(IllumiganError, match="This Enhancer is closed; make another one"):
            each.enhance(night)


def test_views_are_taken_like_copies(night):
    still = Enhancer(temporal=False)
    wide = np.zeros((300, 400, 4), np.uint8)
    wide[:, :, :3] = cv2.resize(night, (400, 300))
    for view in (wide[::2, ::2, :3], wide[::-1, :, 2::-1]):
        assert (still.enhance(view).image == still.enhance(view.copy()).image).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((64, 15, 3), np.uint8),
        "frame.png",
    ],
)
def test_what_is_no_frame_is_refused_and_the_next_frame_is_served(enhancer, night, frame):
    with pytest.raises(FrameError, match="A frame must be"):
        enhancer.enhance(frame)
    assert enhancer.enhance(night).report.bypassed is None


def test_day_passes_the_gate_untouched(day):
    enhancer = Enhancer(temporal=False)
    made = enhancer.enhance(day)
    assert made.report.bypassed == "daylight"
    assert made.image is day
    enhancer.daylight_gate = False
    assert enhancer.enhance(day).report.bypassed is None


def test_at_the_edge_of_day_the_gate_does_not_flicker(day):
    frames = [np.clip(day * scale, 0, 255).astype(np.uint8) for scale in (0.72, 0.79)]
    enhancer = Enhancer()
    changes = []
    for i in range(40):
        made = enhancer.enhance(frames[i % 2], stamp=i / 30)
        changes.append(cv2.absdiff(made.image, frames[i % 2]).mean())
    alone = [cv2.absdiff(Enhancer(temporal=False).enhance(frame).image, frame).mean() for frame in frames]
    assert np.abs(np.diff(changes[20:])).max() < 0.4 * abs(alone[0] - alone[1])


def test_closing_twice_is_fine(night):
    with Enhancer() as enhancer:
        enhancer.enhance(night)
        enhancer.close()


def test_strength_scales_the_effect(night):
    lumas = [Enhancer(strength=strength).enhance(night).report.luma_out for strength in (0.0, 0.5, 1.0)]
    assert lumas[0] < lumas[1] < lumas[2]
    assert (Enhancer(strength=0.0).enhance(night).image == night).all()


def test_a_black_frame_stays_black(enhancer):
    assert enhancer.enhance(np.zeros((120, 160, 3), np.uint8)).image.max() <= 2


def test_a_lamp_does_not_bloom(enhancer):
    frame = np.full((360, 640, 3), 4, np.uint8)
    cv2.circle(frame, (320, 180), 12, (255, 255, 255), -1)
    image = enhancer.enhance(frame).image
    assert image[180, 320].min() >= 250
    assert int(image[180 - 20, 320].max()) < 60


def test_video_is_calmer_with_memory(night):
    rng = np.random.default_rng(0)
    frames = [np.clip(night * rng.uniform(0.8, 1.2), 0, 255).astype(np.uint8) for _ in range(20)]

    def flicker(temporal):
        enhancer = Enhancer(temporal=temporal)
        gains = [np.mean(enhancer.enhance(frame, stamp=i / 30).image) / frame.mean() for i, frame in enumerate(frames)]
        return np.abs(np.diff(gains)).mean()

    assert flicker(True) < 0.7 * flicker(False)


def test_a_network_that_answers_nonsense_is_found_out_when_it_is_loaded(tmp_path):
    broken = CurveGrid()
    torch.nn.init.constant_(broken.head.bias, float("nan"))
    save_checkpoint(broken, tmp_path / "broken.safetensors")
    with pytest.raises(ModelError, match="not a number"):
        Enhancer(str(tmp_path / "broken.safetensors"))


def test_the_published_generator_runs_too(tmp_path, night):
    torch.manual_seed(0)
    save_checkpoint(AttentionUNet(AttentionUNetConfig(width=4)), tmp_path / "unet.safetensors")
    frame = cv2.resize(night, (101, 75))
    made = Enhancer(str(tmp_path / "unet.safetensors")).enhance(frame)
    assert made.image.shape == frame.shape
    assert (made.attention == attention_u8(frame)).all()
