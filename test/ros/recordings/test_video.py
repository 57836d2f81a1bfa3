"""Videos, real files through PyAV (and OpenCV where PyAV is missing)."""

import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data as pictures

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.footage import Footage, picture_of
from illumigan_ros.recordings.video import VideoReader, VideoWriter, video_writers

av = pytest.importorskip("av")
PHOTO = cv2.cvtColor(cv2.resize(pictures.astronaut(), (160, 120)), cv2.COLOR_RGB2BGR)
NTSC = Fraction(30000, 1001)


def write_video(path, size=(160, 120), frames=40, fps=NTSC):
    photo = cv2.resize(PHOTO, size)
    with VideoWriter(path, fps) as video:
        for index in range(frames):
            video.write(np.roll(photo, index, axis=1))
    return path


def read(path):
    with VideoReader(path) as video:
        return video.fps, [frame.picture for frame in video]


@pytest.fixture
def without_av(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frame_count_rate_and_pictures_survive(tmp_path, suffix):
    fps, frames = read(write_video(tmp_path / f"a{suffix}"))
    assert float(fps) == pytest.approx(float(NTSC), rel=1e-3)
    assert len(frames) == 40
    for index in (0, 17, 39):
        error = np.abs(frames[index].astype(int) - np.roll(PHOTO, index, axis=1)).mean()
        assert error < 6


def test_the_codec_is_one_that_every_player_knows(tmp_path):
    with av.open(str(write_video(tmp_path / "a.mp4"))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (161, 121)])
def test_odd_sides_grow_by_one_repeated_pixel(tmp_path, size):
    _, frames = read(write_video(tmp_path / "a.mp4", size))
    assert frames[0].shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)


def test_grey_pictures_can_be_written(tmp_path):
    with VideoWriter(tmp_path / "grey.mp4", Fraction(10)) as video:
        for _ in range(3):
            video.write(PHOTO[..., 1])
    _, frames = read(tmp_path / "grey.mp4")
    assert np.abs(frames[0].astype(int) - PHOTO[..., 1:2]).mean() < 4


def test_a_video_can_be_read_again(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4")) as video:
        first, second = list(video), list(video)
    assert len(first) == len(second) == video.frame_count == 40
    np.testing.assert_array_equal(first[5].picture, second[5].picture)
    assert first[5].time == second[5].time == 5 / NTSC


def test_frames_that_an_edit_hides_are_not_missed(tmp_path):
    # Cutting an mp4 without re-encoding keeps the packets from the last key frame on and hides them with an edit list.
    path = tmp_path / "cut.mp4"
    with av.open(str(write_video(tmp_path / "a.mp4"))) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        shift = 10 * int(1 / NTSC / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts -= shift
                packet.dts -= shift
                packet.stream = copy
                target.mux(packet)
    with VideoReader(path) as video:
        assert (len(list(video)), video.losses) == (30, [])
        assert video.notes == ["10 frames that the video's edit list hides are left out"]


def test_opencv_reads_where_av_is_missing(tmp_path, without_av, monkeypatch):
    monkeypatch.undo()
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    fps, frames = read(path)
    assert (fps, len(frames)) == (NTSC, 40)


def test_writing_without_av_says_what_to_install(tmp_path, without_av):
    with pytest.raises(FrameError, match=r"pip install 'illumigan\[video\]'"):
        VideoWriter(tmp_path / "a.mp4", NTSC)


def test_a_video_is_footage_whose_stamps_count_from_zero(tmp_path):
    with Footage(write_video(tmp_path / "a.mp4")) as footage:
        messages = list(footage.messages(seconds=0.5))
    assert [message.time_ns for message in messages[:3]] == [0, 33366667, 66733333]
    assert len(messages) == 15
    assert picture_of(messages[0]).shape == (120, 160, 3)
    with pytest.raises(FrameError, match="is a video and has no topic"):
        Footage(tmp_path / "a.mp4", "/image")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"this is no video " * 50, "cannot be read as a video")],
)
def test_what_is_no_video_is_refused(tmp_path, content, sentence):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(FrameError, match=sentence):
        VideoReader(tmp_path / "a.mp4")


def test_a_missing_video_is_refused(tmp_path):
    with pytest.raises(FrameError, match="There is no video"):
        VideoReader(tmp_path / "a.mp4")


@pytest.mark.parametrize("kept", [0.1, 0.6, 0.95])
def test_a_video_without_its_index_is_refused(tmp_path, kept):
    content = write_video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(FrameError, match=r"truncated|cut off|damaged"):
        read(tmp_path / "cut.mp4")


def test_an_error_while_writing_leaves_no_video(tmp_path):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "half.mp4", NTSC) as video:
        video.write(PHOTO)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_is_not_written(tmp_path):
    with pytest.raises(FrameError, match="No frame came"), VideoWriter(tmp_path / "none.mp4", NTSC):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_changes_is_refused(tmp_path):
    with (
        pytest.raises(FrameError, match="changes from 160x120 to 80x60"),
        VideoWriter(tmp_path / "a.mp4", NTSC) as video,
    ):
        video.write(PHOTO)
        video.write(PHOTO[::2, ::2])
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FrameError, match="cannot be written"):
        VideoWriter(tmp_path / "file" / "a.mp4", NTSC)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(FrameError, match="Is a directory"):
        VideoWriter(tmp_path / "folder.mp4", NTSC)
    with pytest.raises(FrameError, match=r"must end in .mp4, .mkv or .mov"):
        VideoWriter(tmp_path / "a.avi", NTSC)


def test_videos_that_belong_together_appear_together_or_not_at_all(tmp_path):
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with pytest.raises(FrameError, match=r"No frame came for .*b\.mp4"), video_writers(paths, NTSC) as (first, _):
        first.write(PHOTO)
    assert list(tmp_path.iterdir()) == []
    with video_writers(paths, NTSC) as writers:
        for writer in writers:
            writer.write(PHOTO)
        assert not any(path.exists() for path in paths)
    assert sorted(tmp_path.iterdir()) == paths


def test_a_frame_rate_that_no_video_can_have_is_refused(tmp_path):
    with pytest.raises(FrameError, match=r"cannot become H\.264 at 1e\+12 frames per second"):
        VideoWriter(tmp_path / "a.mp4", Fraction(10**12))
    assert list(tmp_path.iterdir()) == []
