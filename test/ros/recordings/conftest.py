"""Videos of every kind, made by PyAV."""

from fractions import Fraction

import numpy as np
import pytest

EXACT = 0x2 | 0x2000 | 0x4000 | 0x40000  # swscale: bilinear, full chroma, accurate rounding
MATRIX_601 = 5
DARK, PURE = [(16, 16, 140), (16, 112, 16), (140, 16, 16), (9, 5, 3)], [(0, 0, 255), (0, 255, 0), (255, 0, 0)]
PATCHES = [*DARK, *PURE, (200, 100, 50)]
CARD_MIDDLES = [(16, x) for x in range(16, 256, 32)] + [(48, x) for x in range(16, 256, 32)]


def colour_card(height=64, width=256):
    """Return a grey ramp over saturated patches, flat fields of 32 x 32, BGR."""
    card = np.empty((64, 256, 3), np.uint8)
    for index, patch in enumerate(PATCHES):
        card[:32, 32 * index : 32 * index + 32] = 255 * index // 7
        card[32:, 32 * index : 32 * index + 32] = patch
    return card[:height, :width]


def write_stream(path, frames, *, times=None, time_base=Fraction(1, 30), rate=30, codec="h264", pix_fmt="yuv420p",
                 options=None, tags=None, matrix=MATRIX_601, full_range=False, matrix_of_display=None, pixel_shape=None,
                 sound=None, container_options=None):  # fmt: skip
    """Encode BGR frames; `times` in ticks of the time base, `tags` are matrix, primaries and transfer."""
    import av

    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or ({"qp": "0"} if codec == "h264" else {}))
        height, width = frames[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.time_base = time_base
        if pixel_shape:
            context.sample_aspect_ratio = pixel_shape
        if tags:
            context.colorspace, context.color_primaries, context.color_trc = tags
            context.color_range = 2 if full_range else 1
        if matrix_of_display:
            stream.set_display_matrix(matrix_of_display)
        audio = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="bgr24").reformat(
                format=pix_fmt, dst_colorspace=matrix, src_color_range=2, dst_color_range=2 if full_range else 1,
                interpolation=EXACT,
            )  # fmt: skip
            picture.pts = index if times is None else times[index]
            picture.time_base = time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio is not None:
            for start in range(0, 48000 * len(frames) // rate, 1024):
                tone = (8000 * np.sin(np.arange(start, start + 1024) / 20)).astype(np.float32)[None] / 32768
                samples = av.AudioFrame.from_ndarray(
                    tone if audio.format.name == "fltp" else (tone * 32767).astype(np.int16),
                    format=audio.format.name, layout="mono",
                )  # fmt: skip
                samples.sample_rate, samples.pts, samples.time_base = 48000, start, Fraction(1, 48000)
                container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return path


@pytest.fixture(scope="session")
def encode():
    return write_stream


@pytest.fixture(scope="session")
def card():
    return colour_card


@pytest.fixture(scope="session")
def card_middles():
    return CARD_MIDDLES


@pytest.fixture(scope="session")
def enhance_video():
    """A function that enhances a video and returns what became of it."""
    from illumigan_model.enhancer import Enhancer
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.video import VideoReader

    def run(source, out, strength=0.0, **options):
        with Enhancer(strength=strength) as enhancer, VideoReader(source) as video:
            return offline.enhance_video(video, out, enhancer, lambda: None, **options)

    return run
