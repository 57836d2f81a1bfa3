"""Videos that are cut off or damaged: what can be read is used, and what is missing is told."""

import re

import numpy as np
import pytest
from inputs.videos import CONTAINERS

from illumigan_ros.recordings.footage import Footage
from illumigan_ros.recordings.video import VideoReader

av = pytest.importorskip("av")
FRAMES = 40
FASTSTART = {"movflags": "faststart"}  # the index comes first, so that the file still opens when its end is missing


@pytest.fixture(scope="module")
def whole(tmp_path_factory, encode, card):
    """A function that returns a whole video of a kind; noise makes all frames of it about as large."""
    noise = np.random.default_rng(0).integers(0, 40, (FRAMES, 64, 256, 3), np.uint8)
    frames = [np.minimum(card(), 200) + each for each in noise]

    def make(kind):
        suffix, codec, sound = CONTAINERS[kind]
        options = {"h264": {"bf": "0"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}.get(codec, {"bf": "0"})
        path = tmp_path_factory.mktemp("whole") / f"whole{suffix}"
        pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        container = FASTSTART if suffix in (".mp4", ".mov") else None
        return encode(path, frames, codec=codec, sound=sound, pix_fmt=pix_fmt, full_range=codec == "mjpeg",
                      options={"qmin": "2", "qmax": "2", **options} if codec in ("mpeg4", "flv") else options,
                      container_options=container)  # fmt: skip

    return make


def read(path):
    with VideoReader(path) as video:
        return len(list(video)), video.losses


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_video_that_is_cut_off_is_read_and_the_missing_frames_are_counted(kind, whole, tmp_path):
    path = whole(kind)
    assert read(path) == (FRAMES, [])
    for kept in (0.5, 0.93):
        cut = tmp_path / f"cut{path.suffix}"
        cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
        count, (loss,) = read(cut)
        assert 5 < count < FRAMES
        lost, total = re.search(r"is cut off or damaged: (\d+) of (\d+) frames could not be read\.$", loss).groups()
        assert int(total) == count + int(lost) == pytest.approx(FRAMES, abs=2)


def test_of_an_mkv_in_step_the_last_frame_is_missed_as_well(whole, tmp_path):
    path = whole("mkv")
    with av.open(str(path)) as container:
        last = [packet.pos for packet in container.demux(video=0) if packet.size][-1]
    (tmp_path / "cut.mkv").write_bytes(path.read_bytes()[: last + 20])
    count, (loss,) = read(tmp_path / "cut.mkv")
    assert count == FRAMES - 1
    assert loss.endswith(f"1 of {FRAMES} frames could not be read.")


@pytest.mark.parametrize(("suffix", "options"), [(".mp4", {"movflags": "frag_keyframe+empty_moov"}), (".ts", None)])
def test_of_a_video_that_is_made_to_be_cut_up_a_last_piece_that_is_not_whole_is_told(
    suffix, options, encode, card, tmp_path
):
    noise = np.random.default_rng(0).integers(0, 40, (FRAMES, 64, 256, 3), np.uint8)
    frames = [np.minimum(card(), 200) + each for each in noise]
    encoding = {"qp": "0", "bf": "0", "g": "10"}
    path = encode(tmp_path / f"whole{suffix}", frames, options=encoding, container_options=options)
    assert read(path) == (FRAMES, [])
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    count, (loss,) = read(cut)
    assert 5 < count < FRAMES
    assert "is cut off" in loss or "is damaged" in loss


def test_a_recording_that_starts_between_key_frames_loses_those(whole, encode, card, tmp_path, enhance_video):
    frames = [np.roll(card(), 4 * index, axis=1) for index in range(FRAMES)]
    source = encode(tmp_path / "a.mkv", frames, options={"bf": "0", "g": "16", "sc_threshold": "0"})
    with av.open(str(source)) as whole_file, av.open(str(tmp_path / "late.mkv"), "w") as late:
        copy = late.add_stream_from_template(whole_file.streams.video[0])
        for index, packet in enumerate(whole_file.demux(video=0)):
            if packet.size and index >= 5:
                packet.stream = copy
                late.mux(packet)
    result = enhance_video(tmp_path / "late.mkv", tmp_path / "out.mp4")
    assert result.done == FRAMES - 16
    assert result.losses == [f"{tmp_path / 'late.mkv'} is cut off or damaged: 11 of 35 frames could not be read."]
    assert read(tmp_path / "out.mp4") == (FRAMES - 16, [])


def test_damage_in_the_middle_does_not_end_the_video(whole, tmp_path):
    path = whole("avi of JPEGs")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    (tmp_path / "bad.avi").write_bytes(content)
    count, losses = read(tmp_path / "bad.avi")
    assert count > FRAMES * 0.8 and (count == FRAMES or losses)


def test_losses_are_told_once_however_often_the_footage_is_played(whole, tmp_path):
    path = whole("mp4")
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Footage(tmp_path / "cut.mp4") as footage:
        counts = [sum(1 for _ in footage.messages()) for _ in range(2)]
        assert counts[0] == counts[1] < FRAMES
        assert len(footage.losses) == 1
