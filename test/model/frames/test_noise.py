import cv2
import numpy as np
import pytest

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames import curves, noise
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.kernels import compiled, plain
from illumigan_model.frames.noise import Noise, estimate_chroma_noise, estimate_noise
from illumigan_model.frames.thumbnails import Reductions


def surroundings_of(frame):
    reductions = Reductions()
    reductions.begin(frame)
    return reductions.surroundings()


@pytest.fixture(scope="module")
def denoised():
    """Denoise a frame and change nothing else."""
    same = np.broadcast_to(np.vstack([curves.IDENTITY, [[[0]]]]), (25, 9, 16)).astype(np.float32)
    fused = FusedPass(2)

    def denoise(frame, sigma, blocks=0.0, rounding=0.0, keep_grain=False, share=1.0):
        def look():
            return Noise(sigma, blocks, rounding, share=share), surroundings_of(frame), None

        return fused.begin(frame, look, keep_grain=keep_grain).finish(same)[0]

    yield denoise
    fused.close()


@pytest.fixture(scope="module")
def dim(day):
    """A real picture in a tenth of its light, without noise of its own, float."""
    return day.astype(np.float32) / 10


def noisy(picture, sigma):
    grain = np.random.default_rng(5).normal(0, sigma, picture.shape)
    return np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)


def error(frame, truth):
    return float(np.sqrt(np.mean((frame.astype(np.float32) - truth) ** 2)))


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_a_noisy_picture_comes_nearer_to_the_clean_one(dim, denoised, sigma):
    frame = noisy(dim, sigma)
    truth = denoised(noisy(dim, 0), 0.0)
    assert error(denoised(frame, *estimate_noise(frame)[:3]), truth) < 0.7 * error(denoised(frame, 0.0), truth)


def test_a_picture_by_itself_keeps_some_grain_and_more_if_it_is_faint(denoised):
    def left(sigma, keep_grain):
        frame = noisy(np.full((128, 128, 3), 30, np.float32), sigma)
        made = denoised(frame, sigma, keep_grain=keep_grain)
        return cv2.cvtColor(made, cv2.COLOR_BGR2GRAY).std() / cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).std()

    assert left(3, keep_grain=False) < 0.5
    assert 0.02 < left(3, keep_grain=True) - left(3, keep_grain=False) < 0.15
    assert left(0.5, keep_grain=True) - left(0.5, keep_grain=False) > 0.3


@pytest.mark.parametrize("keep_grain", [False, True])
def test_a_small_share_of_denoising_takes_a_small_share_of_the_noise(denoised, keep_grain):
    frame = noisy(np.full((128, 128, 3), 30, np.float32), 3)
    none, little, half, all_of_it = (
        denoised(frame, 3, keep_grain=keep_grain, share=share).std() for share in (0.0, 0.1, 0.5, 1.0)
    )
    assert none > little > half > all_of_it
    assert 0.05 < (none - little) / (none - all_of_it) < 0.5


def test_black_that_cuts_noise_off_does_not_hide_it():
    frame = np.full((360, 640, 3), -1.0)
    frame[:, 240:] = 8
    assert estimate_noise(noisy(frame, 1.5)).sigma == pytest.approx(1.5, rel=0.15)


def test_rounding_to_whole_levels_is_hardly_noise(dim, denoised):
    smooth = cv2.GaussianBlur(dim, None, 5)
    frame = noisy(np.minimum(3 * smooth, 255), 0)
    assert estimate_noise(frame).sigma < 0.29  # the deviation of what rounding takes and adds, 1 / sqrt(12)
    assert error(denoised(frame, *estimate_noise(frame)[:3], keep_grain=True), denoised(frame, 0.0)) < 0.6


def test_a_picture_with_hardly_any_noise_stays_as_it_is(day, denoised):
    assert error(denoised(day, 0.1), denoised(day, 0.0)) < 0.6


def test_a_wall_gets_calm_and_its_edge_keeps_its_height(denoised):
    wall = np.full((128, 128, 3), 20, np.float32)
    wall[:, 64:] = 60
    frame = noisy(wall, 3)
    made = denoised(frame, 3.0)
    for side in (slice(2, 62), slice(66, 126)):
        assert made[:, side].std() < 0.45 * frame[:, side].std()
    assert made[:, 64].mean() - made[:, 63].mean() > 0.9 * 40


