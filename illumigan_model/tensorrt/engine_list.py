"""What the cache of engines holds, and what goes when a new engine has been built.

That is what the new one replaces: engines of the same graph and precision for the same GPU, built by the same
installation for versions or options that it does not have any more. What another machine or another environment has
built stays, as they may share a home folder; and so does what a process runs or builds. What was set aside or left over
goes after a day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from illumigan_model.errors import ModelError
from illumigan_model.system.child_process import unwatched
from illumigan_model.system.files import parts_in
from illumigan_model.system.user_cache import DAY_S, remove_older_than_a_day
from illumigan_model.tensorrt.engine_folder import (
    LOCK,
    RECORD,
    Damaged,
    EngineRecord,
    check_owner,
    installation,
    locked,
    read_record,
    try_lock,
    verified,
)

STAYING = ("onnx", "precision", "gpu", "compute capability")  # what replaces an engine has in common with it


class Listed(NamedTuple):
    """An engine in the cache: its folder, its record, and "" or why it cannot be used anywhere."""

    folder: Path
    record: EngineRecord | None
    fault: str


def listed(root: Path) -> list[Listed]:
    """Return all engines in a cache; raises ModelError if it cannot be looked at."""
    found = []
    for folder in folders(root):
        try:
            record = verified(folder)
        except ModelError as error:
            found.append(Listed(folder, None, str(error)))
        else:
            if record is not None:
                found.append(Listed(folder, record, ""))
    return found


def folders(root: Path) -> list[Path]:
    """Return the folders of engines in a cache, which need not exist; raises ModelError if it cannot be looked at."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelError(f"The engines in {root} cannot be looked at ({error.strerror}).") from error


def differences(purpose: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what differs between the purpose of an engine and that of one built now: "gpu was Xavier and is Orin"."""
    was, is_now = dict(flat(purpose)), dict(flat(now))
    names = [name for name in {**was, **is_now} if was.get(name) != is_now.get(name)]
    return [f"{name} was {was.get(name, 'not there')} and is {is_now.get(name, 'not there')}" for name in names]


def flat(purpose: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the entries of a purpose, and of what is in it, by their names in words."""
    for name, value in purpose.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield name.replace("_", " "), value


def prune(new: Path, purpose: dict[str, Any]) -> None:
    """Remove what an engine replaces that has just been built, into the folder `new`, and what is left over.

    Whatever cannot be looked at or removed stays.
    """
    with suppress(ModelError):
        for folder in folders(new.parent):
            with suppress(OSError, ModelError):
                check_owner(folder)
                with locked(folder, 0, unwatched):  # nobody is building there
                    if folder != new and is_replaced(folder, purpose):
                        remove_unless_in_use(folder)
                    remove_older_than_a_day([*folder.glob("*.bad"), *parts_in(folder)])
                    if [path.name for path in folder.iterdir()] == [LOCK]:
                        (folder / LOCK).unlink()
                        folder.rmdir()


def is_replaced(folder: Path, purpose: dict[str, Any]) -> bool:
    """Return whether the engine in a folder was built by us, and for what the new one is built for now.

    One that lost its record, or never had one, is nobody's after a day; a record that cannot be read is somebody's.
    """
    if not (folder / RECORD).exists():
        return all(time.time() - engine.stat().st_mtime > DAY_S for engine in folder.glob("*.engine"))
    try:
        record = read_record(folder)
    except Damaged:
        return False
    if record is None or record.by != installation():
        return False
    was, now = dict(flat(record.purpose)), dict(flat(purpose))
    return all(was.get(name) == now.get(name) for name in STAYING)


def remove_unless_in_use(folder: Path) -> None:
    """Remove the engine in a folder that is locked, unless a process runs it; raises OSError."""
    for engine in folder.glob("*.engine"):
        with engine.open("rb+") as file:
            if not try_lock(file.fileno()):
                return
            (folder / RECORD).unlink(missing_ok=True)
            engine.unlink()
