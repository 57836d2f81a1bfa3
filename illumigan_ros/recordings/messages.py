"""One recorded message, as it goes from a storage file to whoever uses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BagMessage:
    """One recorded message: its topic, type, time of recording (ns) and CDR bytes."""

    topic: str
    msgtype: str
    time_ns: int
    raw: bytes
