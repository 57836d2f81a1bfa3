"""Which files make up a bag, told by what they are: their first bytes count more than their names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from illumigan_ros.recordings.metadata import FILE_NAME, Promise, read_promise

MCAP, SQLITE, ZSTD, ROS1 = "mcap", "sqlite3", "zstd", "ROS 1"
_MAGIC = {b"\x89MCAP": MCAP, b"SQLite format 3\0": SQLITE, b"\x28\xb5\x2f\xfd": ZSTD, b"#ROSBAG": ROS1}
_SUFFIXES = {".mcap": MCAP, ".db3": SQLITE, ".bag": ROS1}
_ZSTD_SUFFIXES = (".zstd", ".zst")


@dataclass
class BagFiles:
    """The storage files of a bag in the order of recording, and what its metadata.yaml promises, if it can be read.

    `losses` has a sentence for each file that is named and not there, `notes` one for what else is not as it should be.
    """

    files: list[Path]
    promise: Promise | None = None
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def kind_of(file: Path) -> str | None:
    """Return MCAP, SQLITE, ZSTD or ROS1; None if a file is nothing of that. Raises OSError if it cannot be read."""
    with file.open("rb") as opened:
        head = opened.read(16)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    # What a power cut has emptied has only its name left.
    return ZSTD if file.suffix.lower() in _ZSTD_SUFFIXES and storage_name(file) else _SUFFIXES.get(file.suffix.lower())


def is_bag(path: Path) -> bool:
    """Tell whether a path is a bag (a folder, or one of its files) rather than a video."""
    try:
        return path.is_dir() or kind_of(path) is not None
    except OSError:
        return False


def find_files(path: Path) -> BagFiles:
    """Find the files of a bag; `files` is empty for a folder without any."""
    if not path.is_dir():
        return BagFiles([path])
    present = _present(path)
    found = BagFiles([])
    try:
        promise = read_promise(path)
    except ValueError as error:
        found.notes.append(f"{error}; the files beside it are read in the order of their names.")
        promise = None
    if promise is None:
        found.files = present
        return found
    found.promise = promise
    by_name = {storage_name(file): file for file in present}
    missing = []
    for name in promise.files:
        file = path / name if (path / name).is_file() else by_name.get(storage_name(path / name))
        if file is None:
            missing.append(name)
        elif file not in found.files:
            found.files.append(file)
    _add_unnamed(found, [file for file in present if file not in found.files], missing)
    return found


def _add_unnamed(found: BagFiles, unnamed: list[Path], missing: list[str]) -> None:
    """Take files of the same recording that metadata.yaml does not name: it is older, or they were renamed."""
    series = {_series(file) for file in found.files}
    taken = [file for file in unnamed if not series or _series(file) in series]
    found.files += taken
    if taken:
        names = ", ".join(file.name for file in taken)
        found.notes.append(f"{FILE_NAME} does not name {names}, which {_is(taken)} read all the same.")
    else:
        found.losses += [f"{FILE_NAME} names {name}, which is not there." for name in missing]


def _present(folder: Path) -> list[Path]:
    """Return a folder's storage files in natural order; where a file lies beside its compressed copy, only the file."""
    candidates = [
        file
        for file in folder.iterdir()
        if not file.name.startswith(".") and storage_name(file) and file.is_file() and file.suffix.lower() != ".bag"
    ]
    chosen: dict[str, Path] = {}
    for file in sorted(candidates, key=lambda file: (file.suffix.lower() in _ZSTD_SUFFIXES, file.name)):
        chosen.setdefault(storage_name(file), file)
    return sorted(chosen.values(), key=_natural)


def storage_name(file: Path) -> str:
    """Return a file's name as it is without compression; empty if that is no storage file's."""
    name = file.name
    if file.suffix.lower() in _ZSTD_SUFFIXES:
        name = file.stem
    return name if Path(name).suffix.lower() in _SUFFIXES else ""


def _natural(file: Path) -> list[tuple[int, str]]:
    """Return a key that sorts drive_2 before drive_10."""
    words = re.split(r"(\d+)", file.name)
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]


def _series(file: Path) -> str:
    return re.sub(r"[_-]?\d+$", "", storage_name(file).rpartition(".")[0])


def _is(files: list[Path]) -> str:
    return "is" if len(files) == 1 else "are"
