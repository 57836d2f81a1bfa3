"""The colours of a video: what comes out means what came in."""

from fractions import Fraction

import numpy as np
import pytest
from inputs.videos import COLOURS, PLANES

from illumigan_model.errors import FrameError
from illumigan_model.frames.kernels import compiled, plain
from illumigan_ros.recordings.video import VideoReader, VideoWriter, colour

av = pytest.importorskip("av")
SHARES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def first_frame(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def tags_of(frame):
    return frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range


def decoded(frame, at, matrix=None):
    """Return pixels of an 8-bit 4:2:0 frame as BGR, by the formula of its matrix (ITU-R BT.601, BT.709, BT.2020)."""
    luma, u, v = (np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)
    red, blue = SHARES[matrix or frame.colorspace]
    pixels = []
    for y, x in at:
        levels = float(luma[y, x]), float(u[y // 2, x // 2]) - 128, float(v[y // 2, x // 2]) - 128
        if frame.color_range != 2:
            levels = (levels[0] - 16) * 255 / 219, levels[1] * 255 / 224, levels[2] * 255 / 224
        r, b = levels[0] + 2 * (1 - red) * levels[2], levels[0] + 2 * (1 - blue) * levels[1]
        pixels.append((b, (levels[0] - red * r - blue * b) / (1 - red - blue), r))
    return np.round(np.clip(pixels, 0, 255))


@pytest.mark.parametrize("kind", COLOURS)
def test_tags_stay_and_patches_come_back_within_one_level(kind, tmp_path, encode, card, card_middles, enhance_video):
    tags, matrix, full_range = COLOURS[kind]
    source = encode(tmp_path / "in.mp4", [card()] * 3, tags=tags, matrix=matrix, full_range=full_range)
    enhance_video(source, tmp_path / "out.mp4")
    before, after = first_frame(source), first_frame(tmp_path / "out.mp4")
    assert tags_of(after) == tags_of(before) == (*tags, 2 if full_range else 1)
    assert np.abs(decoded(after, card_middles) - decoded(before, card_middles)).max() <= 1


@pytest.mark.parametrize(("size", "matrix", "tags"), [((720, 1280), 1, (1, 1, 1)), ((128, 512), 5, (6, 1, 6))])
def test_without_tags_the_usual_ones_of_the_size_are_taken_and_written(
    size, matrix, tags, tmp_path, encode, card, card_middles, enhance_video
):
    picture = np.zeros((*size, 3), np.uint8)
    picture[:128, :512] = card().repeat(2, axis=0).repeat(2, axis=1)
    middles = [(2 * y, 2 * x) for y, x in card_middles]
    source = encode(tmp_path / "in.mp4", [picture], matrix=matrix)
    enhance_video(source, tmp_path / "out.mp4")
    before, after = first_frame(source), first_frame(tmp_path / "out.mp4")
    assert tags_of(before) == (2, 2, 2, 0) and tags_of(after) == (*tags, 1)
    assert np.abs(decoded(after, middles) - decoded(before, middles, matrix)).max() <= 1


@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), PLANES)
def test_every_kind_of_plane_is_read(codec, pix_fmt, suffix, tmp_path, encode, card, card_middles):
    source = encode(tmp_path / f"in{suffix}", [card()] * 2, codec=codec, pix_fmt=pix_fmt)
    with VideoReader(source) as video:
        picture = next(iter(video)).picture
    expected = card().astype(int)
    if pix_fmt == "gray":
        expected = np.round(expected @ [0.114, 0.587, 0.299])[..., None]
    for at in card_middles:
        assert np.abs(picture[at] - expected[at]).max() <= 2, at


def test_grey_pictures_stay_grey(tmp_path):
    with VideoWriter(tmp_path / "grey.mp4", Fraction(10)) as video:
        video.write(np.repeat(np.arange(0, 256, 8, dtype=np.uint8), 16)[None].repeat(32, axis=0))
    _, u, v = first_frame(tmp_path / "grey.mp4").planes
    assert set(np.frombuffer(memoryview(u), np.uint8)) == set(np.frombuffer(memoryview(v), np.uint8)) == {128}


@pytest.mark.skipif(not colour.can_map_tones(), reason="needs PyAV 18")
def test_hdr_becomes_bt709_with_paper_as_white(tmp_path, encode):
    # HLG levels of greys as bright as BT.1886 shows 60, 128 and 254 where white has 203 nits (ITU-R BT.2408, BT.2100).
    grey = np.repeat(np.array([53, 114, 191], np.uint8), 32)[None, :, None].repeat(32, 0).repeat(3, 2)
    source = encode(tmp_path / "in.mkv", [grey], codec="ffv1", pix_fmt="yuv420p10le", tags=(9, 9, 18), matrix=9)
    with VideoReader(source) as video:
        picture = next(iter(video)).picture
        assert (video.presentation.colour.matrix, video.presentation.colour.transfer) == (1, 1)
        assert "HDR" in video.notes[0]
    np.testing.assert_allclose(picture[16, 16::32], np.array([[60], [128], [254]]).repeat(3, 1), atol=4)


def test_hdr_is_refused_where_its_tones_cannot_be_mapped(tmp_path, encode, card, monkeypatch):
    source = encode(tmp_path / "in.mkv", [card()], codec="ffv1", pix_fmt="yuv420p10le", tags=(9, 9, 16))
    monkeypatch.setattr(colour, "can_map_tones", lambda: False)
    with pytest.raises(FrameError, match=r"in\.mkv cannot be enhanced: this PyAV cannot bring HDR to BT\.709"):
        VideoReader(source)


def test_a_matrix_that_is_not_known_is_refused(tmp_path, encode, card):
    source = encode(tmp_path / "in.mkv", [card()], codec="ffv1", tags=(8, 1, 1))
    with pytest.raises(FrameError, match=r"in\.mkv cannot be enhanced: its colour matrix \(YCgCo\) is not supported"):
        VideoReader(source)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("fields", [1, 2])
def test_compiled_and_plain_kernels_agree_and_keep_chroma(fields, full_range):
    meaning = colour.Colour(1, 1, 1, full_range)
    levels = np.random.default_rng(0).integers(96, 160, (3, 24, 40), np.uint8)
    for plane in levels:
        plane.flags.writeable = False
    pictures, planes = [], []
    for kernels in (compiled, plain):
        picture = np.empty((24, 120), np.uint8)
        kernels.yuv.to_bgr(levels[0], levels[1], levels[2], fields, colour._weights_to_bgr(meaning), picture)
        pictures.append(picture.copy())
        picture.flags.writeable = False
        back = np.zeros((3, 24, 40), np.uint8)
        kernels.yuv.from_bgr(picture, fields, colour._weights_from_bgr(meaning), *back)
        planes.append(back)
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 1
    for back in planes:
        assert np.abs(back[0].astype(int) - levels[0]).max() <= 1
        assert np.abs(back[1:, :12, :20].astype(int) - levels[1:, :12, :20]).max() <= 1
