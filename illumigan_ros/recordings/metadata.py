"""The metadata.yaml of a rosbag2: what it promises, and one for a bag of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from rosbags.interfaces import Qos, QosTime

FILE_NAME = "metadata.yaml"
VERSION = 8  # keeps the QoS spelling that Humble and Jazzy read as well as Kilted
_FOREVER = {"sec": 2147483647, "nsec": 4294967295}
KEEP_LAST, RELIABLE, BEST_EFFORT, TRANSIENT_LOCAL, VOLATILE, AUTOMATIC = 1, 1, 2, 1, 2, 1


@dataclass(frozen=True)
class Promise:
    """What a metadata.yaml says about its bag: the storage files in order, and the number of messages of each topic."""

    files: list[str]
    counts: dict[str, int]


@dataclass(frozen=True)
class TopicEntry:
    """What is written about one topic; `qos` is the YAML of the offered profiles, `digest` the hash of its type."""

    topic: str
    msgtype: str
    qos: str
    digest: str
    count: int


def read_promise(folder: Path) -> Promise | None:
    """Read a bag folder's metadata.yaml; None if there is none. Raises ValueError if it is empty or damaged."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        information = content["rosbag2_bagfile_information"]
        files = [PurePosixPath(name).name for name in information["relative_file_paths"]]
        counts: dict[str, int] = {}
        for entry in information["topics_with_message_count"]:
            topic = entry["topic_metadata"]["name"]
            counts[topic] = counts.get(topic, 0) + int(entry["message_count"])
    except PermissionError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} is empty or damaged") from error
    return Promise(files, counts)


def read_custom_data(folder: Path) -> dict[str, str]:
    """Return what the maker of a bag has noted for himself; nothing where the bag is not finished or cannot be read."""
    try:
        content = yaml.load((folder / FILE_NAME).read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return dict(content["rosbag2_bagfile_information"]["custom_data"] or {})
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return {}


def qos_of(profiles: Sequence[Qos]) -> str:
    """Return the YAML of what `rosbags` has read of the offered QoS profiles, in the spelling of version 8."""
    if not profiles:
        return ""
    return _dump([{name: _plain(value) for name, value in profile._asdict().items()} for profile in profiles]).strip()


def _plain(value: Any) -> Any:
    """Return a policy's number, or a time's seconds and nanoseconds."""
    return value.value if isinstance(value, Enum) else value._asdict() if isinstance(value, QosTime) else value


def qos_yaml(*, reliable: bool = True, latched: bool = False, depth: int = 5) -> str:
    """Return the YAML of one QoS profile, in the spelling of version 8."""
    profile = {
        "history": KEEP_LAST,
        "depth": depth,
        "reliability": RELIABLE if reliable else BEST_EFFORT,
        "durability": TRANSIENT_LOCAL if latched else VOLATILE,
        "deadline": _FOREVER,
        "lifespan": _FOREVER,
        "liveliness": AUTOMATIC,
        "liveliness_lease_duration": _FOREVER,
        "avoid_ros_namespace_conventions": False,
    }
    return _dump([profile]).strip()


def metadata_yaml(
    file_name: str,
    times_ns: tuple[int, int] | None,
    topics: Sequence[TopicEntry],
    custom_data: Mapping[str, str] | None = None,
) -> str:
    """Return the metadata.yaml of a bag with one mcap file.

    `times_ns` are those of its first and last message, `custom_data` what its maker notes for himself.
    """
    start, end = times_ns or (0, 0)
    whole = {
        "starting_time": {"nanoseconds_since_epoch": start},
        "duration": {"nanoseconds": end - start},
        "message_count": sum(entry.count for entry in topics),
    }
    information: dict[str, Any] = {
        "version": VERSION,
        "storage_identifier": "mcap",
        "relative_file_paths": [file_name],
        **whole,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": entry.topic,
                    "type": entry.msgtype,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": entry.qos,
                    "type_description_hash": entry.digest,
                },
                "message_count": entry.count,
            }
            for entry in topics
        ],
        "compression_format": "",
        "compression_mode": "",
        "files": [{"path": file_name, **whole}],
        "custom_data": dict(custom_data) if custom_data else None,
        "ros_distro": "illumigan",
    }
    return _dump({"rosbag2_bagfile_information": information})


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: aliases would puzzle other readers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)
