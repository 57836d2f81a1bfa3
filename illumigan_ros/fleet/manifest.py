"""The list of what became of each bag, as JSON and CSV beside the results; a later run goes by it."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from illumigan_model.errors import FrameError, Incomplete
from illumigan_model.system.files import make_folder, shown, write_bytes, write_json

JSON_NAME, CSV_NAME, ROOM_NAME = "manifest.json", "manifest.csv", ".manifest.room"
ENHANCED, INCOMPLETE, SKIPPED, FAILED = "enhanced", "incomplete", "skipped", "failed"
SECONDS_BETWEEN = 1.0
ROOM_BYTES, ROOM_BYTES_A_BAG = 1 << 16, 1 << 12


@dataclass(frozen=True)
class Entry:
    """A bag by its name below the input folder, its images, the seconds that they took, what became of it and why.

    `core_seconds` are those of all cores together, which is what machines cost. `result` is ENHANCED, INCOMPLETE,
    SKIPPED or FAILED. `output` is the result's folder below the output folder, `sha256` the hash of what the bag holds,
    `recipe` that of how it was enhanced.
    """

    bag: str
    frames: int
    seconds: float
    result: str
    reason: str
    output: str = ""
    bytes: int = 0
    core_seconds: float = 0.0
    sha256: str = ""
    recipe: str = ""


def read(folder: Path) -> list[Entry]:
    """Return the entries of the run before; none if there was none. Raises FrameError if the list is damaged."""
    path = folder / JSON_NAME
    if not path.is_file():
        return []
    try:
        return [Entry(**entry) for entry in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError) as error:
        raise FrameError(f"{shown(path)} is damaged; remove it, and results that are whole are found anew.") from error


class Manifest:
    """The lists of a run, as it goes on; what a run before has listed stays in them until this one is through.

    Room for them is taken at once: where the bags fill the disk, they still tell of it.
    """

    def __init__(self, folder: Path, bags: int) -> None:
        """Begin, or go on with, the lists of so many bags; raises FrameError if there are some that are damaged."""
        make_folder(folder)
        self._folder = folder
        self.before = read(folder)
        self.entries: dict[str, Entry] = {}
        self._written = time.monotonic()
        self._room = folder / ROOM_NAME
        with suppress(OSError), self._room.open("wb") as room:
            os.posix_fallocate(room.fileno(), 0, ROOM_BYTES + bags * ROOM_BYTES_A_BAG)

    def add(self, entry: Entry) -> None:
        """List what became of a bag; it is in the files some moments later."""
        self.entries[entry.bag] = entry
        if time.monotonic() - self._written > SECONDS_BETWEEN:
            with suppress(FrameError):  # there may be room again when the next one is done
                self._write_all()
            self._written = time.monotonic()

    def finish(self) -> None:
        """Write the lists of this run, which is through; raises Incomplete if they cannot be written."""
        try:
            self._write(self.entries)
        except FrameError as error:
            raise Incomplete(f"The bags are done, but not listed: {error}") from error

    def _write_all(self) -> None:
        self._write({entry.bag: entry for entry in self.before} | self.entries)

    def _write(self, entries: dict[str, Entry]) -> None:
        rows = [asdict(entries[bag]) for bag in sorted(entries)]
        table = io.StringIO()
        writer = csv.DictWriter(table, [field.name for field in fields(Entry)])
        writer.writeheader()
        writer.writerows(rows)
        write_bytes(self._folder / CSV_NAME, table.getvalue().encode("utf-8", errors="surrogateescape"))
        write_json(self._folder / JSON_NAME, rows)

    def __enter__(self) -> Manifest:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Give the room back; where the run is broken off, write what there is to tell."""
        self._room.unlink(missing_ok=True)
        if kind is not None:
            with suppress(FrameError):
                self._write_all()