def test_a_speck_unlike_all_around_it_fades(denoised):
    frame = np.full((64, 64, 3), 20, np.uint8)
    frame[32, 32] = 60
    made = denoised(frame, 1.5)
    assert made[32, 32].mean() < 20 + 0.5 * 40
    assert made[33, 33].mean() < 23


def test_the_frame_is_denoised_up_to_its_border(denoised):
    frame = noisy(np.full((90, 97, 3), 25, np.float32), 3)
    made = denoised(frame, 3.0)
    for border in (made[0], made[-1], made[:, 0], made[:, -1]):
        assert border.std() < 0.6 * frame.std()


@pytest.mark.parametrize("kernels", [compiled, plain])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 8.0])
def test_the_noise_estimate_finds_the_noise(monkeypatch, kernels, sigma):
    monkeypatch.setattr(noise, "open_kernels", lambda: kernels)
    frame = noisy(np.full((360, 640, 3), 60.0), sigma)
    assert noise.estimate_noise(frame).sigma == pytest.approx(sigma, rel=0.1, abs=0.35)


def test_texture_is_no_noise(day):
    dim = day.astype(np.float32) / 3
    clean, grainy = estimate_noise(noisy(dim, 0)).sigma, estimate_noise(noisy(dim, 2)).sigma
    assert clean < 0.35
    assert 1.5 < grainy < 2.5


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("pattern", [[[0, 20], [20, 0]], [[0, 20], [0, 20]], [[20, 30], [30, 45]]])
def test_a_pattern_of_every_second_pixel_is_no_noise(pattern, sigma):
    frame = np.tile(np.array(pattern, np.float32), (90, 160))[:, :, None] + 20
    grain = np.random.default_rng(0).normal(0, sigma, frame.shape)
    frame = np.repeat(np.clip(frame + grain + 0.5, 0, 255).astype(np.uint8), 3, axis=2)
    assert noise.estimate_noise(frame).sigma == pytest.approx(sigma, rel=0.5)


