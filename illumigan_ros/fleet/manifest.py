"""The list of what became of each bag, as JSON and CSV beside the results; a later run goes by it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from illumigan_model.errors import FrameError
from illumigan_model.system.files import shown, write_bytes, write_json

JSON_NAME, CSV_NAME = "manifest.json", "manifest.csv"


@dataclass(frozen=True)
class Entry:
    """A bag by its name below the input folder, its images, the seconds that they took, what became of it and why.

    `output` is the result's folder below the output folder, `sha256` the hash of what the bag holds, `recipe` that of
    how it was enhanced.
    """

    bag: str
    frames: int
    seconds: float
    result: str
    reason: str
    output: str = ""
    bytes: int = 0
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


def write(folder: Path, entries: Sequence[Entry] | Mapping[str, Entry]) -> None:
    """Write both lists, sorted by bag; raises FrameError if they cannot be written."""
    listed = sorted(entries.values() if isinstance(entries, Mapping) else entries, key=lambda entry: entry.bag)
    rows = [asdict(entry) for entry in listed]
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(Entry)])
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(folder / CSV_NAME, table.getvalue().encode("utf-8", errors="surrogateescape"))
    write_json(folder / JSON_NAME, rows)
