"""/dev/shm: whether ROS can start there, whether there is room for Fast DDS, and whether frames fit into its segment.

Each participant lays out a segment in /dev/shm when it is made. A process that is killed, or ends itself because it
hangs, leaves its segment behind; where /dev/shm is full, frames cross the loopback network in pieces.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from illumigan_model.errors import IllumiganError
from illumigan_ros.node.environment import profiles_variable, runs_fast_dds

FOLDER = Path("/dev/shm")
DEFAULT_SEGMENT = 1 << 19  # bytes, where no profile says otherwise
PORTS = 1 << 23  # bytes beside the segment: the ports of this process and of those that come after it
TRACING_SECONDS = 2.0  # that LTTng is waited for: there are builds of ROS without it
_TRACING = r"lttng-ust-wait-\d+"  # a file of one page, and another one for the user, named with the number of the user
_SEGMENT = re.compile("fastdds_[0-9a-f]{16}")
OLD = 10.0  # seconds after which a segment without an owner is a dead one, and not one that is just being made
FRAMES_AT_ONCE = 3  # one that a listener reads, one that is kept for the next, one that is being written


def require_a_start() -> None:
    """
    Raise IllumiganError where importing ROS would end the process by SIGBUS; the segments of the dead go before that.

    LTTng, by which ROS is traced, reads from pages in /dev/shm that the kernel cannot give where it is full to the last
    byte. Fast DDS makes sure of its memory before it uses it, and does without otherwise.
    """
    if not FOLDER.is_dir() or _can_be_traced():
        return
    remove_dead_segments()
    if not _can_be_traced():
        raise IllumiganError(
            "/dev/shm is full to the last byte, and ROS 2 cannot start without two pages there: see what fills it "
            "(ls -lS /dev/shm), or make it larger (docker run --shm-size=512m)."
        )


def make_room() -> None:
    """
    See to it, before ROS starts, that there is room for this process's segment.

    Where there is none, the segments of processes that have died are removed; where that is not enough, stderr tells
    what it means and the remedy.
    """
    if not runs_fast_dds() or not FOLDER.is_dir() or _has_room():
        return
    removed = remove_dead_segments()
    if not _has_room():
        print(
            "/dev/shm is full, so frames cross the loopback network, which is slower: make it larger "
            "(docker run --shm-size=512m), or see what fills it (ls -lS /dev/shm).",
            file=sys.stderr,
        )
    elif removed:
        print(f"/dev/shm was full; {removed} segments that dead processes had left there are gone.", file=sys.stderr)


def let_tracing_begin() -> None:
    """
    Wait, after ROS is imported and where there is no room, until LTTng has its pages, which it gets on its own threads.

    For a moment, Fast DDS takes all that is left to see whether its segment fits, and LTTng must not ask meanwhile.
    """
    until = time.monotonic() + TRACING_SECONDS
    while FOLDER.is_dir() and not _has_room() and _pages_missing() and time.monotonic() < until:
        time.sleep(0.01)


def segment_bytes() -> int | None:
    """Return the size of the segments of this process, None where it has none: another middleware, or UDP alone."""
    if not runs_fast_dds():
        return None
    profile = os.environ.get(profiles_variable())
    if not profile:
        return DEFAULT_SEGMENT
    with suppress(OSError, ElementTree.ParseError, ValueError):
        elements = list(ElementTree.parse(profile).getroot().iter())
        texts = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in elements}
        if "segment_size" in texts:
            return int(texts["segment_size"])
        return None if texts.get("useBuiltinTransports") == "false" else DEFAULT_SEGMENT
    return DEFAULT_SEGMENT  # Fast DDS cannot read it either


def too_small_for(frame_bytes: int) -> str:
    """Return why the segment is too small for frames that take so many bytes, and what to do; "" where it is not."""
    segment, wanted = segment_bytes(), FRAMES_AT_ONCE * frame_bytes
    if segment is None or wanted <= segment:
        return ""
    return (
        f"Frames of {frame_bytes / 1e6:.1f} MB are large for Fast DDS' shared memory of {segment / 1e6:.1f} MB: some "
        f"may cross the loopback network in pieces. Copy config/fastdds_shm.xml, set its segment_size to {wanted}, and "
        f"name the copy in {profiles_variable()} for the camera, this node and its listeners."
    )


def remove_dead_segments() -> int:
    """Remove the segments of processes that have died, as `fastdds shm clean` does, and return how many those were.

    A living process holds a lock on the file beside its segment.
    """
    removed = 0
    for lock in FOLDER.glob("fastdds_*_el"):
        segment = lock.with_name(lock.name.removesuffix("_el"))
        with suppress(OSError):
            is_segment = _SEGMENT.fullmatch(segment.name) is not None  # not a port, which several may listen at
            if is_segment and time.time() - lock.stat().st_mtime > OLD:
                with lock.open() as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where it has an owner
                    segment.unlink(missing_ok=True)
                    lock.unlink()
                removed += 1
    return removed


def _has_room() -> bool:
    return _free_bytes() >= (segment_bytes() or 0) + PORTS


def _can_be_traced() -> bool:
    return _free_bytes() >= _pages_missing() * os.sysconf("SC_PAGE_SIZE")


def _pages_missing() -> int:
    """Return how many of the pages that LTTng reads from are not there yet, of two."""
    there = [path.name for path in FOLDER.glob("lttng-ust-wait-*") if path.stat().st_blocks]  # else it has no page yet
    kinds = (_TRACING, f"{_TRACING}-{os.getuid()}")
    return sum(not any(re.fullmatch(kind, name) for name in there) for kind in kinds)


def _free_bytes() -> int:
    disk = os.statvfs(FOLDER)
    return disk.f_bavail * disk.f_frsize