def test_blocks_are_seen_in_what_a_codec_left_and_nowhere_else(day):
    dim = noisy(day.astype(np.float32) / 10, 1)
    assert estimate_noise(dim).blocks == 0
    assert estimate_noise(day).blocks == 0
    for quality in (10, 30):
        packed = cv2.imencode(".jpg", dim, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        assert estimate_noise(cv2.imdecode(packed, cv2.IMREAD_COLOR)).blocks > 0.9


def test_steps_between_blocks_are_levelled_and_things_stay(denoised):
    frame = np.full((96, 128, 3), 12, np.uint8)
    frame[np.add.outer(np.arange(96) // 8, np.arange(128) // 8) % 2 == 0] = 14
    frame[:, 64:68] = 50
    made = denoised(frame, 0.0, 1.0).astype(int)
    assert np.abs(np.diff(made[8:88, 8:56], axis=1)).max() <= 1
    assert made[:, 65].mean() > 45


@pytest.mark.parametrize("height,width", [(512, 512), (16, 16), (17, 100)])
def test_without_numba_the_noise_is_the_same(monkeypatch, night, height, width):
    frame = np.ascontiguousarray(night[:height, :width])
    fast = noise.estimate_noise(frame)
    monkeypatch.setattr(noise, "open_kernels", lambda: plain)
    assert noise.estimate_noise(frame) == fast


def apart(picture):
    """The colours of a picture: what departs from luminance, B and R."""
    picture = picture.astype(np.float32)
    return (picture - (picture @ np.float32([0.114, 0.587, 0.299]))[:, :, None])[:, :, ::2]


@pytest.mark.parametrize(("keep_grain", "share"), [(True, 0.4), (False, 0.15)])  # a picture by itself, and a stream
def test_small_coloured_things_keep_their_colours_in_noise(denoised, keep_grain, share):
    scene = np.full((160, 160, 3), 14, np.float32)
    spots = [(y, x) for y in range(16, 150, 32) for x in range(16, 150, 32)]
    for y, x in spots:
        scene[y : y + 4, x : x + 4] = (12, 13, 20)  # a tail light, no brighter than what is around it
    made = apart(denoised(noisy(scene, 1.2), 1.2, keep_grain=keep_grain))
    red = np.mean([made[y : y + 4, x : x + 4, 1].mean() for y, x in spots])
    assert red > share * apart(scene)[16, 16, 1]


@pytest.mark.parametrize("sigma", [0.6, 1.2, 2.5, 5.0])
def test_grey_noise_leaves_no_colours(denoised, sigma):
    frame = noisy(np.full((160, 160, 3), 40, np.float32), sigma)
    made = denoised(frame, *estimate_noise(frame)[:3])
    assert apart(made).std() < 0.25 * apart(frame).std() + 0.35  # what rounding to whole levels adds


def subsampled(scene, sigma):
    """A noisy frame as cameras and codecs send it, with one colour for four pixels."""
    planes = cv2.cvtColor(noisy(scene, sigma), cv2.COLOR_BGR2YUV_I420)
    return cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)


def mosaicked(scene, sigma):
    """A noisy frame of a grey scene from a sensor that sees one colour in each pixel."""
    seen = noisy(np.stack([scene.mean(axis=2) * 16] * 3, axis=2), sigma * 16)[:, :, 0]
    return (cv2.cvtColor(seen, cv2.COLOR_BayerRGGB2BGR) / 16 + 0.5).astype(np.uint8)


@pytest.mark.parametrize("filmed", [subsampled, mosaicked])
@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_noise_that_is_coarser_in_colour_leaves_no_colours_either(filmed, sigma):
    frame = filmed(np.full((240, 320, 3), 12, np.float32), sigma)
    with Enhancer(temporal=False, threads=1) as enhancer:
        made = apart(enhancer.enhance(frame).image).std()
        enhancer.denoise = 0.0
        assert made < 0.25 * apart(enhancer.enhance(frame).image).std()


def test_coarse_noise_does_not_cost_small_things_their_colours():
    scene = np.full((240, 320, 3), 14, np.float32)
    spots = [(y, x) for y in range(24, 230, 32) for x in range(24, 310, 32)]
    for y, x in spots:
        scene[y : y + 6, x : x + 6] = (10, 12, 30)
    frame = subsampled(scene, 2)
    with Enhancer(temporal=False, threads=1) as enhancer:
        made = apart(enhancer.enhance(frame).image)
        enhancer.denoise = 0.0
        plain = apart(enhancer.enhance(frame).image)
    kept, there = (np.mean([of[y : y + 6, x : x + 6, 1].mean() for y, x in spots]) for of in (made, plain))
    assert kept > 0.6 * there


def test_a_pattern_of_colours_that_fills_the_frame_keeps_them_in_noise():
    stripes = np.where(np.arange(320) // 4 % 2, np.float32([[8], [10], [26]]), np.float32([[26], [10], [8]])).T
    frame = noisy(np.broadcast_to(stripes, (240, 320, 3)), 1)
    with Enhancer(temporal=False, threads=1) as enhancer:
        made = apart(enhancer.enhance(frame).image).std()
        enhancer.denoise = 0.0
        assert made > 0.7 * apart(enhancer.enhance(frame).image).std()


@pytest.mark.parametrize("size", [(16, 16), (17, 100), (360, 640)])
@pytest.mark.parametrize("shade", [0, 20, 250])
def test_what_is_of_one_colour_has_no_noise_in_it(size, shade):
    frame = np.full((*size, 3), (shade, shade // 2, shade), np.uint8)
    assert estimate_chroma_noise(surroundings_of(frame).mean) == pytest.approx(0, abs=0.1)
    white = np.full((*size, 3), 255, np.uint8)
    assert estimate_chroma_noise(surroundings_of(white).mean) == pytest.approx(0, abs=0.1)


def test_an_edge_between_two_colours_does_not_bleed_in_noise(denoised):
    scene = np.full((120, 160, 3), (24, 12, 10), np.float32)
    scene[:, 80:] = (10, 12, 24)
    made = apart(denoised(noisy(scene, 1.5), 1.5))
    blue, red = made[:, 73:77, 0].mean(), made[:, 83:87, 1].mean()
    assert blue > 0.85 * apart(scene)[0, 0, 0] and red > 0.85 * apart(scene)[0, -1, 1]
