"""What a video has beside its pictures: sound, subtitles, chapters, titles."""

from fractions import Fraction

import numpy as np
import pytest
from inputs.videos import SOUNDS

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.video import VideoReader

av = pytest.importorskip("av")
LINES = "1\n00:00:00,100 --> 00:00:00,400\nHello\n\n2\n00:00:00,500 --> 00:00:00,900\nNight\n"


def frames_of(card, count=30):
    return [np.roll(card(), 4 * index, axis=1) for index in range(count)]


def packets_of(path, kind):
    """Return time in seconds and content of the packets of the one stream of a kind; None where there is none."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        if not streams:
            return None
        packets = [packet for packet in container.demux(streams[0]) if packet.size]
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets]


def picture_times(path):
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("suffix", "sound", "target"), SOUNDS)
def test_sound_is_copied_and_stays_in_step(suffix, sound, target, tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / f"in{suffix}", frames_of(card), sound=sound, options={"bf": "0"})
    result = enhance_video(source, tmp_path / f"out{target}", attention=tmp_path / f"map{target}")
    assert result.warnings == []
    before, after = packets_of(source, "audio"), packets_of(tmp_path / f"out{target}", "audio")
    assert [content[-20:] for _, content in after] == [content[-20:] for _, content in before]  # TS adds headers
    assert max(abs(late - early) for (early, _), (late, _) in zip(before, after, strict=True)) < 0.002
    assert picture_times(tmp_path / f"out{target}") == pytest.approx(picture_times(source), abs=0.001)
    assert packets_of(tmp_path / f"map{target}", "audio") is None


def test_what_a_container_cannot_hold_is_told(tmp_path, encode, card, enhance_video):
    source = encode(tmp_path / "in.mkv", frames_of(card), sound="flac")
    result = enhance_video(source, tmp_path / "out.mov")
    assert result.done == 30
    assert result.warnings == ["audio (flac) cannot be in a file of kind mov, and is left out"]


@pytest.fixture
def film(tmp_path, encode, card):
    """A Matroska file with subtitles, chapters and titles."""
    (tmp_path / "lines.srt").write_text(LINES)
    pictures = encode(tmp_path / "pictures.mkv", frames_of(card))
    with (
        av.open(str(pictures)) as video, av.open(str(tmp_path / "lines.srt")) as lines,
        av.open(str(tmp_path / "film.mkv"), "w") as film,
    ):  # fmt: skip
        copies = [film.add_stream_from_template(each.streams[0]) for each in (video, lines)]
        copies[0].metadata["language"], copies[1].metadata["language"] = "nor", "deu"
        film.metadata["title"] = "A night"
        chapter = {"time_base": Fraction(1, 1000), "metadata": {"title": "Dusk"}}
        spans = ((1, 0, 400), (2, 400, 1000))
        film.set_chapters([{"id": number, "start": start, "end": end, **chapter} for number, start, end in spans])
        for each, copy in ((lines, copies[1]), (video, copies[0])):
            for packet in each.demux():
                if packet.size:
                    packet.stream = copy
                    film.mux(packet)
    return tmp_path / "film.mkv"


def test_subtitles_chapters_and_titles_are_copied(film, tmp_path, enhance_video):
    assert enhance_video(film, tmp_path / "out.mkv").warnings == []
    assert packets_of(tmp_path / "out.mkv", "subtitle") == packets_of(film, "subtitle")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.metadata["title"] == "A night"
        assert [stream.metadata["language"] for stream in container.streams] == ["nor", "deu"]
        times = [(chapter["start"] * chapter["time_base"], chapter["metadata"]) for chapter in container.chapters()]
        assert times == [(0, {"title": "Dusk"}), (Fraction(2, 5), {"title": "Dusk"})]


def test_mp4_keeps_the_chapters_and_tells_of_the_subtitles(film, tmp_path, enhance_video):
    (warning,) = enhance_video(film, tmp_path / "out.mp4").warnings
    assert warning.startswith("subtitle (") and warning.endswith("cannot be in a file of kind mp4, and is left out")
    assert enhance_video(tmp_path / "out.mp4", tmp_path / "again.mp4").warnings == []
    with av.open(str(tmp_path / "again.mp4")) as container:
        assert (len(container.chapters()), container.metadata["title"]) == (2, "A night")


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 48000
        container.mux([*stream.encode(samples), *stream.encode()])
    with pytest.raises(FrameError, match=r"a\.m4a has no video in it\."):
        VideoReader(tmp_path / "a.m4a")
