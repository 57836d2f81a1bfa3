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
    pixels = np.dstack([GREY.astype(">u2") * 257, ALPHA.astype(">u2") * 257]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", 96, 64, 16, 4, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


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
        ".jpg, .jpeg", "RGB, colour profile", by_pillow("RGB", "JPEG", quality=95, icc_profile=PROFILE), RGB, 6,
        profile=True,
    ),
    PictureInput(".jpg, .jpeg", "grey", by_pillow("L", "JPEG", quality=95), LUMA, 6, is_grey=True),
    PictureInput(".jpg, .jpeg", "CMYK, becomes sRGB", by_pillow("CMYK", "JPEG", quality=95), RGB, 8),
    PictureInput(".tif, .tiff", "8-bit RGB with alpha", by_pillow("RGBA", "TIFF"), alpha=True),
    PictureInput(".tif, .tiff", "grey with alpha", by_pillow("LA", "TIFF"), LUMA, alpha=True, is_grey=True),
    PictureInput(".tif, .tiff", "CMYK, becomes sRGB", by_pillow("CMYK", "TIFF"), RGB, 2),
    PictureInput(
        ".tif, .tiff", "LZW, colour profile", by_pillow("RGB", "TIFF", compression="tiff_lzw", icc_profile=PROFILE),
        profile=True,
    ),
    PictureInput(".tif, .tiff", "16-bit RGB", by_opencv(".tiff", DEEP), DEEP_RGB),
    PictureInput(".tif, .tiff", "16-bit grey", by_opencv(".tiff", DEEP_GREY[..., 0]), DEEP_GREY, is_grey=True),
    PictureInput(
        ".webp", "RGB with alpha, colour profile",
        by_pillow("RGBA", "WEBP", lossless=True, exact=True, icc_profile=PROFILE), alpha=True, profile=True,
    ),
    PictureInput(".bmp", "RGB", by_pillow("RGB", "BMP")),
    PictureInput(".ppm, .pnm", "8-bit RGB", by_pillow("RGB", "PPM")),
    PictureInput(".pgm, .pnm", "grey, of as many bits as its header says", twelve_bit_pgm,
                 (np.round(DEEP_GREY / 257.0) * 16 * 65535 / 4095).round().astype(np.uint16), 1, is_grey=True),
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
