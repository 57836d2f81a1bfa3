"""The permissions that the documentation gives are those that a node needs, and a picture may not claim any size."""

import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from illumigan_model.errors import FrameError
from illumigan_ros.detection.detect_node import DetectNode
from illumigan_ros.node.enhance_node import EnhanceNode
from illumigan_ros.node.messages import compressed_to_bgr, to_bgr

DOCS = Path(__file__).resolve().parents[3] / "docs"
EVERY_OUTPUT = {
    EnhanceNode: ("publish_compressed", "publish_side_by_side", "use_sim_time"),
    DetectNode: ("publish_compressed", "use_sim_time"),
}


def allowed(name: str, kind: str, action: str) -> set[str]:
    (profile,) = ElementTree.parse(DOCS / f"{name}_policy.xml").getroot().iter("profile")
    found = [one.text or "" for group in profile.findall(kind) if group.get(action) == "ALLOW" for one in group]
    return {text.replace("~", f"/{name}") if text.startswith("~") else f"/{text.lstrip('/')}" for text in found}


@pytest.mark.parametrize("make_node", EVERY_OUTPUT)
def test_the_policy_allows_what_a_node_with_every_output_does_and_no_more(bench, make_node):
    chosen = dict.fromkeys(EVERY_OUTPUT[make_node], True)
    running = bench({**chosen, "lazy": False}, make_node=make_node, topics=())
    node = running.node
    running.wait(lambda: node.streams[""].camera.is_subscribed)
    name, namespace = node.get_name(), node.get_namespace()

    def publishing() -> set[str]:
        return {topic for topic, _ in node.get_publisher_names_and_types_by_node(name, namespace)}

    def subscribing() -> set[str]:
        return {topic for topic, _ in node.get_subscriber_names_and_types_by_node(name, namespace)}

    def serving() -> set[str]:
        return {service for service, _ in node.get_service_names_and_types_by_node(name, namespace)}

    unused = {"/detections"}  # not without vision_msgs
    running.wait(lambda: allowed(name, "topics", "publish") - publishing() <= unused)  # the graph learns of them
    elsewhere = {"/image/compressed", "/parameter_events"}
    running.wait(lambda: allowed(name, "topics", "subscribe") - subscribing() <= elsewhere)
    not_in_humble = {f"/{name}/get_type_description"}
    running.wait(lambda: allowed(name, "services", "reply") - serving() <= not_in_humble)
    assert publishing() <= allowed(name, "topics", "publish")
    assert subscribing() | elsewhere == allowed(name, "topics", "subscribe")
    assert serving() <= allowed(name, "services", "reply")


def png_that_claims(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    made = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return made


def jpeg_that_claims(width: int, height: int) -> bytes:
    """Make a JPEG whose header claims another size than it has."""
    jpeg = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def field(jpeg: bytes, polarity: int) -> bytes:
    """Make a field of a Motion JPEG frame."""
    return jpeg[:2] + b"\xff\xe0\x00\x10AVI1" + bytes([polarity]) + bytes(9) + jpeg[2:]


JPEG_BOMB, SMALL_JPEG = jpeg_that_claims(30_000, 30_000), jpeg_that_claims(16, 16)
BOMBS = {
    "PNG": png_that_claims(30_000, 30_000),
    "JPEG": JPEG_BOMB,
    "JPEG behind bytes of the driver's own": b"\x55\xaa\x00" + JPEG_BOMB,
    "JPEG with bytes between its segments, which decoders skip": JPEG_BOMB[:20] + b"\0\0" + JPEG_BOMB[20:],
    "JPEG with filling between its segments": JPEG_BOMB[:20] + b"\xff\xff" + JPEG_BOMB[20:],
    "second field of an interlaced frame": field(SMALL_JPEG, 1) + field(JPEG_BOMB, 2),
    "JPEG without its end": JPEG_BOMB[:-2],
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_picture_that_claims_too_many_pixels_is_refused_before_it_is_decoded(bomb):
    with pytest.raises(FrameError, match=r"more than max_pixels"):
        compressed_to_bgr(SimpleNamespace(format="png", data=bomb), max_pixels=1 << 20)


def test_a_picture_whose_size_only_a_decoder_could_tell_is_not_decoded():
    bomb = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n" + bytes(100)
    with pytest.raises(FrameError, match="no picture"):
        compressed_to_bgr(SimpleNamespace(format="hdr", data=bomb))


def test_a_message_that_claims_two_gigabytes_in_a_hundred_bytes_is_refused():
    fields = {"encoding": "bgr8", "height": 20_000, "width": 36_000, "step": 108_000, "is_bigendian": 0}
    with pytest.raises(FrameError, match="cut off"):
        to_bgr(SimpleNamespace(data=bytes(100), **fields))
