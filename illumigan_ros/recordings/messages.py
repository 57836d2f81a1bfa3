"""One recorded message, and its topic, as they go from a storage file to whoever uses them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BagMessage:
    """One recorded message: its topic, type, time of recording (ns) and CDR bytes."""

    topic: str
    msgtype: str
    time_ns: int
    raw: bytes


@dataclass(frozen=True)
class BagTopic:
    """What a bag says of a topic beside its name.

    Its type; the YAML of the QoS profiles that its publishers offered, "" if unknown; the definition of the type, "" if
    there is none, and its language, `ros2msg` or `ros2idl`; the hash of the type (RIHS01), "" if unknown.
    """

    msgtype: str
    qos: str = ""
    definition: str = ""
    language: str = ""
    digest: str = ""
