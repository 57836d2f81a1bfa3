"""Message definitions, which an mcap file carries so that others can read its messages without the packages."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

_FIELD = re.compile(r"^\s*(?P<type>[A-Za-z][\w/]*)(<=\d+)?(\[[^\]]*\])?\s+\w")
_PRIMITIVES = {"bool", "byte", "char", "string", "wstring", "float32", "float64"}
_PRIMITIVES |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


@cache
def typestore() -> Typestore:
    """Return the standard ROS 2 message definitions; the camera messages are the same in every distribution."""
    return get_typestore(Stores.LATEST)


def definition_of(msgtype: str) -> tuple[str, str]:
    """Return the definition of a message type as mcap's `ros2msg` text, and the hash of the type.

    A type that is not among the standard ones is looked up where ROS packages are installed. Both are empty if it is
    not found, the hash alone where only ROS itself could make it; such messages can be recorded all the same.
    """
    if msgtype in typestore().fielddefs:
        text, _ = typestore().generate_msgdef(msgtype, ros_version=2)
        return text, typestore().hash_rihs01(msgtype)
    texts: dict[str, str] = {}
    waiting = [msgtype]
    while waiting:
        name = waiting.pop(0)
        if name not in texts:
            installed = _installed_text(name)
            if installed is None:
                return "", ""
            texts[name] = installed
            waiting += _nested_types(installed, name.split("/")[0])
    first, *others = texts.items()
    parts = [first[1], *(f"MSG: {_short(name)}\n{text}" for name, text in others)]
    return f"\n{'=' * 80}\n".join(parts), ""


def _installed_text(msgtype: str) -> str | None:
    package, kind, name = msgtype.split("/")
    for prefix in [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]:
        path = Path(prefix) / "share" / package / kind / f"{name}.msg"
        if prefix and path.is_file():
            return path.read_text("utf-8", errors="replace").rstrip() + "\n"
    return None


def _nested_types(text: str, package: str) -> list[str]:
    """Return the full names of the message types among the fields of a .msg file."""
    names = [match["type"] for line in text.splitlines() if (match := _FIELD.match(line.split("#")[0]))]
    found = []
    for name in names:
        if name not in _PRIMITIVES:
            owner, _, own_name = name.rpartition("/")
            found.append(f"{(owner or package).removesuffix('/msg')}/msg/{own_name}")
    return found


def _short(msgtype: str) -> str:
    package, _, name = msgtype.split("/")
    return f"{package}/{name}"
