"""The environment in which several ROS processes on one machine exchange frames fast and undisturbed."""

from __future__ import annotations

import os
import random
import socket
import sys
from pathlib import Path

from illumigan_model.errors import IllumiganError
from illumigan_model.version import installed_version

# Without the first three, glibc returns each frame's memory to the system and gets it back page by page. Without the
# last, threads have arenas of their own, and what lies free at the end of one stays with the process for good, as then
# neither the thresholds nor malloc_trim let go of it: a node of changing cameras grew by 8 MB a minute.
MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_ARENA_MAX": "1",
}


def shared_file(name: str) -> Path | None:
    """Return a file of the package's share folder (`config/...`), from a source tree or an installation, or None."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    folders = [
        Path(__file__).resolve().parents[2],
        *(Path(prefix) / "share/illumigan" for prefix in prefixes if prefix),
    ]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def frame_environment(*, shm: bool = True, malloc: bool = True) -> dict[str, str]:
    """
    Return what a process that exchanges frames wants in its environment and does not have there yet.

    `shm` names, where Fast DDS runs, the profile with a shared memory segment that frames fit into; `malloc` makes
    glibc keep the memory of frames for reuse. What the user has set already is left as it is.
    """
    wanted = dict(MALLOC) if malloc else {}
    profile = shared_file("config/fastdds_shm.xml")
    if shm and profile is not None and runs_fast_dds():
        wanted[profiles_variable()] = str(profile)
    return {name: value for name, value in wanted.items() if name not in os.environ}


def ros_environment() -> dict[str, str]:
    """Return the environment of the three processes: a domain of their own, shared memory, a calm allocator."""
    environment = {
        **os.environ,
        **frame_environment(),
        "ROS_DOMAIN_ID": str(_free_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    return environment


def runs_fast_dds() -> bool:
    """Return whether Fast DDS is the middleware, as it is by default from Humble to Lyrical."""
    return "fastrtps" in (os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp")


def profiles_variable() -> str:
    """Return the environment variable that names Fast DDS' profile file; version 3, from Kilted on, renamed it."""
    distribution = os.environ.get("ROS_DISTRO")
    if distribution is None and installed_version("ros-jazzy-rclpy"):
        distribution = "jazzy"
    is_old = distribution in ("humble", "iron", "jazzy")
    return "FASTRTPS_DEFAULT_PROFILES_FILE" if is_old else "FASTDDS_DEFAULT_PROFILES_FILE"


def _free_domain() -> int:
    """Return a ROS domain in which nobody on this machine listens."""
    for domain in random.sample(range(1, 100), 99):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7410 + 250 * domain))  # where a domain's first participant listens
            except OSError:
                continue
            return domain
    raise IllumiganError("All ROS domains from 1 to 99 are in use on this machine; stop some ROS programs.")
