"""What an ordinary video of the dark looks like when it is brightened: no purple, no blocks."""

import io

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames import curves
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.noise import NONE, Noise, estimate_noise
from illumigan_model.frames.thumbnails import Reductions

av = pytest.importorskip("av", reason="needs PyAV")


def filmed(photo, crf):
    """The last frame of a slow pan over a photo in next to no light, as a phone's H.264 has it: its black is purple."""
    wide = cv2.resize(photo, (360, 360), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    rng, packed = np.random.default_rng(0), io.BytesIO()
    with av.open(packed, "w", "mp4") as file:
        stream = file.add_stream("h264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for i in range(8):
            light = wide[i : i + 192, 2 * i : 2 * i + 320] ** 2.2 / 400 + rng.normal(0, 0.0003, (192, 320, 3))
            shades = np.maximum(255 * np.maximum(light, 0) ** (1 / 2.2) - 8, 0)
            planes = cv2.cvtColor(np.round(shades).astype(np.uint8), cv2.COLOR_BGR2YUV_I420)
            planes[192:] += 2
            file.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        file.mux(stream.encode(None))
    packed.seek(0)
    with av.open(packed) as file:
        *_, last = file.decode(video=0)
        return last.to_ndarray(format="bgr24")


def edge_ratio(frame):
    """How much larger steps are at the edges of 8 x 8 blocks than elsewhere."""
    edges, others = [], []
    for picture in (frame, frame.transpose(1, 0, 2)):
        steps = np.abs(np.diff(picture.astype(np.float32).mean(2), axis=1)).mean(0)
        edges.append(steps[7::8].mean())
        others.append(np.delete(steps, slice(7, None, 8)).mean())
    return sum(edges) / sum(others)


@pytest.mark.parametrize(
    "photo,crf", [("astronaut", 28), ("astronaut", 32), ("astronaut", 36), ("coffee", 28), ("coffee", 32)]
)
@pytest.mark.parametrize("model", ["curve_grid", "curve_grid_detect"])
def test_a_brightened_phone_video_of_the_dark_is_neither_purple_nor_blocky(model, photo, crf):
    frame = filmed(getattr(data, photo)()[:, :, ::-1], crf)
    with Enhancer(model, "torch", temporal=False) as enhancer:
        made = enhancer.enhance(frame).image.astype(int)
    black = frame.max(axis=2) <= 4
    assert black.mean() > 0.05
    assert made.mean() > 1.5 * frame.mean()
    assert np.ptp(made, axis=2)[black].mean() <= 4
    assert edge_ratio(frame) > 2.7
    assert edge_ratio(made) <= 2.5


def test_attention_unet_leaves_no_tint_in_the_black_of_a_phone_video_either():
    frame = filmed(data.coffee()[:, :, ::-1], 32)
    with Enhancer("attention_unet", "torch", temporal=False) as enhancer:
        made = enhancer.enhance(frame).image.astype(int)
    assert made.mean() > 2 * frame.mean()
    assert np.ptp(made, axis=2)[frame.max(axis=2) <= 4].mean() <= 4
    assert edge_ratio(made) <= 2.5


def brightened(frame, noise):
    """A frame under the curve sqrt(x), which makes 16 levels of the first."""
    knots = np.tile(np.linspace(0, 1, 8, dtype=np.float32), 3)[:, None, None]
    grid = np.broadcast_to(np.vstack([knots, [[[0]]]]), (25, *curves.GRID_WH[::-1])).astype(np.float32)
    fused, reductions = FusedPass(2), Reductions()
    reductions.begin(frame)
    made, _ = fused.begin(frame, lambda: (noise, reductions.surroundings(), None)).finish(grid)
    fused.close()
    return made.astype(int)


def test_a_glow_that_fades_into_black_has_no_edges_where_it_is_rounded():
    y, x = np.mgrid[0:240, 0:480]
    glow = 12 * np.exp(-np.hypot(x - 240, y - 120) / 90)
    frame = np.round(glow[:, :, None] * [0.8, 0.6, 1.2]).astype(np.uint8)
    hard, soft = (np.abs(np.diff(brightened(frame, noise), axis=1)).max() for noise in (NONE, estimate_noise(frame)))
    assert hard >= 5
    assert soft <= 3


def test_the_first_levels_lie_near_each_other_where_no_noise_hides_that_they_are_whole():
    frame = np.repeat(np.arange(8, dtype=np.uint8), 40)[None, :, None].repeat(64, 0).repeat(3, 2)
    for noise, least, most in ((NONE, 14, 18), (Noise(0.0, 0.0, whole=1.0), 8, 12)):
        steps = np.diff(brightened(frame, noise)[32, 20::40].mean(axis=1))
        assert least <= steps[0] <= most
        assert (steps > 2).all()


def test_a_red_glow_shows_no_blocks_where_its_green_is_one_level_or_none():
    y, x = np.mgrid[0:120, 0:240]
    frame = np.zeros((120, 240, 3), np.uint8)
    frame[:, :, 2] = 60 - x // 6
    frame[:, :, 1] = (x // 8 + y // 8) % 2
    hard, soft = (np.abs(np.diff(brightened(frame, noise)[:, :, 1], axis=1)) for noise in (NONE, estimate_noise(frame)))
    assert hard.max() >= 10
    assert soft.max() <= 6


def test_a_faint_thing_in_the_dark_is_no_rounding():
    frame = np.full((120, 160, 3), 3, np.uint8)
    frame[50:54, 40:120] = 6
    cleaned, plain = (brightened(frame, noise) for noise in (Noise(0.0, 0.0, rounding=1.0), NONE))
    heights = [made[51, 80].mean() - made[20, 80].mean() for made in (cleaned, plain)]
    assert heights[0] > 0.8 * heights[1] > 5


def test_chroma_fades_near_black_and_lit_things_keep_their_colours():
    frame = np.empty((48, 64, 3), np.uint8)
    frame[:, :20], frame[:, 20:40], frame[:, 40:] = (4, 0, 3), (4, 4, 30), (6, 20, 3)
    made = brightened(frame, Noise(0.0, 0.0, doubt=1.0))
    black, red, green = made[0, 10], made[0, 30], made[0, 50]
    assert np.ptp(black) <= 4 and black.mean() > 10
    for colour, shade in ((red, (4, 4, 30)), (green, (6, 20, 3))):
        wanted = np.sqrt(np.array(shade) / 255) * 255
        assert np.ptp(colour) > 0.9 * np.ptp(wanted)


def test_dark_colours_are_kept_where_noise_shows_that_they_are_there():
    frame = np.full((96, 128, 3), (12, 4, 4), np.uint8)
    noises = [np.random.default_rng(0).normal(0, sigma, frame.shape) for sigma in (0, 0.8, 4)]
    frames = [np.clip(frame + noise + 0.5, 0, 255).astype(np.uint8) for noise in noises]
    doubts = [estimate_noise(frame).doubt for frame in frames]
    assert doubts == [1, 0, 1]  # levels are whole; they are not; black cuts off what is noise
    none, some = (np.ptp(brightened(frame, Noise(0.0, 0.0, doubt=doubt))[48, 64]) for doubt in (1.0, 0.0))
    wanted = np.ptp(np.sqrt(np.array([12, 4, 4]) / 255) * 255)
    assert none < 0.6 * wanted < 0.7 * wanted < some


def test_the_deep_dark_does_not_pump_where_noise_comes_and_goes():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:180, 0:320]
    scene = 1 + 8 * (x // 40) / 7 + 0 * y
    with Enhancer("curve_grid_detect", "torch", daylight_gate=False) as enhancer:
        dim = []
        for i in range(120):
            noise = rng.normal(0, 0.3 * (i // 15 % 2), (180, 320, 3))
            frame = np.clip(np.round(scene[:, :, None] + noise), 0, 255).astype(np.uint8)
            dim.append(enhancer.enhance(frame, stamp=i / 30).image[:, 5:35].mean())
    assert np.ptp(dim[60:]) < 6


def test_near_black_is_as_bright_however_much_is_denoised_and_rises_with_the_strength():
    frame = np.repeat(np.arange(1, 9, dtype=np.uint8), 40)[None, :, None].repeat(180, 0).repeat(3, 2)
    with Enhancer("curve_grid_detect", "torch", temporal=False, daylight_gate=False) as enhancer:
        made = []
        for enhancer.denoise in (0.0, 0.5, 1.0):
            made.append(enhancer.enhance(frame).image[90, 20::40].mean(axis=1))
        assert np.ptp(made, axis=0).max() < 4
        rising = []
        for enhancer.strength in (0.2, 0.4, 0.6, 0.8, 1.0):
            rising.append(enhancer.enhance(frame).image[90, 20::40].mean(axis=1))
        assert (np.diff(rising, axis=0) >= -0.5).all()
