"""Videos, as `illumigan enhance-video` takes them: what the tests of test/ros/recordings/test_video_*.py make."""

from inputs.section import Section

UNIT = 1 << 16
WRITTEN = (".mp4", ".mkv", ".mov")

# suffix, codec and sound of whole videos, and of such that are cut off
CONTAINERS = {
    "mp4": (".mp4", "h264", None),
    "mov with sound": (".mov", "h264", "aac"),
    "mkv": (".mkv", "h264", None),
    "mkv with sound": (".mkv", "h264", "aac"),
    "avi": (".avi", "mpeg4", None),
    "avi of JPEGs": (".avi", "mjpeg", None),
    "webm": (".webm", "libvpx", None),
    "flv": (".flv", "flv", None),
}

# tags (matrix, primaries, transfer), the matrix to make it with, and whether its range is full
COLOURS = {
    "BT.709": ((1, 1, 1), 1, False),
    "BT.601, 525 lines": ((6, 6, 6), 5, False),
    "BT.601, 625 lines": ((5, 5, 6), 5, False),
    "SMPTE 240M": ((7, 7, 7), 7, False),
    "BT.2020 SDR": ((9, 9, 14), 9, False),
    "BT.709, sRGB curve": ((1, 1, 13), 1, False),
    "BT.709, full range": ((1, 1, 1), 1, True),
    "BT.601, full range": ((6, 6, 6), 5, True),
}

# codec, planes, suffix
PLANES = (
    ("ffv1", "yuv420p10le", ".mkv"),
    ("ffv1", "yuv422p", ".mkv"),
    ("ffv1", "yuv444p", ".mkv"),
    ("ffv1", "gray", ".mkv"),
    ("rawvideo", "bgr24", ".avi"),
    ("prores_ks", "yuv422p10le", ".mov"),
)

# display matrices
TURNS = {
    "a quarter left": (0, -UNIT, 0, UNIT, 0, 0, 0, 0, 1 << 30),
    "a quarter right": (0, UNIT, 0, -UNIT, 0, 0, 0, 0, 1 << 30),
    "upside down": (-UNIT, 0, 0, 0, -UNIT, 0, 0, 0, 1 << 30),
    "mirrored": (-UNIT, 0, 0, 0, UNIT, 0, 0, 0, 1 << 30),
    "turned and mirrored": (0, UNIT, 0, UNIT, 0, 0, 0, 0, 1 << 30),
}

# suffix, sound, suffix of what is written
SOUNDS = (
    (".mp4", "aac", ".mp4"),
    (".mp4", "aac", ".mkv"),
    (".mkv", "flac", ".mp4"),
    (".mov", "pcm_s16le", ".mov"),
    (".ts", "aac", ".mp4"),
)
FIELDS = ("tff", "bff")


def rows():
    for name, (_, codec, _) in CONTAINERS.items():
        yield "file", f"{name} ({codec})", "read; of one that is cut off, what is there, and the missing frames counted"
    for codec, planes, suffix in PLANES:
        yield "pixels", f"`{planes}` ({codec}, `{suffix}`)", "read"
    for name in COLOURS:
        yield "colour", name, "kept: matrix, primaries, transfer and range"
    for suffix in WRITTEN:
        yield "time", f"frames at times of their own, written to `{suffix}`", "kept, each frame's"
    for name in TURNS:
        yield "rotation", name, "applied for the network, kept in the file; so is the shape of the pixels"
    for order in FIELDS:
        yield "fields", {"tff": "interlaced, upper first", "bff": "interlaced, lower first"}[order], "kept"
    for suffix, sound, target in SOUNDS:
        yield "sound", f"{sound} in `{suffix}`, written to `{target}`", "copied"


SECTION = Section(
    title="Videos",
    introduction=(
        "Read by `illumigan enhance-video` and `illumigan play-bag` through FFmpeg, written as H.264 to `"
        + "`, `".join(WRITTEN)
        + "`. Without tags of colour the usual ones of the size are taken and written; HDR becomes BT.709, which is "
        "said, and a matrix that is not known is refused. Sound, subtitles, chapters and titles are copied where the "
        "container can hold them, and named where it cannot."
    ),
    head=("what", "kind", "what becomes of it"),
    table=tuple(rows()),
)
