"""When and how the frames of a video are shown: their own times, rotation, pixel shape, fields."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from inputs.videos import FIELDS, TURNS, WRITTEN

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.footage import Footage
from illumigan_ros.recordings.video import VideoReader, VideoWriter
from illumigan_ros.recordings.video.clock import FrameClock

av = pytest.importorskip("av")
SHOWN = {
    "a quarter left": lambda picture: cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE),
    "a quarter right": lambda picture: cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE),
    "upside down": lambda picture: cv2.rotate(picture, cv2.ROTATE_180),
    "mirrored": lambda picture: picture[:, ::-1],
    "turned and mirrored": lambda picture: picture.transpose(1, 0, 2),
}


def times_of(path):
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def matrix_of(frame):
    return tuple(np.frombuffer(bytes(frame.side_data["DISPLAYMATRIX"]), np.int32))


def moving(card, count):
    return [np.roll(card(), 8 * index, axis=1) for index in range(count)]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_each_frame_keeps_its_own_time(suffix, tmp_path, encode, card, enhance_video):
    # a phone that halves its rate in the dark, and starts late
    ticks = [90000, 93000, 96000, 99003, 105000, 111000, 117000, 150000]
    source = encode(tmp_path / "in.mp4", moving(card, 8), times=ticks, time_base=Fraction(1, 90000))
    names = [tmp_path / f"out{suffix}", tmp_path / f"map{suffix}"]
    assert enhance_video(source, names[0], attention=names[1]).done == 8
    assert times_of(source) == [Fraction(tick, 90000) for tick in ticks]
    for name in names:
        error = max(abs(after - before) for before, after in zip(times_of(source), times_of(name), strict=True))
        assert error <= (Fraction(1, 2000) if suffix == ".mkv" else 0)  # mkv has milliseconds


def test_the_last_frame_stays_as_long_as_it_did(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", Fraction(10)) as video:
        for time, duration in ((0, 1), (1, 2), (3, 4)):
            video.write(np.zeros((32, 32, 3), np.uint8), Fraction(time), Fraction(duration))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration == 7_000_000


def test_a_broadcasts_clock_becomes_a_start_at_zero(tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / "in.ts", moving(card, 4), times=[3000, 3001, 3002, 3004], options={"bf": "0"})
    result = enhance_video(source, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4") == [0, Fraction(1, 30), Fraction(2, 30), Fraction(4, 30)]
    assert any("clock starts at 100 s" in note for note in result.warnings)


def test_frames_without_times_follow_at_the_codecs_rate(tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / "in.h264", moving(card, 5), rate=20, time_base=Fraction(1, 20), options={"bf": "0"})
    result = enhance_video(source, tmp_path / "out.mp4")
    assert [round(time * 20) for time in times_of(tmp_path / "out.mp4")] == [0, 1, 2, 3, 4]
    assert any("5 of 5 frames had no time" in note for note in result.warnings)


def test_times_that_run_back_begin_anew_and_small_disorder_keeps_the_order(tmp_path, encode, card, enhance_video):
    clock = FrameClock(Fraction(1, 10), Fraction(1, 1000))
    own = [Fraction(tenth, 10) for tenth in (50, 51, 50, 51, 52, 0, 1, 2)]
    assert [float(clock.time(time)) for time in own] == [5, 5.1, 5.101, 5.102, 5.2, 5.3, 5.4, 5.5]
    assert clock.mended == 3
    # two recordings, one behind the other
    twice = encode(tmp_path / "in.ts", moving(card, 40), options={"bf": "0"}).read_bytes() * 2
    (tmp_path / "twice.ts").write_bytes(twice)
    assert enhance_video(tmp_path / "twice.ts", tmp_path / "out.mp4").done == 80
    times = times_of(tmp_path / "out.mp4")
    assert len(times) == 80 and times[-1] - times[0] == pytest.approx(79 / 30, abs=0.01)


def test_footage_has_the_frames_own_times(tmp_path, encode, card):
    source = encode(tmp_path / "in.mkv", moving(card, 4), times=[0, 100, 350, 400], time_base=Fraction(1, 1000))
    with Footage(source) as footage:
        assert [message.time_ns for message in footage.messages()] == [0, 100_000_000, 350_000_000, 400_000_000]


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_is_applied_for_reading_and_carried_over(turn, tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / "in.mp4", [card()], matrix_of_display=TURNS[turn], pixel_shape=Fraction(4, 3), rate=10)
    with VideoReader(source) as video:
        shown = next(iter(video)).picture
    assert np.abs(shown.astype(int) - SHOWN[turn](card())).mean() < 2
    enhance_video(source, tmp_path / "out.mp4")
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        frames = [next(container.decode(video=0)) for container in (before, after)]
        assert matrix_of(frames[0]) == matrix_of(frames[1]) == TURNS[turn]
        assert [container.streams.video[0].sample_aspect_ratio for container in (before, after)] == [Fraction(4, 3)] * 2
    pictures = [frame.to_ndarray(format="bgr24").astype(int) for frame in frames]
    assert np.abs(pictures[0] - pictures[1]).mean() < 1


def test_side_by_side_is_upright(tmp_path, encode, card, enhance_video):
    turn = TURNS["a quarter left"]
    source = encode(tmp_path / "in.mp4", [card()], matrix_of_display=turn, pixel_shape=Fraction(4, 3))
    enhance_video(source, tmp_path / "out.mp4", compare=True)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (128, 256, 0)
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


@pytest.mark.parametrize("order", FIELDS)
@pytest.mark.skipif(not hasattr(av.VideoCodecContext, "field_order"), reason="this PyAV does not tell the order")
def test_interlaced_video_stays_interlaced(order, tmp_path, encode, card, enhance_video):
    combed = card()
    combed[1::2] = 255 - combed[1::2]  # the fields differ, in colour as well
    options = {"qp": "0", "x264-params": f"{order}=1"}
    source = encode(tmp_path / "in.mkv", [combed] * 3, options=options, pix_fmt="yuv444p")
    result = enhance_video(source, tmp_path / "out.mkv")
    assert result.done == 3
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert next(container.decode(video=0)).interlaced_frame
        assert container.streams.video[0].codec_context.field_order == {"tff": 2, "bff": 3}[order]
    with VideoReader(tmp_path / "out.mkv") as video:
        picture = next(iter(video)).picture
    for row in (40, 41):
        assert np.abs(picture[row, 16::32].astype(int) - combed[row, 16::32]).max() <= 4


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_frame_is_a_video(suffix, tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / f"in{suffix}", [card()])
    assert enhance_video(source, tmp_path / "out.mp4").done == 1
    assert times_of(tmp_path / "out.mp4") == [0]


def test_frames_of_another_size_are_scaled_and_counted(tmp_path, encode, card, enhance_video):
    large = encode(tmp_path / "large.ts", [card()] * 5, options={"bf": "0"}).read_bytes()
    small = encode(tmp_path / "small.ts", [card(32, 128)] * 3, options={"bf": "0"}).read_bytes()
    (tmp_path / "both.ts").write_bytes(large + small)
    result = enhance_video(tmp_path / "both.ts", tmp_path / "out.mp4")
    assert (result.done, len(times_of(tmp_path / "out.mp4"))) == (8, 8)
    assert "3 frames of another size were scaled to 256x64, as the first is" in result.warnings


def test_an_animation_is_a_video_and_a_picture_is_none(tmp_path, encode, card, enhance_video):
    kind = {"codec": "gif", "pix_fmt": "bgr8", "rate": 10, "time_base": Fraction(1, 10)}
    source = encode(tmp_path / "a.gif", moving(card, 3), **kind)
    assert enhance_video(source, tmp_path / "out.mp4").done == 3
    for suffix in (".png", ".jpg"):
        (tmp_path / "picture.mp4").write_bytes(cv2.imencode(suffix, card())[1].tobytes())
        with pytest.raises(FrameError, match="is a picture and no video; enhance-images takes pictures"):
            VideoReader(tmp_path / "picture.mp4")
