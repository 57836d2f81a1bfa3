import csv
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
from support.commands import error

from illumigan_model.errors import FrameError
from illumigan_ros.commands.main import main
from illumigan_ros.recordings.video import VideoReader
from illumigan_ros.recordings.video.writer import VideoWriter
from illumigan_training.evaluation import video_metrics as metrics
from illumigan_training.evaluation.flicker import flicker, places
from illumigan_training.evaluation.video_report import means
from illumigan_training.evaluation.videos import (
    VideoFrame,
    drive_frames,
    evaluate_video,
    open_video_contenders,
)


def texture(seed=0, height=120, width=160):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 120, cv2.NORM_MINMAX).astype(np.uint8)


def test_a_picture_that_only_moves_has_next_to_no_warped_error():
    wide = texture(width=200)
    before, now = wide[:, :160], np.ascontiguousarray(wide[:, 3:163])
    motion = metrics.see_motion(metrics.guide(before), metrics.guide(now))
    moved = metrics.warped_error(before, now, motion)
    noisy = np.clip(now + np.random.default_rng(1).normal(0, 6, now.shape), 0, 255).astype(np.uint8)
    assert motion.seen.mean() > 0.8
    assert moved < 2
    assert metrics.warped_error(before, noisy, motion) == pytest.approx(6, abs=1)


def test_flicker_is_how_much_places_change_their_brightness():
    frame = texture()
    lighter = cv2.convertScaleAbs(frame, alpha=1.1)
    assert flicker(places(frame), places(frame)) == 0
    assert flicker(places(frame), places(lighter)) == pytest.approx(9.5, abs=0.5)
    assert flicker(places(np.zeros_like(frame)), places(np.full_like(frame, 1))) == pytest.approx(100)  # per level


def test_blocks_show_where_the_input_is_dark():
    smooth = np.repeat(np.linspace(0, 40, 160, dtype=np.float32)[None], 120, 0)
    rough = np.random.default_rng(0).integers(0, 6, (120, 160))
    blocks = np.repeat(np.repeat(np.random.default_rng(1).integers(0, 30, (15, 20)), 8, 0), 8, 1)
    plain = cv2.merge([(smooth + rough).astype(np.uint8)] * 3)
    blocky = cv2.merge([(rough + blocks).astype(np.uint8)] * 3)
    assert metrics.blockiness(plain, plain) == pytest.approx(1, abs=0.1)
    assert metrics.blockiness(blocky, blocky) > 3
    assert np.isnan(metrics.blockiness(blocky + 100, blocky + 100))


def test_denoising_over_time_comes_closer_to_the_frames_without_noise():
    with open_video_contenders(["curve_grid"], baselines=False, runtime="auto") as contenders:
        evaluation = evaluate_video(drive_frames(320, 180, 0.2, 4.0, still=True), contenders, shown=[0, 5])
    made = means(evaluation)
    assert len(evaluation.stamps) == 6
    assert [number for number, _ in evaluation.moments] == [0, 5]
    assert made["curve_grid"]["ssim"] > made["curve_grid, not over time"]["ssim"] + 0.02
    assert made["curve_grid, not over time"]["ssim"] > made["curve_grid, not denoised"]["ssim"] + 0.02
    assert made["curve_grid"]["warped_error"] < made["curve_grid, not denoised"]["warped_error"]
    assert "ms" not in made["input"]


def test_a_change_of_size_and_a_single_frame_are_measured_as_far_as_can_be():
    with open_video_contenders([], baselines=True, runtime="auto") as contenders:
        frames = [VideoFrame(texture(number, 120 + 20 * number), float(number)) for number in range(2)]
        changed, single = evaluate_video(frames, contenders), evaluate_video(frames[:1], contenders)
    assert changed.sizes == [(160, 120), (160, 140)]
    assert np.isnan(changed.values["input"]["warped_error"]).all()
    assert means(single)["CLAHE on L"]["luma"] > means(single)["input"]["luma"]
    with (
        open_video_contenders([], baselines=False, runtime="auto") as contenders,
        pytest.raises(FrameError, match="without noise"),
    ):
        evaluate_video([VideoFrame(texture(), 0.0, texture(height=90))], contenders)


@pytest.fixture
def clips(tmp_path):
    """Two videos of the same six frames, and the first five of them."""
    pictures = [cv2.convertScaleAbs(texture(1), alpha=0.3, beta=number) for number in range(6)]
    for name, count in (("night.mkv", 6), ("clean.mkv", 6), ("short.mkv", 5)):
        with VideoWriter(tmp_path / name, Fraction(30)) as writer:
            for picture in pictures[:count]:
                writer.write(picture)
    assert sum(1 for _ in VideoReader(tmp_path / "night.mkv")) == 6
    return tmp_path


def test_the_command_measures_a_video_beside_its_clean_frames(clips, monkeypatch, capsys):
    out = clips / "report"
    arguments = [str(clips / "night.mkv"), "--clean", str(clips / "clean.mkv"), "--no-baselines", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["illumigan", "evaluate-video", *arguments])
    main_exits(0)
    assert "One clip of 6 frames" in capsys.readouterr().out
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert [row["frame"] for row in rows if row["method"] == "input"] == list("012345")
    assert all(float(row["ssim"]) == 1 for row in rows if row["method"] == "input")
    assert cv2.imread(str(out / "over_time.png")).shape[1] == 960
    assert cv2.imread(str(out / "contact_sheet.jpg")) is not None


def test_a_clean_video_of_another_length_is_refused(clips, monkeypatch, capsys):
    arguments = [str(clips / "night.mkv"), "--clean", str(clips / "short.mkv"), "--no-baselines"]
    monkeypatch.setattr(sys, "argv", ["illumigan", "evaluate-video", *arguments])
    main_exits(2)
    assert "short.mkv has 5 frames, the other more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["night.mkv", "--size", "640x360"], "Footage was given, and no drive is rendered: leave out --size."),
        (["night.mkv", "--noise", "4"], "Footage was given, and no drive is rendered: leave out --noise."),
        (["night.mkv", "--still"], "Footage was given, and no drive is rendered: leave out --still."),
        (["--topic", "/image"], "The rendered drive has no topics: leave out --topic."),
        (["--clean", "clean.mkv"], "The rendered drive knows its frames without noise itself: leave out --clean."),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(clips, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(clips)
    monkeypatch.setattr(sys, "argv", ["illumigan", "evaluate-video", *arguments])
    main_exits(2)
    assert capsys.readouterr().err == f"error: {sentence}\n"


@pytest.mark.parametrize("option", ["--seconds", "--noise"])
@pytest.mark.parametrize("number", ["0", "nan", "inf", "1e+18", "1e+30", "1e+308", "1e-300"])
def test_a_number_beyond_all_use_is_one_sentence(option, number):
    assert error("evaluate-video", "--size", "64x48", option, number) == (
        f"error: {option} must be a number above 0 (from 0.000001 to 1000000), not {number}."
    )


def test_the_most_noise_that_can_be_asked_for_is_measured(recwarn):
    (frame,) = drive_frames(64, 48, 1 / 30, 1e6, still=True)
    assert frame.bgr.std() > 50
    assert not recwarn.list


def main_exits(code):
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
