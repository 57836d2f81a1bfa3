"""`illumigan enhance-video` on real video files, and one sentence where that cannot be."""

import re
import shutil
from fractions import Fraction

import numpy as np
from support.commands import error, illumigan, illumigan_process
from support.footage import NIGHT

from illumigan_ros.recordings.video import VideoReader, VideoWriter


def test_a_video_keeps_frame_count_and_rate(night_video, tmp_path):
    output = illumigan("enhance-video", night_video, tmp_path / "out.mp4", "--attention", tmp_path / "map.mp4")
    assert "12 frames" in output
    for name in ("out.mp4", "map.mp4"):
        with VideoReader(tmp_path / name) as video:
            frames = [frame.picture for frame in video]
            assert (video.fps, len(frames), frames[0].shape) == (Fraction(30000, 1001), 12, (120, 160, 3))
    with VideoReader(tmp_path / "out.mp4") as video:
        assert next(iter(video)).picture.mean() > 1.5 * NIGHT.mean()


def test_a_video_and_its_attention_appear_together_or_not_at_all(tmp_path):
    # side by side holds twice the pixels and noise on top, so that it alone outgrows the disk
    noise = np.random.default_rng(0).integers(0, 255, (4, 120, 160, 3), np.uint8)
    with VideoWriter(tmp_path / "noise.mp4", Fraction(10)) as video:
        for frame in noise:
            video.write(frame)
    arguments = ("--side-by-side", "--attention", tmp_path / "out" / "map.mp4")
    illumigan("enhance-video", tmp_path / "noise.mp4", tmp_path / "out" / "whole.mp4", *arguments)
    sizes = [(tmp_path / "out" / name).stat().st_size for name in ("map.mp4", "whole.mp4")]
    assert sizes[0] < sizes[1]
    shutil.rmtree(tmp_path / "out")
    sentence = error("enhance-video", tmp_path / "noise.mp4", tmp_path / "out" / "whole.mp4", *arguments,
                     run=illumigan_process, most_bytes=sum(sizes) // 2)  # fmt: skip
    assert "The disk is full" in sentence
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_side_by_side_shows_both(night_video, tmp_path):
    illumigan("enhance-video", night_video, tmp_path / "both.mp4", "--side-by-side")
    with VideoReader(tmp_path / "both.mp4") as video:
        frames = [frame.picture for frame in video]
    assert (len(frames), frames[0].shape) == (12, (120, 320, 3))
    left, right = frames[5][30:, :160].astype(int), frames[5][30:, 160:]
    assert np.abs(left - np.roll(NIGHT, 15, axis=1)[30:]).mean() < 4
    assert right.mean() > 1.5 * left.mean()


def test_videos_that_do_not_do(night_video, tmp_path, monkeypatch):
    before = night_video.read_bytes()
    assert "is the input itself" in error("enhance-video", night_video, night_video)
    both = night_video.with_name("both.mp4")
    assert "cannot be the result and its attention map" in error(
        "enhance-video", night_video, both, "--attention", both
    )
    assert night_video.read_bytes() == before
    (tmp_path / "cut.mp4").write_bytes(before[: len(before) // 2])
    out = tmp_path / "out.mp4"
    assert "cannot be read as a video" in error("enhance-video", tmp_path / "cut.mp4", out)
    assert "There is no video" in error("enhance-video", tmp_path / "nowhere.mp4", out)
    assert "is a folder and no video" in error("enhance-video", tmp_path, out)
    assert "must end in" in error("enhance-video", night_video, tmp_path / "out.gif")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "There is no display here" in error("enhance-video", night_video, out, "--display")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mp4", "night.mp4"]


def test_a_video_that_is_cut_off_is_enhanced_as_far_as_it_goes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 60, (12, 120, 160, 3)).astype(np.uint8)
    with VideoWriter(tmp_path / "night.mkv", Fraction(10)) as video:
        for frame in noise:
            video.write(frame)
    content = (tmp_path / "night.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    output = illumigan("enhance-video", tmp_path / "cut.mkv", tmp_path / "out.mp4", code=1)
    (done,) = re.findall(r"^(\d+) frames .* enhanced into", output, re.MULTILINE)
    assert f"cut.mkv is cut off or damaged: {12 - int(done)} of 12 frames could not be read." in output
    assert "error: The source is not complete" in output
    with VideoReader(tmp_path / "out.mp4") as video:
        assert len(list(video)) == int(done) > 3
