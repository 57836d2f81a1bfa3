"""Files are written whole or not at all, and a failure leaves one clear sentence.

What is being written has another name in the same folder, `.NAME.UNIQUE.part.SUFFIX`: it keeps its suffix, by which
some libraries choose the format, and takes its own name when it is complete and on the disk.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from illumigan_model.errors import FrameError, first_line

_NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def part_of(path: Path) -> Path:
    """Return a name for what is to become a file, in the same folder; nobody else has the same."""
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.part{path.suffix}")


def parts_in(folder: Path) -> Iterator[Path]:
    """Give what is being written in a folder, or was left over there."""
    yield from folder.glob(".*.part*")


@contextmanager
def whole_file(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give the place to write a file to; it gets its name if nothing is raised, and is removed otherwise.

    `mode` are the file's permissions; None leaves those that it is written with. Raises OSError.
    """
    _require_plain(path)
    part = part_of(path)
    try:
        yield part
        put_in_place(part, path, mode)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def put_in_place(part: Path, path: Path, mode: int | None = None) -> None:
    """Give a file that is complete its name, once its content is on the disk. Raises OSError."""
    _require_plain(path)
    if mode is not None:
        part.chmod(mode)
    sync(part)
    part.replace(path)


def no_file(path: Path) -> str | None:
    """Return what has a name that is no file: "a pipe", "a link to nothing". None for a file, or where nothing has it.

    Such things must not be opened as a file: a pipe waits for another process, and a device may never end.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing" if path.is_symlink() else None
    return next((what for test, what in _NO_FILES if test(mode)), None)


def why_no_file(path: Path, wanted: str, missing: str) -> str:
    """Return the beginning of a sentence on what is no file: "PATH is a folder and no " `wanted`, or `missing`."""
    what = no_file(path) if path.name else None  # an empty text is the path of the current folder, which nobody means
    return f"{shown(path)} is {what} and no {wanted}" if what else missing


def _require_plain(path: Path) -> None:
    """Raise OSError where something other than a file has the name: a device would be lost, a folder is in the way."""
    what = no_file(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if what and path.exists():  # a link to nothing may be replaced
        raise OSError(errno.EEXIST, f"it is {what}")


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    entry = os.open(path, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def require_writable(*files: Path | None) -> None:
    """Raise FrameError if a file cannot be written where a result is to go: said before the work, and not after it.

    Nothing is left there; None stands for a result that is not wanted.
    """
    for path in files:
        if path is not None:
            if not path.parent.is_dir():
                why = f"there is no folder {shown(path.parent)}; make it first"
                raise FrameError(f"{shown(path)} cannot be written: {why}.")
            part = part_of(path)
            try:
                _require_plain(path)
                part.touch(exist_ok=False)
                part.unlink()
            except OSError as error:
                raise unwritable(path, error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or none; raises FrameError if the place cannot be written."""
    write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a whole file, piece by piece, or none; raises FrameError if the place cannot be written."""
    try:
        with whole_file(path) as part, part.open("wb") as file:  # which is closed before it gets its name
            file.writelines(pieces)
    except OSError as error:
        raise unwritable(path, error) from error


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; raises FrameError if the place cannot be written."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def make_folder(path: Path) -> None:
    """Create a folder and its parents; raises FrameError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: Exception) -> FrameError:
    """Return the error that says why a file cannot be written."""
    name = shown(path)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return FrameError(f"The disk is full: {name} could not be written and was removed; free space or go elsewhere.")
    return FrameError(f"{name} cannot be written ({first_line(error)}).")


def shown(path: Path) -> str:
    """Return a path as it can be printed in a sentence, whatever is in it."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(path))


def require_outside(output: Path, folder: Path) -> None:
    """Raise FrameError if the output would lie in a folder that is the input."""
    if folder.is_dir() and folder.resolve() in output.resolve().parents:
        raise FrameError(f"{shown(output)} lies in the input {shown(folder)}; choose another place for the output.")


def require_two_places(output: Path, attention: Path) -> None:
    """Raise FrameError if the result and the attention map would be written to one place."""
    if output.resolve() == attention.resolve():
        raise FrameError(f"{shown(output)} cannot be the result and its attention map; give each a place of its own.")


def require_other_place(output: Path, source: Path) -> None:
    """Raise FrameError if the output would overwrite its own source."""
    if output.resolve() == source.resolve():
        raise FrameError(f"{shown(output)} is the input itself; choose another place for the output.")
