"""How far a bag that is being made has come: kept in its folder, so that a run that was killed can be gone on with.

What the filters remember of each camera's frames is part of it, exactly: the result is that of an unbroken run.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import part_of, parts_in, unwritable, write_bytes

FILE_NAME = "unfinished.npz"
_TEXT = "position"


@dataclass(frozen=True)
class Position:
    """A place between two messages of the source.

    `messages` of it are done, their results are the first `end` bytes of the new file. `facts` are what has been
    counted, as JSON knows it, `memories` what each camera's Enhancer remembers (`Enhancer.memory`).
    """

    messages: int
    end: int
    facts: dict[str, Any]
    memories: list[dict[str, np.ndarray]]


def _begin(folder: Path, key: str) -> None:
    """Make the folder of a new bag, of which nothing is done yet: there at once with its position, or not at all.

    Raises FrameError if that is not possible.
    """
    part = part_of(folder)
    try:
        part.mkdir(parents=True)
        save(part, key, Position(0, 0, {}, []))
        part.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def save(folder: Path, key: str, position: Position) -> None:
    """Keep a position; `key` says of what input and by what options. Raises FrameError on a full disk."""
    memories = {
        f"{camera}/{name}": array for camera, memory in enumerate(position.memories) for name, array in memory.items()
    }
    told = {"key": key, "messages": position.messages, "end": position.end, "facts": position.facts}
    told["cameras"] = len(position.memories)
    content = io.BytesIO()
    np.savez(content, **{_TEXT: np.array(json.dumps(told)), **memories})  # type: ignore[arg-type]
    write_bytes(folder / FILE_NAME, content.getvalue())


def load(folder: Path, key: str) -> Position | None:
    """Return the position kept in a folder, None if there is none; raises FrameError if it is of another `key`."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            told = json.loads(str(content[_TEXT]))
            arrays = {name: content[name] for name in content.files if name != _TEXT}
        memories = [
            {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{camera}/")}
            for camera in range(told["cameras"])
        ]
        is_same, position = told["key"] == key, Position(told["messages"], told["end"], told["facts"], memories)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise FrameError(f"{folder} is unfinished, and {FILE_NAME} in it is damaged; remove the folder.") from error
    if not is_same:
        raise FrameError(
            f"{folder} is the unfinished result of another input, version or other options; go on with those, remove "
            "it, or choose another name."
        )
    return position


@contextmanager
def going_on(folder: Path, key: str) -> Iterator[Position]:
    """Give the position from which a bag is to be gone on with in a folder, which is made if there is none.

    Other processes are kept away from it. When the block ends, the bag is finished, and what was kept is removed; when
    an error ends it before anything was kept, the folder is. Raises FrameError if the folder is a finished bag or
    another one's.
    """
    ours = False
    try:
        if not folder.exists():
            _begin(folder, key)
            ours = True
        with _held(folder):
            position = load(folder, key)
            if position is None:
                raise FrameError(f"{folder} exists already; remove it or choose another name.")
            ours = True
            yield position
            for path in (folder / FILE_NAME, *parts_in(folder)):
                path.unlink(missing_ok=True)
    except BaseException as error:
        if ours and (kept := load(folder, key)) is not None and not kept.messages:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise unwritable(folder, error) from error
        raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes from working on the same folder; raises FrameError if one does already."""
    entry = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that knows no locks
            try:
                fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FrameError(f"{folder} is being written by another process; wait for it.") from error
        yield
    finally:
        os.close(entry)
