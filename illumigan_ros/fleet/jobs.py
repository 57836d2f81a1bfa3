"""Which bags there are below a folder, and where the result of each belongs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from illumigan_model.errors import FrameError
from illumigan_model.system.files import require_other_place, require_outside, shown
from illumigan_model.weights import sha256
from illumigan_ros.recordings.bag_files import storage_name
from illumigan_ros.recordings.metadata import FILE_NAME
from illumigan_ros.recordings.sqlite_files import logs_beside


@dataclass(frozen=True)
class Job:
    """A bag, a folder or a file, its name below the input folder, and the folder of its result.

    `clash` says why it cannot be done: another one's result has the same name.
    """

    bag: Path
    name: str
    out: Path
    clash: str = ""

    def size(self) -> int:
        """Return its bytes on the disk, as far as they can be counted."""
        try:
            return sum(file.stat().st_size for file in files_of(self.bag))
        except OSError:
            return 0


def find_jobs(in_dir: Path, out_dir: Path) -> list[Job]:
    """Find the bags below a folder, sorted by name: each folder with a metadata.yaml, and each storage file elsewhere.

    Results mirror the folders. Raises FrameError if there is no bag, or the results would lie among them.
    """
    if not in_dir.is_dir():
        raise FrameError(f"There is no folder {shown(in_dir)}.")
    require_other_place(out_dir, in_dir)
    require_outside(out_dir, in_dir)
    found: list[tuple[Path, Path]] = []
    for folder, folders, files in os.walk(in_dir):
        here = Path(folder)
        if FILE_NAME in files and here != in_dir:
            found.append((here, here.relative_to(in_dir)))
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in files:
            stored = "" if file.startswith(".") else storage_name(Path(file))
            if stored:
                found.append((here / file, (here / Path(stored).stem).relative_to(in_dir)))
    if not found:
        raise FrameError(f"There is no rosbag2 in {shown(in_dir)}: no folder with a {FILE_NAME}, no .mcap, no .db3.")
    jobs: list[Job] = []
    owners: dict[Path, str] = {}
    for bag, place in sorted(found):
        name = str(bag.relative_to(in_dir))
        owner = owners.setdefault(place, name)
        clash = (
            "" if owner == name else f"Its result would be called {place}, as that of {owner} is; rename one of them."
        )
        jobs.append(Job(bag, name, out_dir / place, clash))
    return jobs


def files_of(bag: Path) -> list[Path]:
    """Return the files that a bag consists of; raises OSError if the folder cannot be read."""
    if bag.is_dir():
        return sorted(file for file in bag.iterdir() if file.is_file() and not file.name.startswith("."))
    return [bag, *logs_beside(bag)]


def digest_of(bag: Path) -> str:
    """Return a hash of what a bag holds, whatever it and its files are called; raises OSError."""
    return hashlib.sha256(" ".join(sorted(sha256(file) for file in files_of(bag))).encode()).hexdigest()
