"""Pictures in files, as `illumigan enhance-images` takes them."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, features
from PIL.ImageCms import ImageCmsProfile, createProfile

from inputs.section import Section

PROFILE = ImageCmsProfile(createProfile("sRGB")).tobytes()
# Flat quarters, which no compression moves far: red, green, grey, black.
RGB = np.zeros((64, 96, 3), np.uint8)
RGB[:32, :48], RGB[:32, 48:], RGB[32:, :48] = (90, 20, 20), (20, 80, 30), 60
GREY = RGB[..., 0]
ALPHA = np.full((64, 96), 255, np.uint8)
ALPHA[:, :16] = 0


def always():
    return True


@dataclass(frozen=True)
class PictureInput:
    """A kind of file: its suffixes, what it may hold, how to make one, and what must be found in it.

    `pixels` are the RGB that is to be read (uint16 if that is what comes), `near` how far off they may be; `alpha` and
    `profile`: whether these come along. `needs` names what must be there to read it.
    """

    suffixes: str
    holds: str
    make: Callable[[], bytes]
    pixels: np.ndarray = field(default_factory=lambda: RGB)
    near: int = 0
    alpha: bool = False
    profile: bool = False
    is_grey: bool = False
    needs: Callable[[], bool] = always


def by_pillow(mode, format_, **options):
    def make():
        picture = Image.fromarray(RGB)
        if mode in ("RGBA", "LA"):
            picture.putalpha(Image.fromarray(ALPHA))
        if mode == "P":
            picture = picture.quantize(8)
        file = io.BytesIO()
        picture.convert(mode).save(file, format_, **options)
        return file.getvalue()

    return make


def by_opencv(suffix, pixels):
    def make():
        return cv2.imencode(suffix, pixels)[1].tobytes()

    return make


def transparent_palette():
    picture = Image.fromarray(np.where(ALPHA > 0, 1, 0).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 90, 20, 20])
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0)
    return file.getvalue()


def transparent_gif():
    picture = Image.fromarray(np.where(ALPHA > 0, 1, 0).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 90, 20, 20])
    second = Image.fromarray(np.ones_like(ALPHA), "P")
    second.putpalette([0, 0, 0, 200, 200, 200])
    file = io.BytesIO()
    picture.save(file, "GIF", transparency=0, save_all=True, append_images=[second])
    return file.getvalue()


def grey_16bit_png_with_alpha():
    return deep_png(np.dstack([GREY.astype(np.uint16) * 257, ALPHA.astype(np.uint16) * 257]), 4)


def grey_16bit_png_with_a_transparent_level():
    level = 259  # which differs from a level of the picture in what eight bits do not keep
    pixels = np.where(ALPHA > 0, GREY.astype(np.uint16) * 257, level)
    return deep_png(pixels, 0, chunk(b"tRNS", struct.pack(">H", level)))


def deep_png(pixels, colour_type, chunks=b""):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 16, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_tiff(pixels, photometric, **tags):
    """Make a TIFF of sixteen bits; `photometric` is 0 for grey with white as zero, 2 for RGB, 5 for CMYK."""

    def make():
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        data = pixels.astype("<u2").tobytes()
        bits = struct.pack(f"<{channels}H", *[16] * channels)
        fields = {256: 96, 257: 64, 259: 1, 262: photometric, 273: 8 + len(bits), 277: channels, 278: 64}
        fields |= {279: len(data)} | ({338: tags["extra_samples"]} if tags else {})
        entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items()]
        place_of_bits = struct.pack("<I", 8) if len(bits) > 4 else bits.ljust(4, b"\0")
        entries.insert(2, struct.pack("<HHI", 258, 3, channels) + place_of_bits)
        start = 8 + len(bits) + len(data)
        directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        return struct.pack("<2sHI", b"II", 42, start) + bits + data + directory

    return make


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def twelve_bit_pgm():
    return b"P5\n# a comment\n96 64\n4095\n" + (GREY * np.uint16(16)).astype(">u2").tobytes()


def heic():
    from pillow_heif import from_pillow

    file = io.BytesIO()
    from_pillow(Image.fromarray(RGB)).save(file, quality=95)
    return file.getvalue()


def has_heif():
    try:
        import pillow_heif
    except ImportError:
        return False
    return bool(pillow_heif.options)


def luma(rgb):
    return np.repeat(np.asarray(Image.fromarray(rgb).convert("L"))[..., None], 3, axis=2)


DEEP = RGB[..., ::-1].astype(np.uint16) * 257  # BGR, as OpenCV writes it
DEEP_RGB = RGB.astype(np.uint16) * 257
WITH_ALPHA = np.dstack([DEEP, ALPHA.astype(np.uint16) * 257])
THREE = (slice(None), slice(None), None)
DEEP_GREY = np.repeat((GREY.astype(np.uint16) * 257)[THREE], 3, axis=2)
TRANSPARENT = np.where(ALPHA[THREE] > 0, np.array([90, 20, 20], np.uint8), np.uint8(0))
LUMA = luma(RGB)
INKS = np.asarray(Image.fromarray(RGB).convert("CMYK")).astype(np.uint16) * 257

PICTURES = (
    PictureInput(".png", "8-bit RGB, colour profile", by_pillow("RGB", "PNG", icc_profile=PROFILE), profile=True),
    PictureInput(".png", "8-bit RGB with alpha", by_pillow("RGBA", "PNG"), alpha=True),
    PictureInput(".png", "palette", by_pillow("P", "PNG")),
    PictureInput(".png", "palette with transparency", transparent_palette, TRANSPARENT, alpha=True),
    PictureInput(".png", "grey", by_pillow("L", "PNG"), LUMA, is_grey=True),
    PictureInput(".png", "grey with alpha", by_pillow("LA", "PNG"), LUMA, alpha=True, is_grey=True),
    PictureInput(".png", "16-bit RGB", by_opencv(".png", DEEP), DEEP_RGB),
    PictureInput(".png", "16-bit RGB with alpha", by_opencv(".png", WITH_ALPHA), DEEP_RGB, alpha=True),
    PictureInput(".png", "16-bit grey", by_opencv(".png", DEEP_GREY[..., 0]), DEEP_GREY, is_grey=True),
    PictureInput(".png", "16-bit grey with alpha", grey_16bit_png_with_alpha, DEEP_GREY, alpha=True, is_grey=True),
    PictureInput(
        ".png", "16-bit grey with a transparent level", grey_16bit_png_with_a_transparent_level, DEEP_GREY, alpha=True,
        is_grey=True,
    ),
    PictureInput(
        ".jpg, .jpeg", "RGB, colour profile", by_pillow("RGB", "JPEG", quality=95, icc_profile=PROFILE), RGB, 6,
        profile=True,
    ),
    PictureInput(".jpg, .jpeg", "grey", by_pillow("L", "JPEG", quality=95), LUMA, 6, is_grey=True),
    PictureInput(".jpg, .jpeg", "CMYK, becomes sRGB", by_pillow("CMYK", "JPEG", quality=95), RGB, 8),
    PictureInput(".tif, .tiff", "8-bit RGB with alpha", by_pillow("RGBA", "TIFF"), alpha=True),
    PictureInput(".tif, .tiff", "grey with alpha", by_pillow("LA", "TIFF"), LUMA, alpha=True, is_grey=True),
    PictureInput(".tif, .tiff", "CMYK, becomes sRGB", by_pillow("CMYK", "TIFF"), RGB, 2),
    PictureInput(".tif, .tiff", "CMYK of 16 bits, of which 8 become sRGB", deep_tiff(INKS, 5), RGB, 2),
    PictureInput(
        ".tif, .tiff", "LZW, colour profile", by_pillow("RGB", "TIFF", compression="tiff_lzw", icc_profile=PROFILE),
        profile=True,
    ),
    PictureInput(".tif, .tiff", "16-bit RGB", by_opencv(".tiff", DEEP), DEEP_RGB),
    PictureInput(".tif, .tiff", "16-bit grey", by_opencv(".tiff", DEEP_GREY[..., 0]), DEEP_GREY, is_grey=True),
    PictureInput(
        ".tif, .tiff", "16-bit grey, zero is white", deep_tiff(65535 - DEEP_GREY[..., 0], 0), DEEP_GREY, is_grey=True
    ),
    PictureInput(
        ".tif, .tiff", "16-bit RGB with alpha",
        deep_tiff(np.dstack([DEEP_RGB, WITH_ALPHA[..., 3]]), 2, extra_samples=2), DEEP_RGB, alpha=True,
    ),
    PictureInput(
        ".tif, .tiff", "16-bit RGB and a channel without meaning",
        deep_tiff(np.dstack([DEEP_RGB, WITH_ALPHA[..., 3]]), 2, extra_samples=0), DEEP_RGB,
    ),
    PictureInput(
        ".webp", "RGB with alpha, colour profile",
        by_pillow("RGBA", "WEBP", lossless=True, exact=True, icc_profile=PROFILE), alpha=True, profile=True,
    ),
    PictureInput(".bmp", "RGB", by_pillow("RGB", "BMP")),
    PictureInput(".ppm, .pnm", "8-bit RGB", by_pillow("RGB", "PPM")),
    PictureInput(".pgm, .pnm", "grey, of as many bits as it says; where OpenCV is 4.13 or newer", twelve_bit_pgm,
                 (np.round(DEEP_GREY / 257.0) * 16 * 65535 / 4095).round().astype(np.uint16), 1, is_grey=True,
                 needs=lambda: tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 13)),
    PictureInput(".gif", "first frame, with its transparency", transparent_gif, TRANSPARENT, alpha=True),
    PictureInput(".jp2, .j2k", "RGB with alpha", by_pillow("RGBA", "JPEG2000"), alpha=True,
                 needs=lambda: features.check("jpg_2000")),
    PictureInput(".avif", "RGB with alpha, colour profile",
                 by_pillow("RGBA", "AVIF", quality=95, icc_profile=PROFILE), RGB, 8, alpha=True, profile=True,
                 needs=lambda: features.check("avif")),
    PictureInput(".heic, .heif", "RGB; where pillow-heif is installed", heic, RGB, 8, needs=has_heif),
)  # fmt: skip

SECTION = Section(
    title="Pictures",
    introduction=(
        "Read by `illumigan enhance-images`, turned upright by their orientation tag, written as 8-bit PNG with the "
        "colour profile and the alpha channel that they came with; what is grey stays grey. Where there are several "
        "pictures in a file, the first one is taken. JPEGs that lack only their end are read; whatever lacks pixels is "
        "named and left out. Photos for training and evaluation are read alike, and of them the colours alone are used."
    ),
    head=("suffix", "what it holds", "bits", "profile", "alpha"),
    table=tuple(
        (
            f"`{row.suffixes.replace(', ', '`, `')}`",
            row.holds,
            "16" if row.pixels.dtype == np.uint16 else "8",
            "kept" if row.profile else "",
            "kept" if row.alpha else "",
        )
        for row in PICTURES
    ),
)
