"""Which image topics of a bag are enhanced, and what the topics of their results are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from illumigan_model.errors import FrameError
from illumigan_ros.node.compressed_format import why_no_picture
from illumigan_ros.recordings.cdr import CAMERA_INFO, COMPRESSED_IMAGE, decode
from illumigan_ros.recordings.video_as_bag import Source

ENHANCED, ATTENTION, INFO = "enhanced/image", "attention/image", "enhanced/camera_info"
COMPRESSED = "/compressed"
DISTANCES = ("16UC1", "32FC1")
"""Encodings of depth images, https://ros.org/reps/rep-0118.html: no pictures, although their type is the same."""


@dataclass(frozen=True)
class Camera:
    """An image topic to enhance, the topics of what comes of it, and that of its CameraInfo, None if it has none."""

    topic: str
    enhanced: str
    attention: str
    info: str
    info_from: str | None


def plan_cameras(
    source: Source, wanted: Sequence[str] = (), compressed: bool = False
) -> tuple[list[Camera], list[str]]:
    """Return the cameras of a bag that are to be enhanced, and a sentence for each image topic that is not.

    Those are the `wanted` topics. Where none is named, all with images, except distances, what is a result already, and
    a compressed copy of another one. Results are called as the node calls them: /enhanced/image where the bag has one
    camera, and where it has several, in the namespace of each: of /front/image_raw comes /front/enhanced/image. Two
    cameras in one namespace get their whole names before it: /front/left/enhanced/image. With `compressed`, /compressed
    comes behind it.

    Raises FrameError if there is no such topic or nothing to enhance, and if a result's topic is in the bag already.
    """
    notes: list[str] = []
    filled = [topic for topic in source.image_topics if source.count(topic)]
    if wanted:
        chosen = list(dict.fromkeys(source.pick_image_topic(topic, "--topics") for topic in wanted))
        _require_distinct(chosen)
    else:
        chosen = _all_with_pictures(source, filled, notes)
    is_only_one = len(chosen) == 1 and {base_of(topic) for topic in filled} <= {base_of(chosen[0])}
    namespaces = Counter(_namespace(topic) for topic in chosen)
    cameras = []
    for topic in chosen:
        namespace = _namespace(topic)
        before = namespace if namespaces[namespace] == 1 else base_of(topic)
        before = "" if is_only_one else before
        suffix = COMPRESSED if compressed else ""
        cameras.append(
            Camera(
                topic=topic,
                enhanced=f"{before}/{ENHANCED}{suffix}",
                attention=f"{before}/{ATTENTION}{suffix}",
                info=f"{before}/{INFO}",
                info_from=_info_of(source, topic, alone=len(chosen) == 1),
            )
        )
    for camera in cameras:
        for made in (camera.enhanced, camera.attention, camera.info):
            if made in source.described:
                raise FrameError(
                    f"{source.path} has {made} already, where a result of {camera.topic} belongs; "
                    "enhance the bag that it was made from, or choose others with --topics."
                )
    return cameras, notes


def base_of(topic: str) -> str:
    """Return an image topic without its transport, as image_transport names them."""
    return topic.removesuffix(COMPRESSED)


def _namespace(topic: str) -> str:
    return base_of(topic).rpartition("/")[0]


def _require_distinct(chosen: Sequence[str]) -> None:
    for base, count in Counter(base_of(topic) for topic in chosen).items():
        if count > 1:
            raise FrameError(f"{base} and {base}{COMPRESSED} would have results of one name; enhance one of the two.")


def _all_with_pictures(source: Source, filled: Sequence[str], notes: list[str]) -> list[str]:
    if not filled:
        return [source.pick_image_topic(None, "--topics")]  # which says what is there instead
    chosen = []
    for topic in filled:
        why = _why_not(source, topic, filled)
        if why is None:
            chosen.append(topic)
        else:
            notes.append(f"{topic} is not enhanced: {why}.")
    if not chosen:
        raise FrameError(f"{source.path} has nothing to enhance: {' '.join(notes)} Choose all the same with --topics.")
    return chosen


def _why_not(source: Source, topic: str, filled: Sequence[str]) -> str | None:
    base = base_of(topic)
    if base.endswith((f"/{ENHANCED}", f"/{ATTENTION}")):
        return "it is a result already"
    if topic != base and base in filled:
        return f"it has the pictures of {base}"
    first = next(source.messages([topic]), None)
    try:
        image = None if first is None else decode(first)
    except FrameError:  # which is counted when its turn comes
        return None
    if image is None:
        return None
    if source.image_topics[topic] == COMPRESSED_IMAGE:
        why = why_no_picture(image.format)
        return None if why is None else f"it {why}"
    return "it has distances" if image.encoding in DISTANCES else None


def _info_of(source: Source, topic: str, *, alone: bool) -> str | None:
    """Return the CameraInfo topic beside an image topic; of a bag with one camera the only one, wherever it is."""
    infos = [name for name, described in source.described.items() if described.msgtype == CAMERA_INFO]
    beside = f"{_namespace(topic)}/camera_info"
    if beside in infos:
        return beside
    return infos[0] if alone and len(infos) == 1 else None
