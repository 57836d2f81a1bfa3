"""Names of topics by image_transport's rule: where the base topic is remapped to, its transports go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node


def transport_topic(node: Node, base: str, transport: str) -> str:
    """Return the topic of a transport (`compressed`) of an image topic (`image`) on a node.

    It is the base topic's name, remapped, with the transport after it, unless the transport is remapped by its own
    name (`-r image/compressed:=...`).
    """
    topic = f"{base}/{transport}"
    if node.resolve_topic_name(topic) != node.resolve_topic_name(topic, only_expand=True):
        return topic
    return f"{node.resolve_topic_name(base)}/{transport}"


def in_namespace(namespace: str, topic: str) -> str:
    """Return a topic in a namespace of the node ("" for the node's own), relative unless the namespace is absolute."""
    return f"{namespace.rstrip('/')}/{topic}" if namespace else topic
